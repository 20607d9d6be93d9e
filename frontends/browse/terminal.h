// The terminal of whoever sits before it: all that is the curses library's.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontends/browse/canvas.h"
#include "frontends/browse/key.h"
#include "repo-format/base/result.h"

namespace cairn::browse {

// The main thread's; one at a time. While it is open, the terminal is as it was before whenever the process ends: by
// itself, by a signal that says it is broken, or in GiveBack. What is written to standard error meanwhile is kept from
// the screen.
class Terminal {
 public:
  // Whether one is there that can be drawn on: kInvalidArgument with the way out. Sets the locale of characters; before
  // Open, while no other thread asks for it.
  static Result<void> Check();
  static Result<std::unique_ptr<Terminal>> Open();
  virtual ~Terminal() = default;

  // A canvas as large as the terminal is now.
  virtual Canvas NewCanvas() = 0;
  virtual void Show(const Canvas& canvas) = 0;
  // Nothing: no key came in this time.
  virtual std::optional<Key> Wait(std::chrono::milliseconds time) = 0;
  // Nobody sits before it any more.
  virtual bool is_gone() const = 0;
  // Whole lines that were written to standard error since it was asked last.
  virtual std::vector<std::string> TakeLines() = 0;
  // As the terminal was, from any thread and from a signal's handler: for who ends the process at once.
  static void GiveBack();
};

}  // namespace cairn::browse
