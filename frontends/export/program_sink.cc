#include "frontends/export/program_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "repo-format/base/units.h"

namespace cairn::exports {
namespace {

constexpr size_t kBufferBytes = 256 * kKiB;
constexpr size_t kTailBytes = 512;
constexpr int kTickMs = 200;  // from one look at the wish to stop to the next
constexpr int kPipeBytes = 1 << 20;

}  // namespace

Result<std::unique_ptr<ProgramSink>> ProgramSink::Start(const std::vector<std::string>& command, ByteSink& target,
                                                        const stream::Waiter& waiter, std::stop_token stop) {
  std::unique_ptr<ProgramSink> sink(new ProgramSink(command.front(), target, std::move(stop)));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "starting " + command.front());
  const stream::OwnedFd output(ends[0]);
  sink->input_ = stream::OwnedFd(ends[1]);
  static_cast<void>(::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes));
  if (::fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) return ErrnoError(errno, "starting " + command.front());
  stream::ChildOptions options;
  options.environment = {{"LC_ALL", "C"}};
  options.input = output.get();
  options.keeps_errors = true;
  ASSIGN_OR_RETURN(sink->child_, stream::ChildProcess::Start(command, waiter, options));
  sink->buffer_ = Bytes(kBufferBytes);
  return sink;
}

Result<void> ProgramSink::Write(ByteSpan bytes) {
  while (!bytes.empty()) {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    pollfd waiting[2] = {{input_.get(), POLLOUT, 0}, {child_->output(), POLLIN, 0}};
    if (::poll(waiting, 2, kTickMs) < 0 && errno != EINTR) return ErrnoError(errno, "waiting for " + name_);
    if (waiting[1].revents != 0) {
      ASSIGN_OR_RETURN(const bool goes_on, Take());
      if (!goes_on) return EndedEarly();
    }
    if (waiting[0].revents == 0) continue;
    const ssize_t put = ::write(input_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EPIPE) return EndedEarly();
    if (put < 0 && errno != EAGAIN && errno != EINTR) return ErrnoError(errno, "writing to " + name_);
    if (put > 0) bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

Result<bool> ProgramSink::Take() {
  ASSIGN_OR_RETURN(const size_t got, child_->Read(buffer_));
  if (got == 0) return false;
  const ByteSpan bytes = ByteSpan(buffer_).first(got);
  tail_ += AsText(bytes.last(std::min(got, kTailBytes)));
  if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  RETURN_IF_ERROR(target_.Write(bytes));
  return true;
}

// What it says on its way out is the reason.
Result<void> ProgramSink::EndedEarly() {
  RETURN_IF_ERROR(Finish());
  return MakeError(ErrorCode::kIo, "{} ended before it had read all", name_);
}

Result<void> ProgramSink::Finish() {
  input_ = stream::OwnedFd();
  for (;;) {
    ASSIGN_OR_RETURN(const bool goes_on, Take());
    if (!goes_on) break;
  }
  return child_->Wait();
}

}  // namespace cairn::exports
