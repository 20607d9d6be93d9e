#include "repo-format/tree_path.h"

#include <fmt/core.h>

#include "repo-format/base/utf8.h"

namespace cairn {
namespace {

// Length of the character at the beginning of `bytes`, 0 where there is none, or one that a terminal must not see.
size_t PrintableLength(ByteSpan bytes) {
  const auto [code, length] = FirstUtf8(bytes);
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
                       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return control || code == '\\' ? 0 : length;
}

}  // namespace

TreePath JoinPath(const TreePath& folder, ByteSpan name) {
  TreePath path = folder;
  if (!path.empty()) path.push_back('/');
  Append(path, name);
  return path;
}

TreePath PathBelow(const TreePath& path, const TreePath& folder) {
  if (folder.empty()) return path;
  return path.size() <= folder.size() ? TreePath() : ToBytes(ByteSpan(path).subspan(folder.size() + 1));
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
