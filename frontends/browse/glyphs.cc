#include "frontends/browse/glyphs.h"

#include <fmt/core.h>
#include <wchar.h>

#include <functional>
#include <optional>
#include <utility>

#include "repo-format/base/utf8.h"

namespace cairn::browse {
namespace {

constexpr size_t kCombiningMax = 4;  // with one character; more would only be noise

// Characters that turn the direction of a line, or take no place and combine with nothing.
bool IsUnseen(uint32_t code) {
  return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code == 0x061c || code == 0x00ad ||
         (code >= 0xe0000 && code <= 0xe0fff);
}

using EachGlyph = std::function<void(Glyph glyph)>;

void EachEscaped(std::string_view bytes, const EachGlyph& each) {
  for (const char byte : bytes) {
    for (const char one : fmt::format("\\x{:02x}", static_cast<uint8_t>(byte))) each({std::string(1, one)});
  }
}

// One at a time: all glyphs of a long line take forty times its room.
void ForEachGlyph(std::string_view text, bool ascii_only, const EachGlyph& each) {
  size_t combining = 0;
  std::optional<Glyph> begun;  // with which what follows may combine
  const auto end = [&] {
    if (begun) each(*std::exchange(begun, std::nullopt));
  };
  while (!text.empty()) {
    const Utf8Character one = FirstUtf8(AsBytes(text));
    const std::string_view bytes = text.substr(0, one.length == 0 ? 1 : one.length);
    text.remove_prefix(bytes.size());
    const bool is_known = one.length > 0 && one.code >= 0x20 && one.code != 0x7f && !IsUnseen(one.code) &&
                          (one.code < 0x80 || !ascii_only);
    const int width = !is_known ? -1 : one.code < 0x80 ? 1 : ::wcwidth(static_cast<wchar_t>(one.code));
    if (width == 0 && begun && combining < kCombiningMax) {
      begun->text += bytes;
      ++combining;
      continue;
    }
    end();
    combining = 0;
    if (width > 0) {
      begun = Glyph{std::string(bytes), static_cast<uint8_t>(width)};
    } else {
      EachEscaped(bytes, each);
    }
  }
  end();
}

}  // namespace

std::vector<Glyph> GlyphsOf(std::string_view text, bool ascii_only) {
  std::vector<Glyph> glyphs;
  glyphs.reserve(text.size());
  ForEachGlyph(text, ascii_only, [&](Glyph glyph) { glyphs.push_back(std::move(glyph)); });
  return glyphs;
}

size_t WidthOf(std::string_view text) {
  size_t width = 0;
  ForEachGlyph(text, false, [&](const Glyph& glyph) { width += glyph.width; });
  return width;
}

std::vector<std::string> Wrapped(std::string_view line, size_t columns) {
  std::vector<std::string> lines(1);
  size_t used = 0;
  ForEachGlyph(line, false, [&](const Glyph& glyph) {
    if (used > 0 && used + glyph.width > columns) {
      lines.emplace_back();
      used = 0;
    }
    lines.back() += glyph.text;
    used += glyph.width;
  });
  return lines;
}

std::string WithoutTabs(std::string_view line) {
  constexpr size_t kTab = 8;
  std::string out;
  size_t column = 0;
  for (size_t at = 0; at < line.size();) {
    const size_t tab = line.find('\t', at);
    const std::string_view part = line.substr(at, tab == std::string_view::npos ? tab : tab - at);
    out += part;
    if (tab == std::string_view::npos) break;
    column += WidthOf(part);
    const size_t blanks = kTab - column % kTab;
    out.append(blanks, ' ');
    column += blanks;
    at = tab + 1;
  }
  return out;
}

}  // namespace cairn::browse
