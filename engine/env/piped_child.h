// A program that this one talks with: pipes to and from it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

// Started without a shell, in a session of its own: it has no terminal to ask, and a Ctrl-C there does not reach it. No
// signal is blocked or ignored in it because it is in this program.
//
// One thread at a time. When it goes, both pipes are closed, which tells a program that listens to the end; one that
// has not ended after `patience` is told to end, and then made to. None is left behind.
class PipedChild {
 public:
  // kNotFound where there is no such program, kPermission where it may not be run. `environment`: this program's own,
  // but for these: "NAME=VALUE", and "NAME" of what it does not get.
  static Result<std::unique_ptr<PipedChild>> Start(const std::vector<std::string>& command, int patience_ms = 500,
                                                   const std::vector<std::string>& environment = {});
  ~PipedChild();
  PipedChild(const PipedChild&) = delete;
  PipedChild& operator=(const PipedChild&) = delete;

  // Descriptors to be polled; none of them ever waits. -1: closed.
  int input() const { return input_; }
  int output() const { return output_; }
  int errors() const { return errors_; }

  // Of what is given, one piece after the other, as much as goes without waiting; 0: nothing now. A pipe that nobody
  // reads any more raises SIGPIPE: the caller's thread blocks it.
  Result<size_t> Write(const std::vector<ByteSpan>& pieces);
  // Nothing: there is nothing now. 0: the end.
  Result<std::optional<size_t>> ReadOutput(MutableByteSpan target);
  Result<std::optional<size_t>> ReadErrors(MutableByteSpan target);

  void CloseInput();
  void CloseErrors();

 private:
  PipedChild() = default;
  bool HasEnded();
  bool EndsWithin(int ms);

  pid_t id_ = -1;
  bool has_ended_ = false;
  int patience_ms_ = 0;
  int input_ = -1, output_ = -1, errors_ = -1;
};

}  // namespace cairn
