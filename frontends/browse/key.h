// What was pressed.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::browse {

enum class KeyCode : uint8_t {
  kCharacter,
  kUp,
  kDown,
  kLeft,
  kRight,
  kPageUp,
  kPageDown,
  kHome,
  kEnd,
  kEnter,
  kEscape,
  kBackspace,
  kDelete,
  kTab,
  kHelp,       // F1
  kPreview,    // F3
  kRestore,    // F5
  kInterrupt,  // Ctrl-C
  kErase,      // Ctrl-U: the line that is being typed
  kRedraw,     // Ctrl-L
  kResize,
};

struct Key {
  KeyCode code = KeyCode::kCharacter;
  std::string text = {};  // of a character: UTF-8

  bool Is(KeyCode which) const { return code == which; }
  // What lists do with what the cursor is on.
  bool opens() const { return Is(KeyCode::kEnter) || Is(KeyCode::kRight) || IsOneOf("l"); }
  bool restores() const { return Is(KeyCode::kRestore) || IsOneOf("r"); }
  bool previews() const { return Is(KeyCode::kPreview) || IsOneOf("p"); }
  // One of these ASCII characters.
  bool IsOneOf(std::string_view characters) const {
    return code == KeyCode::kCharacter && text.size() == 1 && characters.find(text[0]) != std::string_view::npos;
  }
};

}  // namespace cairn::browse
