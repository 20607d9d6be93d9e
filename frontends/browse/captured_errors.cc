#include "frontends/browse/captured_errors.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace cairn::browse {
namespace {

constexpr size_t kLineMax = 4096;

void WriteAll(int to, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t put = ::write(to, bytes, size);
    if (put <= 0) return;
    bytes += put;
    size -= static_cast<size_t>(put);
  }
}

}  // namespace

Result<void> CapturedErrors::Begin() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return ErrnoError(errno, "a pipe for messages");
  saved_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  const bool is_set = saved_ >= 0 && ::dup2(ends[1], STDERR_FILENO) >= 0;
  const int error = errno;
  ::close(ends[1]);
  read_end_ = ends[0];
  return is_set ? Result<void>() : ErrnoError(error, "a pipe for messages");
}

std::vector<std::string> CapturedErrors::TakeLines() {
  std::vector<std::string> lines;
  std::array<char, 4096> buffer{};
  for (int i = 0; i < 16; ++i) {
    const ssize_t got = ::read(read_end_, buffer.data(), buffer.size());
    if (got <= 0) break;
    for (const char c : std::string_view(buffer.data(), static_cast<size_t>(got))) {
      if (c != '\n' && begun_.size() < kLineMax) {
        begun_ += c;
        continue;
      }
      if (!begun_.empty()) lines.push_back(std::move(begun_));
      begun_.clear();
    }
  }
  return lines;
}

void CapturedErrors::Flush() {
  if (saved_ < 0) return;
  ::dup2(saved_, STDERR_FILENO);
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(read_end_, buffer.data(), buffer.size());
    if (got <= 0) break;
    WriteAll(saved_, buffer.data(), static_cast<size_t>(got));
  }
}

CapturedErrors::~CapturedErrors() {
  if (saved_ >= 0 && !begun_.empty()) WriteAll(saved_, begun_.data(), begun_.size());
  Flush();
  if (saved_ >= 0) ::close(saved_);
  if (read_end_ >= 0) ::close(read_end_);
}

}  // namespace cairn::browse
