#include "frontends/cli/password.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "engine/crypto/secret.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

constexpr size_t kPasswordBytesMax = 64 * 1024;

// Up to the first newline; "\r\n" counts as one.
Bytes FirstLine(ByteSpan text) {
  size_t end = 0;
  while (end < text.size() && text[end] != '\n') ++end;
  if (end > 0 && text[end - 1] == '\r') --end;
  return ToBytes(text.first(end));
}

Error Interrupted() { return Error(ErrorCode::kInterrupted, "interrupted while waiting for the password"); }

// 1: something can be read; 0: stop was asked for, or the time is over.
int WaitForInput(int descriptor, const std::stop_token& stop) {
  constexpr int kTickMs = 100;
  while (!stop.stop_requested()) {
    pollfd one{descriptor, POLLIN, 0};
    const int ready = poll(&one, 1, kTickMs);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return 1;
  }
  return 0;
}

// The first line; what follows it is read and dropped (a terminal gives one line at a time).
Result<Bytes> ReadLine(int descriptor, const std::string& what, const std::stop_token& stop,
                       bool until_newline = false) {
  Bytes text(kPasswordBytesMax);
  const WipeGuard wipe(text);
  size_t size = 0;
  while (size < text.size()) {
    if (WaitForInput(descriptor, stop) == 0) return Interrupted();
    const ssize_t got = read(descriptor, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "reading " + what);
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (until_newline && text[size - 1] == '\n') break;
  }
  Bytes line = FirstLine(ByteSpan(text).first(size));
  if (line.empty()) return MakeError(ErrorCode::kInvalidArgument, "{} gives an empty password", what);
  return line;
}

Result<Bytes> FromFile(const std::string& path, const std::stop_token& stop) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return ErrnoError(errno, "opening password file " + path);
  auto line = ReadLine(file, "password file " + path, stop);
  close(file);
  return line;
}

// In the shell, on our terminal and in our process group: it may ask there, and Ctrl-C reaches it. The signals that we
// keep blocked are not blocked in it.
pid_t StartShell(const std::string& command, int output) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  const char* arguments[] = {"sh", "-c", command.c_str(), nullptr};
  pid_t child = -1;
  errno = posix_spawn(&child, "/bin/sh", &files, &attributes, const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return errno == 0 ? child : -1;
}

// The exit status. Once stop was asked for it is told to end, and after a while made to.
int WaitForEnd(pid_t child, const std::stop_token& stop) {
  constexpr int kTickMs = 10;
  constexpr int kPatienceMs = 2000;
  int status = 0;
  for (int stopped_ms = 0; waitpid(child, &status, WNOHANG) == 0; poll(nullptr, 0, kTickMs)) {
    if (!stop.stop_requested()) continue;
    if (stopped_ms == 0) kill(child, SIGTERM);
    if (stopped_ms >= kPatienceMs) kill(child, SIGKILL);
    stopped_ms += kTickMs;
  }
  return status;
}

Result<Bytes> FromCommand(const std::string& command, const std::stop_token& stop) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "running the password command");
  const pid_t child = StartShell(command, ends[1]);
  const int spawn_errno = errno;
  close(ends[1]);
  auto line = child < 0 ? Result<Bytes>(ErrnoError(spawn_errno, "running the password command"))
                        : ReadLine(ends[0], "the password command", stop);
  close(ends[0]);
  if (child < 0) return line;
  const int status = WaitForEnd(child, stop);
  if (status == 0) return line;
  if (line) Wipe(*line);
  if (stop.stop_requested()) return Interrupted();
  return MakeError(ErrorCode::kInvalidArgument, "the password command ended with status {}",
                   WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

std::string ShellQuoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Echo is off for as long as this lives.
class SilentTerminal {
 public:
  explicit SilentTerminal(int descriptor) : descriptor_(descriptor), good_(tcgetattr(descriptor, &before_) == 0) {
    if (!good_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(descriptor_, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    if (good_) tcsetattr(descriptor_, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  const int descriptor_;
  termios before_{};
  const bool good_;
};

Result<Bytes> AskOnce(int terminal, const std::string& prompt, const std::stop_token& stop) {
  const SilentTerminal silent(terminal);
  dprintf(terminal, "%s: ", Printable(prompt).c_str());
  auto line = ReadLine(terminal, "the terminal", stop, true);
  dprintf(terminal, "\n");
  return line;
}

Result<Bytes> Ask(const std::string& prompt, bool confirm, const std::string& names, const std::stop_token& stop) {
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) {
    return MakeError(ErrorCode::kInvalidArgument, "there is no {}, and no terminal to ask at: it may come from {}",
                     prompt, names);
  }
  auto first = AskOnce(terminal, prompt, stop);
  if (first && confirm) {
    auto second = AskOnce(terminal, prompt + " again", stop);
    if (!second) {
      Wipe(*first);
      first = second.error();
    } else if (*second != *first) {
      Wipe(*first);
      first = Error(ErrorCode::kInvalidArgument, "the two passwords differ");
    }
    if (second) Wipe(*second);
  }
  close(terminal);
  return first;
}

}  // namespace

std::string PasswordSources::Names() const {
  std::string names = environment;
  for (const std::string& option : {file_option, command_option}) {
    if (!option.empty()) names += (names.empty() ? "" : ", ") + option;
  }
  return names;
}

Result<Bytes> ReadPassword(const PasswordSources& sources, const std::string& prompt, bool confirm,
                           const std::stop_token& stop) {
  if (!sources.file.empty()) return FromFile(sources.file, stop);
  if (!sources.command.empty()) return FromCommand(sources.command, stop);
  if (!sources.environment.empty()) {
    if (const char* value = std::getenv(sources.environment.c_str()); value != nullptr && *value != 0) {
      return ToBytes(AsBytes(value));
    }
  }
  if (!sources.keyring_repository.empty() && std::system("command -v secret-tool >/dev/null 2>&1") == 0) {
    auto found = FromCommand(
        "secret-tool lookup service cairn repository " + ShellQuoted(sources.keyring_repository) + " 2>/dev/null",
        stop);
    if (found) return found;
  }
  return Ask(prompt, confirm, sources.Names(), stop);
}

}  // namespace cairn
