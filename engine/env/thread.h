// A thread of its own, where the system gives one.
#pragma once

#include <functional>
#include <thread>

#include "repo-format/base/result.h"

namespace cairn {

// kIo where the system gives none: its limits of processes or of memory say how many there may be. `run` does not
// throw.
Result<std::jthread> StartThread(std::function<void(const std::stop_token& ending)> run);

}  // namespace cairn
