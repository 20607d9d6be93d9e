// A program that takes an export on its standard input, and what comes out of it.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "frontends/export/byte_sink.h"
#include "frontends/stream/child_process.h"

namespace cairn::exports {

// What is written goes to the program, and what it writes to `target`, which is not finished. It is read while it is
// written to, so that neither waits for the other. One thread. Borrows `target` and `waiter`.
class ProgramSink : public ByteSink {
 public:
  // kNotFound where there is no such program.
  static Result<std::unique_ptr<ProgramSink>> Start(const std::vector<std::string>& command, ByteSink& target,
                                                    const stream::Waiter& waiter, std::stop_token stop);
  Result<void> Write(ByteSpan bytes) override;
  // Closes its input, and takes what is left. An Error where it did not end well.
  Result<void> Finish() override;
  const std::string& tail() const { return tail_; }  // the last it wrote, a few hundred bytes

 private:
  ProgramSink(std::string name, ByteSink& target, std::stop_token stop)
      : name_(std::move(name)), target_(target), stop_(std::move(stop)) {}
  Result<bool> Take();  // false: its output is at its end
  Result<void> EndedEarly();

  const std::string name_;
  ByteSink& target_;
  const std::stop_token stop_;
  std::unique_ptr<stream::ChildProcess> child_;
  stream::OwnedFd input_;
  Bytes buffer_;
  std::string tail_;
};

}  // namespace cairn::exports
