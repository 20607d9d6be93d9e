// A command whose standard output is read.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "frontends/stream/readable.h"

namespace cairn::stream {

struct ChildOptions {
  std::vector<std::pair<std::string, std::string>> environment;  // beside this program's own
  int input = -1;             // its standard input, kept by the caller until Start is over; -1: nothing
  std::vector<int> kept;      // that it has too, under the same numbers; kept by the caller until Start is over
  bool keeps_errors = false;  // its standard error becomes part of the Error of Wait, its end where it is long
  // It is told to end when the thread that starts it is gone, also by a signal that cannot be handled: where the
  // system has setpriv.
  bool ends_with_thread = false;
};

// Started without a shell, in a process group of its own, with nothing on its standard input; its standard error is
// this program's, where the options do not say otherwise. It has no hand on the terminal: where it asks that, the
// system stops it, and nothing would ever come of it, so that is an Error. When it goes before the command has ended,
// the whole group is told to end, and after a while made to; no process is left behind. One thread at a time.
class ChildProcess {
 public:
  // `waiter` outlives it. kNotFound where there is no such program, kPermission where it may not be run.
  static Result<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& command, const Waiter& waiter,
                                                     const ChildOptions& options = {});
  ~ChildProcess();

  // Of its standard output, as soon as there is something; 0: the end.
  Result<size_t> Read(MutableByteSpan target);
  int output() const { return output_.get(); }  // to be polled: whether Read would wait
  // Waits for its end. An Error where its exit status is not 0, or a signal ended it, or stop was asked for.
  Result<void> Wait();

 private:
  ChildProcess(const std::vector<std::string>& command, const Waiter& waiter)
      : name_(command.front()), waiter_(waiter) {}
  // 1: it has ended, 0: not yet, -1: somebody else took its exit status.
  int Reap();
  Result<void> RefuseStopped();
  Result<void> Judge() const;
  std::string Errors() const;
  void End();

  const std::string name_;
  const Waiter& waiter_;
  OwnedFd output_;
  OwnedFd errors_;  // what it wrote to its standard error, where that is kept
  pid_t id_ = -1;
  bool has_ended_ = false;
  bool is_status_known_ = false;
  int status_ = 0;
};

}  // namespace cairn::stream
