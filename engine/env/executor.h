// Who runs tasks: a fixed pool of threads, or the caller's own thread, for tests that must repeat.
#pragma once

#include <functional>
#include <memory>

namespace cairn {

// Safe for concurrent use. Tasks must not throw. A task may submit others, and must never wait for one of them.
class Executor {
 public:
  virtual ~Executor() = default;  // runs what was submitted to its end, then joins
  virtual void Submit(std::function<void()> task) = 0;
  virtual unsigned workers() const = 0;
};

// At least one worker; fewer than asked for where the system gives no more threads.
std::unique_ptr<Executor> MakeThreadPool(unsigned workers);
// Runs each task inside Submit, in the caller's thread.
std::unique_ptr<Executor> MakeInlineExecutor();

}  // namespace cairn
