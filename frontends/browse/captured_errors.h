// Standard error, while a screen is drawn on the terminal that it leads to.
#pragma once

#include <string>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn::browse {

// What programs and threads of this process write there goes into a pipe until this is gone; what nobody took then is
// written where it belongs. One at a time; one thread, but for Flush. A writer never waits: what the pipe has no room
// for is lost.
class CapturedErrors {
 public:
  CapturedErrors() = default;
  ~CapturedErrors();
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;

  Result<void> Begin();
  // Whole lines, without their ends.
  std::vector<std::string> TakeLines();
  // Standard error is what it was, with what is in the pipe. Safe in a signal's handler.
  void Flush();

 private:
  int saved_ = -1, read_end_ = -1;
  std::string begun_;  // of a line
};

}  // namespace cairn::browse
