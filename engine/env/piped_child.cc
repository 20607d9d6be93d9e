#include "engine/env/piped_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace cairn {
namespace {

constexpr int kPipeBytes = 1 << 20;  // fewer changes between the two processes, where the system gives that much
constexpr int kPauseMs = 5;
constexpr int kTermPatienceMs = 1000;
constexpr size_t kPiecesMax = 64;

void Close(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

struct Pipe {
  int read = -1, write = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    Close(read);
    Close(write);
  }
  bool Make() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    static_cast<void>(::fcntl(write, F_SETPIPE_SZ, kPipeBytes));
    return true;
  }
};

int WithoutWaiting(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;

  SpawnSettings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  int Fill(int input, int output, int errors) {
    sigset_t none, standard;
    ::sigemptyset(&none);
    ::sigemptyset(&standard);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD}) ::sigaddset(&standard, signal);
    int error =
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0) error = ::posix_spawnattr_setsigmask(&attributes, &none);
    if (error == 0) error = ::posix_spawnattr_setsigdefault(&attributes, &standard);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
    return error;
  }
};

// This program's own variables, but for those that are given.
std::vector<std::string> EnvironmentWith(const std::vector<std::string>& given) {
  const auto name_of = [](std::string_view variable) { return variable.substr(0, variable.find('=')); };
  std::vector<std::string> all;
  for (char** own = environ; *own != nullptr; ++own) {
    const bool is_given =
        std::ranges::any_of(given, [&](const std::string& one) { return name_of(one) == name_of(*own); });
    if (!is_given) all.emplace_back(*own);
  }
  for (const std::string& one : given) {
    if (one.find('=') != std::string::npos) all.push_back(one);
  }
  return all;
}

// As exec takes them; they borrow.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<std::optional<size_t>> ReadFrom(int fd, MutableByteSpan target) {
  for (;;) {
    const ssize_t got = ::read(fd, target.data(), target.size());
    if (got >= 0) return std::optional<size_t>(static_cast<size_t>(got));
    if (errno == EAGAIN) return std::optional<size_t>();
    if (errno != EINTR) return ErrnoError(errno, "reading from a program");
  }
}

}  // namespace

Result<std::unique_ptr<PipedChild>> PipedChild::Start(const std::vector<std::string>& command, int patience_ms,
                                                      const std::vector<std::string>& environment) {
  if (command.empty() || command.front().empty()) return Error(ErrorCode::kInvalidArgument, "there is no command");
  const std::string context = "starting " + command.front();
  Pipe input, output, errors;
  if (!input.Make() || !output.Make() || !errors.Make()) return ErrnoError(errno, context);
  const std::vector<char*> arguments = Pointers(command);
  const std::vector<std::string> variables = EnvironmentWith(environment);
  SpawnSettings settings;
  int error = settings.Fill(input.read, output.write, errors.write);
  std::unique_ptr<PipedChild> child(new PipedChild());
  if (error == 0) {
    error = ::posix_spawnp(&child->id_, arguments[0], &settings.files, &settings.attributes, arguments.data(),
                           Pointers(variables).data());
  }
  if (error != 0) {
    child->id_ = -1;
    return ErrnoError(error, context);
  }
  child->patience_ms_ = patience_ms;
  child->input_ = WithoutWaiting(std::exchange(input.write, -1));
  child->output_ = WithoutWaiting(std::exchange(output.read, -1));
  child->errors_ = WithoutWaiting(std::exchange(errors.read, -1));
  return child;
}

PipedChild::~PipedChild() {
  Close(input_);
  Close(output_);
  Close(errors_);
  if (id_ < 0) return;
  // Its whole group: it may have started others, and have ended before them.
  if (!EndsWithin(patience_ms_)) ::kill(-id_, SIGTERM);
  static_cast<void>(EndsWithin(kTermPatienceMs));
  ::kill(-id_, SIGKILL);
  while (!EndsWithin(kTermPatienceMs)) {
  }
  int status = 0;
  ::waitpid(id_, &status, 0);
}

// It stays a zombie: until the whole group is gone no other may get its number.
bool PipedChild::HasEnded() {
  if (has_ended_) return true;
  siginfo_t info = {};
  const int done = ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT);
  has_ended_ = (done == 0 && info.si_pid == id_) || (done < 0 && errno == ECHILD);
  return has_ended_;
}

bool PipedChild::EndsWithin(int ms) {
  for (int waited_ms = 0; !HasEnded(); waited_ms += kPauseMs) {
    if (waited_ms >= ms) return false;
    ::poll(nullptr, 0, kPauseMs);
  }
  return true;
}

Result<size_t> PipedChild::Write(const std::vector<ByteSpan>& pieces) {
  std::array<iovec, kPiecesMax> parts;
  const size_t count = std::min(pieces.size(), kPiecesMax);
  for (size_t i = 0; i < count; ++i) parts[i] = {const_cast<uint8_t*>(pieces[i].data()), pieces[i].size()};
  for (;;) {
    const ssize_t written = ::writev(input_, parts.data(), static_cast<int>(count));
    if (written >= 0) return static_cast<size_t>(written);
    if (errno == EAGAIN) return size_t{0};
    if (errno != EINTR) return ErrnoError(errno, "writing to a program");
  }
}

Result<std::optional<size_t>> PipedChild::ReadOutput(MutableByteSpan target) { return ReadFrom(output_, target); }
Result<std::optional<size_t>> PipedChild::ReadErrors(MutableByteSpan target) { return ReadFrom(errors_, target); }
void PipedChild::CloseInput() { Close(input_); }
void PipedChild::CloseErrors() { Close(errors_); }

}  // namespace cairn
