// The bytes of SPEC, put together by hand: nothing here uses the encoders that are tested with it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/ids.h"
#include "tests/support/matchers.h"

namespace cairn::encoding_test {

inline Bytes Fill(size_t size, uint8_t value) { return Bytes(size, value); }
inline Bytes Text(std::string_view text) { return ToBytes(AsBytes(text)); }
inline Bytes Join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) Append(all, part);
  return all;
}
inline Bytes U(uint64_t value, size_t size) {  // u8 u16 u32 u64
  Bytes bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(i < 8 ? static_cast<uint8_t>(value >> (8 * i)) : 0);
  return bytes;
}
inline Bytes V(uint64_t value) {
  Bytes bytes;
  for (; value > 127; value /= 128) bytes.push_back(static_cast<uint8_t>(128 + value % 128));
  bytes.push_back(static_cast<uint8_t>(value));
  return bytes;
}
inline Bytes String(const Bytes& bytes) { return Join({V(bytes.size()), bytes}); }
inline Bytes EnvelopeBytes(uint8_t fill) { return Join({U(0x0020, 2), U(80, 2), Fill(80, fill)}); }

template <class IdType>
IdType IdOf(uint8_t fill) {
  return IdType::FromBytes(Fill(IdType::kSize, fill));
}

inline const Bytes kTime = {0x02, 0x05};                             // 1 s, 5 ns
inline const Bytes kTimeTooFine = Join({{0x02}, V(1'000'000'000)});  // 10^9 ns

// Records in order, that can be made wrong.
struct Records {
  using Record = std::pair<uint64_t, Bytes>;
  std::vector<Record> list;

  Bytes Encode() const {
    Bytes bytes;
    for (const auto& [tag, value] : list) Append(bytes, Join({V(tag), String(value)}));
    return bytes;
  }
  // All records of this tag gone.
  Records Without(uint64_t tag) const {
    Records changed = *this;
    std::erase_if(changed.list, [&](const Record& record) { return record.first == tag; });
    return changed;
  }
  // One more, behind those of its tag and of lower ones.
  Records Plus(uint64_t tag, const Bytes& value) const {
    Records changed = *this;
    const auto place = std::ranges::upper_bound(changed.list, tag, {}, &Record::first);
    changed.list.insert(place, {tag, value});
    return changed;
  }
  // With this value as the only one of its tag.
  Records With(uint64_t tag, const Bytes& value) const { return Without(tag).Plus(tag, value); }
};

}  // namespace cairn::encoding_test
