// The only code that walks untrusted bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/ids.h"
#include "repo-format/wire_writer.h"

namespace cairn {

// A bounded cursor. It fails once and stays failed: every later read gives zero or nothing, so a parser reads a run of
// fields and looks at `status()` before it uses them; before it allocates or loops on a count it calls Count(), which
// fails where the count cannot fit into what is left. Borrows the bytes. One thread at a time.
class WireReader {
 public:
  // `what` names the structure in errors ("pack directory"); it must outlive the reader (a literal).
  WireReader(ByteSpan bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  uint8_t U8();
  uint16_t U16();
  uint32_t U32();
  uint64_t U64();
  uint64_t V() {  // rejects forms that are longer than needed
    const bool is_short = !failed_ && offset_ < bytes_.size() && bytes_[offset_] < 0x80;
    return is_short ? bytes_[offset_++] : LongV();
  }
  int64_t S();
  WireTime Time();  // rejects nanoseconds of 10^9 and more
  ByteSpan Raw(uint64_t size) {
    if (failed_) return {};
    if (size > bytes_.size() - offset_) return RawBehindEnd(size);
    const ByteSpan part = bytes_.subspan(offset_, size);
    offset_ += size;
    return part;
  }
  ByteSpan String(uint64_t size_max);
  template <class IdType>
  IdType Get() {
    const ByteSpan raw = Raw(IdType::kSize);
    return raw.size() == IdType::kSize ? IdType::FromBytes(raw) : IdType();
  }
  PackName GetPackName();
  // A count of things of at least `size_min` bytes each, at most `count_max`; 0 after failure.
  uint64_t Count(uint64_t size_min, uint64_t count_max);

  uint64_t remaining() const { return failed_ ? 0 : bytes_.size() - offset_; }
  uint64_t offset() const { return offset_; }
  bool failed() const { return failed_; }
  // Marks the structure as broken, for a rule of SPEC that the parser itself checks.
  void Fail(std::string_view why);
  void Unsupported(std::string_view why);
  Result<void> status() const { return failed_ ? Failure() : Result<void>(); }
  // status(), or kCorrupt where bytes are left.
  Result<void> Finish() const { return !failed_ && offset_ != bytes_.size() ? LeftOver() : status(); }

 private:
  uint64_t LongV();
  ByteSpan RawBehindEnd(uint64_t size);
  Error Failure() const;
  Error LeftOver() const;

  ByteSpan bytes_;
  std::string_view what_;
  uint64_t offset_ = 0;
  bool failed_ = false;
  bool unsupported_ = false;
  std::string why_;
};

// A record that this program does not know (even tags only), kept so that a rewrite carries it on.
struct UnknownRecord {
  uint64_t tag = 0;
  Bytes value;
  friend bool operator==(const UnknownRecord&, const UnknownRecord&) = default;
};

// Walks records to the end of `bytes`. `known(tag, value reader)` returns false for a tag that it does not know: an odd
// one is then kUnsupported, an even one is added to `unknown`. A tag below its predecessor, and an equal one that
// `repeats(tag)` does not allow, is kCorrupt. Each value's reader must be finished by `known` (left-over bytes fail).
Result<void> ReadRecords(ByteSpan bytes, std::string_view what, std::vector<UnknownRecord>& unknown,
                         const std::function<bool(uint64_t tag)>& repeats,
                         const std::function<bool(uint64_t tag, WireReader& value)>& known);

// Known and unknown records in ascending order: call Add in ascending order for those that are known, then for those
// that are not, then Take.
class RecordWriter {
 public:
  void Add(uint64_t tag, ByteSpan value) { known_.Record(tag, value); }
  void Add(const std::vector<UnknownRecord>& unknown);  // once
  void AddU8(uint64_t tag, uint8_t value);
  void AddU64(uint64_t tag, uint64_t value);
  void AddV(uint64_t tag, uint64_t value);
  void AddTime(uint64_t tag, const WireTime& value);
  Bytes Take() &&;

 private:
  WireWriter known_;
  std::vector<UnknownRecord> unknown_;
};

}  // namespace cairn
