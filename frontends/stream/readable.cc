#include "frontends/stream/readable.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace cairn::stream {
namespace {

Error Interrupted() { return Error(ErrorCode::kInterrupted, "interrupted"); }

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

void Waiter::Notify::operator()() const {
  const uint64_t one = 1;
  static_cast<void>(::write(fd, &one, sizeof(one)) == sizeof(one));
}

Waiter::Waiter(std::stop_token stop) : stop_(std::move(stop)), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  callback_.emplace(stop_, Notify{event_.get()});
}

Result<bool> Waiter::WaitFor(int fd, int timeout_ms) const { return Wait(fd, POLLIN, timeout_ms); }
Result<bool> Waiter::WaitToWrite(int fd, int timeout_ms) const { return Wait(fd, POLLIN | POLLOUT, timeout_ms); }

Result<bool> Waiter::Wait(int fd, short events, int timeout_ms) const {
  for (;;) {
    if (stop_.stop_requested()) return Interrupted();
    pollfd waiting[2] = {{fd, events, 0}, {event_.get(), POLLIN, 0}};
    const int ready = ::poll(waiting, 2, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return ErrnoError(errno, "waiting for the stream");
    if (stop_.stop_requested()) return Interrupted();
    if (waiting[0].revents != 0) return true;
    if (ready == 0) return false;
  }
}

Result<size_t> Waiter::Read(int fd, MutableByteSpan target) const {
  for (;;) {
    RETURN_IF_ERROR(WaitFor(fd));
    const ssize_t got = ::read(fd, target.data(), target.size());
    if (got >= 0) return static_cast<size_t>(got);
    // EAGAIN: somebody else made it not wait.
    if (errno != EINTR && errno != EAGAIN) return ErrnoError(errno, "reading the stream");
  }
}

}  // namespace cairn::stream
