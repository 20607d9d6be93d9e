#include "repo-format/base/bytes.h"

#include <algorithm>

namespace cairn {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

void Grow(Bytes& bytes, size_t size_min) {
  Bytes grown;
  grown.reserve(std::max(size_min, 2 * bytes.capacity()));
  grown.resize(bytes.size());
  if (!bytes.empty()) std::memcpy(grown.data(), bytes.data(), bytes.size());
  bytes.swap(grown);
}

bool Equal(ByteSpan a, ByteSpan b) { return std::ranges::equal(a, b); }

std::string ToHex(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::optional<Bytes> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return bytes;
}

}  // namespace cairn
