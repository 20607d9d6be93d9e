#include "engine/tree/mode_text.h"

namespace cairn {

std::string ModeText(NodeType type, uint32_t mode) {
  static constexpr char kTypes[] = "?-dlcbp";
  std::string text(1, static_cast<size_t>(type) < 7 ? kTypes[static_cast<size_t>(type)] : '?');
  for (int shift = 6; shift >= 0; shift -= 3) {
    const uint32_t bits = mode >> shift & 7;
    text += (bits & 4) != 0 ? 'r' : '-';
    text += (bits & 2) != 0 ? 'w' : '-';
    text += (bits & 1) != 0 ? 'x' : '-';
  }
  const auto special = [&](uint32_t bit, size_t place, char with, char without) {
    if ((mode & bit) != 0) text[place] = text[place] == 'x' ? with : without;
  };
  special(04000, 3, 's', 'S');
  special(02000, 6, 's', 'S');
  special(01000, 9, 't', 'T');
  return text;
}

}  // namespace cairn
