#include "repo-format/tree_path.h"

#include <fmt/core.h>

namespace cairn {
namespace {

// Length of the UTF-8 character at the beginning of `bytes`, 0 where there is none, or one that a terminal must not
// see.
size_t PrintableLength(ByteSpan bytes) {
  const uint8_t first = bytes[0];
  if (first < 0x80) return first >= 0x20 && first != 0x7f && first != '\\' ? 1 : 0;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || bytes.size() < length) return 0;
  uint32_t code = first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((bytes[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (bytes[i] & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool control = code < 0xa0 || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
                       (code >= 0x2066 && code <= 0x2069);
  const bool valid = code >= kLeast[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return valid && !control ? length : 0;
}

}  // namespace

TreePath JoinPath(const TreePath& folder, ByteSpan name) {
  TreePath path = folder;
  if (!path.empty()) path.push_back('/');
  Append(path, name);
  return path;
}

std::string PathForPeople(ByteSpan path) {
  std::string text;
  while (!path.empty()) {
    const size_t length = PrintableLength(path);
    if (length == 0) {
      text += path[0] == '\\' ? "\\\\" : fmt::format("\\x{:02x}", path[0]);
      path = path.subspan(1);
      continue;
    }
    text += AsText(path.first(length));
    path = path.subspan(length);
  }
  return text;
}

}  // namespace cairn
