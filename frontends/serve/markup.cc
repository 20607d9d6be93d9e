#include "frontends/serve/markup.h"

#include "repo-format/base/utf8.h"

namespace cairn::serve {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

std::string_view Escaped(uint32_t code) {
  switch (code) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    case '\t':
      return "&#9;";
    case '\n':
      return "&#10;";
    case '\r':
      return "&#13;";
    default:
      return {};
  }
}

}  // namespace

std::string MarkupText(ByteSpan bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Character character = FirstUtf8(bytes);
    const std::string_view escaped = Escaped(character.code);
    const bool is_control = character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0);
    const bool is_none = character.length == 0 || character.code == 0xfffe || character.code == 0xffff;
    if (!escaped.empty()) {
      text += escaped;
    } else if (is_control || is_none) {
      text += kReplacement;
    } else {
      text += AsText(bytes.first(character.length));
    }
    bytes = bytes.subspan(character.length == 0 ? 1 : character.length);
  }
  return text;
}

}  // namespace cairn::serve
