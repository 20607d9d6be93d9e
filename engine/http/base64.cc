#include "engine/http/base64.h"

#include <algorithm>

namespace cairn::http {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string Base64Encode(ByteSpan bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<size_t>(3, bytes.size()))) {
    const size_t count = std::min<size_t>(3, bytes.size());
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? bytes[i] : 0U);
    for (size_t i = 0; i < 4; ++i) text += i <= count ? kLetters[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::optional<Bytes> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (; !text.empty(); text.remove_prefix(4)) {
    size_t count = 3;
    if (text.size() == 4 && text[3] == '=') count = text[2] == '=' ? 1 : 2;
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; ++i) {
      const size_t value = i <= count ? kLetters.find(text[i]) : 0;
      if (value == std::string_view::npos) return std::nullopt;
      bits = bits << 6 | static_cast<uint32_t>(value);
    }
    for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(bits >> (16 - 8 * i)));
    const uint32_t left = bits & ((1U << (8 * (3 - count))) - 1);
    if (left != 0) return std::nullopt;
  }
  return bytes;
}

}  // namespace cairn::http
