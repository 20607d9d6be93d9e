#include "frontends/stream/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "repo-format/tree_path.h"

namespace cairn::stream {
namespace {

constexpr int kPipeBytes = 1 << 20;  // fewer changes between the two processes
constexpr int kPauseMs = 10;
constexpr int kLookMs = 200;  // from one look at a silent command to the next
constexpr off_t kErrorBytesMax = 2000;
constexpr const char* kSetpriv = "/usr/bin/setpriv";  // of util-linux
constexpr int kPatienceMs = 2000;                     // between asking a command to end and ending it

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

  // No signal is blocked or ignored in the command because it is in this program.
  int Fill(int input, int output, int errors, const std::vector<int>& kept) {
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigemptyset(&all);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD}) ::sigaddset(&all, signal);
    int error =
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0) error = ::posix_spawnattr_setpgroup(&attributes, 0);
    if (error == 0) error = ::posix_spawnattr_setsigmask(&attributes, &none);
    if (error == 0) error = ::posix_spawnattr_setsigdefault(&attributes, &all);
    if (error == 0 && input < 0) {
      error = ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    if (error == 0 && input >= 0) error = ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    if (error == 0 && errors >= 0) error = ::posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
    // To itself: it is not closed then.
    for (const int one : kept) {
      if (error == 0) error = ::posix_spawn_file_actions_adddup2(&files, one, one);
    }
    return error;
  }
};

// This program's environment, and what is added, which comes first where both name a thing.
class Environment {
 public:
  explicit Environment(const std::vector<std::pair<std::string, std::string>>& added) {
    for (const auto& [name, value] : added) texts_.push_back(name + "=" + value);
    for (std::string& text : texts_) pointers_.push_back(text.data());
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      const std::string_view name = text.substr(0, text.find('='));
      const bool is_added = std::ranges::any_of(added, [&](const auto& one) { return one.first == name; });
      if (!is_added) pointers_.push_back(*entry);
    }
    pointers_.push_back(nullptr);
  }
  char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::vector<std::string>& command, const Waiter& waiter,
                                                          const ChildOptions& options) {
  if (command.empty() || command.front().empty()) return Error(ErrorCode::kInvalidArgument, "there is no command");
  const std::string context = "starting " + PathForPeople(AsBytes(command.front()));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, context);
  std::unique_ptr<ChildProcess> child(new ChildProcess(command, waiter));
  child->output_ = OwnedFd(ends[0]);
  const OwnedFd input(ends[1]);
  static_cast<void>(::fcntl(ends[0], F_SETPIPE_SZ, kPipeBytes));

  std::vector<char*> arguments;
  const bool has_setpriv = options.ends_with_thread && ::access(kSetpriv, X_OK) == 0;
  if (has_setpriv) {
    for (const char* one : {kSetpriv, "--pdeathsig", "TERM", "--"}) arguments.push_back(const_cast<char*>(one));
  }
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  SpawnSettings settings;
  if (options.keeps_errors) child->errors_ = OwnedFd(::memfd_create("errors", MFD_CLOEXEC));
  const Environment environment(options.environment);
  int error = settings.Fill(options.input, ends[1], child->errors_.get(), options.kept);
  if (error == 0) {
    error = ::posix_spawnp(&child->id_, arguments[0], &settings.files, &settings.attributes, arguments.data(),
                           environment.get());
  }
  if (error != 0) {
    child->id_ = -1;
    return ErrnoError(error, context);
  }
  return child;
}

ChildProcess::~ChildProcess() {
  if (id_ > 0 && !has_ended_) End();
}

int ChildProcess::Reap() {
  if (has_ended_) return is_status_known_ ? 1 : -1;
  int status = 0;
  pid_t done;
  do {
    done = ::waitpid(id_, &status, WNOHANG);
  } while (done < 0 && errno == EINTR);
  if (done == 0) return 0;
  has_ended_ = true;
  is_status_known_ = done == id_;
  status_ = status;
  return is_status_known_ ? 1 : -1;
}

// An Error where it asks the terminal, for which the system has stopped it; who stopped it by another signal may let it
// go on. Nothing tells of this but asking: a stopped command keeps its output open, and its process is not readable.
// The answer is left to be asked for again.
Result<void> ChildProcess::RefuseStopped() {
  siginfo_t info{};
  if (has_ended_ || ::waitid(P_PID, static_cast<id_t>(id_), &info, WSTOPPED | WNOHANG | WNOWAIT) != 0) return {};
  if (info.si_pid != id_ || (info.si_status != SIGTTIN && info.si_status != SIGTTOU)) return {};
  return MakeError(
      ErrorCode::kIo,
      "{} was stopped: it asks the terminal, which a backup has no hand on; let it ask nothing (a password "
      "from a file, for example)",
      PathForPeople(AsBytes(name_)));
}

Result<size_t> ChildProcess::Read(MutableByteSpan target) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool is_ready, waiter_.WaitFor(output_.get(), kLookMs));
    if (is_ready) return waiter_.Read(output_.get(), target);
    RETURN_IF_ERROR(RefuseStopped());
  }
}

Result<void> ChildProcess::Wait() {
  const OwnedFd process(static_cast<int>(::syscall(SYS_pidfd_open, id_, 0)));
  while (Reap() == 0) {
    RETURN_IF_ERROR(RefuseStopped());
    // Without such a descriptor (before Linux 5.3) this waits for nothing, a short while at a time.
    RETURN_IF_ERROR(waiter_.WaitFor(process.get(), process.is_open() ? kLookMs : kPauseMs));
  }
  return Judge();
}

Result<void> ChildProcess::Judge() const {
  const std::string name = PathForPeople(AsBytes(name_));
  if (!is_status_known_) return MakeError(ErrorCode::kIo, "the exit status of {} is not known", name);
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
  if (WIFEXITED(status_)) {
    return MakeError(ErrorCode::kIo, "{} ended with status {}{}", name, WEXITSTATUS(status_), Errors());
  }
  const int signal = WTERMSIG(status_);
  const char* text = ::sigdescr_np(signal);
  return MakeError(ErrorCode::kIo, "{} was ended by signal {} ({})", name, signal, text != nullptr ? text : "unknown");
}

// ": what it wrote", in one line.
std::string ChildProcess::Errors() const {
  if (!errors_.is_open()) return "";
  const off_t size = ::lseek(errors_.get(), 0, SEEK_END);
  const off_t begin = std::max<off_t>(size - kErrorBytesMax, 0);
  std::string text(static_cast<size_t>(std::max<off_t>(size - begin, 0)), 0);
  const ssize_t got = ::pread(errors_.get(), text.data(), text.size(), begin);
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "; ");
  if (text.empty()) return "";
  return ": " + std::string(begin > 0 ? "..." : "") + PathForPeople(AsBytes(text));
}

// The group, for a command may have started others.
void ChildProcess::End() {
  ::kill(-id_, SIGTERM);
  ::kill(-id_, SIGCONT);  // what is stopped hears nothing
  for (int waited_ms = 0; waited_ms < kPatienceMs && Reap() == 0; waited_ms += kPauseMs) {
    ::poll(nullptr, 0, kPauseMs);
  }
  ::kill(-id_, SIGKILL);
  while (Reap() == 0) ::poll(nullptr, 0, kPauseMs);
}

}  // namespace cairn::stream
