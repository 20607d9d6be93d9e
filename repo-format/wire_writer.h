// Appends the integers, strings and records of SPEC section 1 to a buffer.
#pragma once

#include <array>
#include <cstdint>

#include "repo-format/base/bytes.h"
#include "repo-format/ids.h"

namespace cairn {

// A moment: seconds since 1970 UTC and nanoseconds below 10^9.
struct WireTime {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  friend auto operator<=>(const WireTime&, const WireTime&) = default;
};

// One thread at a time. Mirror of WireReader.
class WireWriter {
 public:
  void U8(uint8_t value) { bytes_.push_back(value); }
  void U16(uint16_t value);
  void U32(uint32_t value);
  void U64(uint64_t value);
  void V(uint64_t value);
  void S(int64_t value);
  void Raw(ByteSpan bytes) { Append(bytes_, bytes); }
  void String(ByteSpan bytes);
  void String(std::string_view text) { String(AsBytes(text)); }
  void Time(const WireTime& time);
  template <class Tag, size_t N>
  void Put(const Id<Tag, N>& id) {
    Raw(id.bytes());
  }
  void Put(const PackName& name);

  // A record: tag, length, value. Tags of one field ascend: a CHECK (equal ones where SPEC lets them repeat).
  void Record(uint64_t tag, ByteSpan value);
  // One whose value `write(*this)` appends: less than 128 bytes.
  template <class Write>
  void ShortRecord(uint64_t tag, const Write& write) {
    BeginRecord(tag);
    const size_t begin = size();
    U8(0);
    write(*this);
    EndShort(begin);
  }

  size_t size() const { return bytes_.size(); }
  const Bytes& bytes() const { return bytes_; }
  Bytes Take() && { return std::move(bytes_); }

 private:
  void BeginRecord(uint64_t tag);
  void EndShort(size_t begin);  // the length that stands there

  Bytes bytes_;
  uint64_t last_tag_ = 0;
};

}  // namespace cairn
