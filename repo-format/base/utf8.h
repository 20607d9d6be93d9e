// UTF-8 in bytes that may be anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "repo-format/base/bytes.h"

namespace cairn {

struct Utf8Character {
  uint32_t code = 0;
  size_t length = 0;  // in bytes; 0: there is none
};

// The character at the beginning. None longer than it needs to be, none above U+10FFFF, no half of a pair.
Utf8Character FirstUtf8(ByteSpan bytes);
bool IsUtf8(ByteSpan bytes);
// A character, at the end of a text.
void AppendUtf8(std::string& text, uint32_t code);

}  // namespace cairn
