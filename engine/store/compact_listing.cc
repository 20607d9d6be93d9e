#include "engine/store/compact_listing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "repo-format/base/check.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr size_t kBlockBytesMin = 4 * kKiB, kBlockBytesMax = kMiB;
constexpr std::string_view kDigits = "0123456789abcdef";

// Of an entry: how the name is made of the one before and of the bytes that follow, the size, the time. A name has at
// most 120 characters, so each of the lengths is a byte.
struct Head {
  uint8_t shared = 0;  // characters as those of the name before
  uint8_t plain = 0;   // characters as they are
  uint8_t packed = 0;  // bytes, each of which is two hexadecimal digits
  uint8_t unused = 0;
  uint64_t size = 0;
  UnixNs modified = 0;
};

uint8_t ValueOf(char digit) { return static_cast<uint8_t>(kDigits.find(digit)); }

size_t DigitsAtEnd(std::string_view name) {
  const size_t last = name.find_last_not_of(kDigits);
  const size_t digits = last == std::string_view::npos ? name.size() : name.size() - last - 1;
  return digits - digits % 2;
}

}  // namespace

void CompactListing::Add(const ObjectInfo& info) {
  const std::string_view name = info.name.text();
  const size_t digits = DigitsAtEnd(name);
  const std::string_view rest = name.substr(0, name.size() - digits);
  const auto [end, unused] = std::ranges::mismatch(rest, last_);
  const size_t shared = static_cast<size_t>(end - rest.begin());
  const Head head{.shared = static_cast<uint8_t>(shared),
                  .plain = static_cast<uint8_t>(rest.size() - shared),
                  .packed = static_cast<uint8_t>(digits / 2),
                  .size = info.size,
                  .modified = info.modified};
  const size_t bytes = sizeof(head) + head.plain + head.packed;
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < bytes) {
    const size_t grown = blocks_.empty() ? kBlockBytesMin : blocks_.back().capacity() * 2;
    blocks_.emplace_back().reserve(std::min(grown, kBlockBytesMax));
  }
  Bytes& block = blocks_.back();
  Append(block, {reinterpret_cast<const uint8_t*>(&head), sizeof(head)});
  Append(block, AsBytes(rest.substr(shared)));
  for (size_t at = rest.size(); at < name.size(); at += 2) {
    block.push_back(static_cast<uint8_t>(ValueOf(name[at]) << 4 | ValueOf(name[at + 1])));
  }
  last_ = name;
  ++count_;
}

void CompactListing::Clear() {
  blocks_.clear();
  last_.clear();
  count_ = 0;
}

size_t CompactListing::bytes() const {
  size_t bytes = blocks_.capacity() * sizeof(Bytes);
  for (const Bytes& block : blocks_) bytes += block.capacity();
  return bytes;
}

Result<void> CompactListing::ForEach(const ObjectStore::Each& each) const {
  std::string name;
  for (const Bytes& block : blocks_) {
    for (size_t at = 0; at < block.size();) {
      Head head;
      std::memcpy(&head, block.data() + at, sizeof(head));
      at += sizeof(head);
      name.resize(head.shared);
      name.append(AsText(ByteSpan(block).subspan(at, head.plain)));
      at += head.plain;
      for (const size_t end = at + head.packed; at < end; ++at) {
        name.push_back(kDigits[block[at] >> 4]);
        name.push_back(kDigits[block[at] & 0xf]);
      }
      RETURN_IF_ERROR(each({.name = ObjectName::Parse(name).value(), .size = head.size, .modified = head.modified}));
    }
  }
  return {};
}

}  // namespace cairn
