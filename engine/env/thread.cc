#include "engine/env/thread.h"

#include <system_error>
#include <utility>

namespace cairn {

Result<std::jthread> StartThread(std::function<void(const std::stop_token& ending)> run) {
  try {
    return std::jthread([run = std::move(run)](const std::stop_token& ending) { run(ending); });
  } catch (const std::system_error& error) {
    return MakeError(ErrorCode::kIo,
                     "the system gives no more threads ({}): its limits allow too few, or memory is short",
                     error.code().message());
  }
}

}  // namespace cairn
