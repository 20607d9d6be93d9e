#include "frontends/cli/password.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "engine/crypto/secret.h"

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

Result<Bytes> ReadAll(std::FILE* file, const std::string& what) {
  Bytes text(kPasswordBytesMax);
  const size_t got = std::fread(text.data(), 1, text.size(), file);
  if (std::ferror(file) != 0) {
    Wipe(text);
    return ErrnoError(errno, "reading " + what);
  }
  Bytes line = FirstLine(ByteSpan(text).first(got));
  Wipe(text);
  if (line.empty()) return MakeError(ErrorCode::kInvalidArgument, "{} gives an empty password", what);
  return line;
}

Result<Bytes> FromFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return ErrnoError(errno, "opening password file " + path);
  auto line = ReadAll(file, "password file " + path);
  std::fclose(file);
  return line;
}

Result<Bytes> FromCommand(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return ErrnoError(errno, "running the password command");
  auto line = ReadAll(pipe, "the password command");
  const int status = pclose(pipe);
  if (status != 0) {
    if (line) Wipe(*line);
    return MakeError(ErrorCode::kInvalidArgument, "the password command ended with status {}",
                     WIFEXITED(status) ? WEXITSTATUS(status) : status);
  }
  return line;
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

Result<Bytes> AskOnce(std::FILE* terminal, const std::string& prompt) {
  std::fprintf(terminal, "%s: ", prompt.c_str());
  std::fflush(terminal);
  const SilentTerminal silent(fileno(terminal));
  Bytes line;
  for (int c = std::fgetc(terminal); c != EOF && c != '\n' && line.size() < kPasswordBytesMax;
       c = std::fgetc(terminal)) {
    line.push_back(static_cast<uint8_t>(c));
  }
  std::fprintf(terminal, "\n");
  if (line.empty()) return Error(ErrorCode::kInvalidArgument, "no password was given");
  return line;
}

Result<Bytes> Ask(const std::string& prompt, bool confirm) {
  std::FILE* terminal = std::fopen("/dev/tty", "r+e");
  if (terminal == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 "there is no password: set CAIRN_PASSWORD, or give --password-file or "
                 "--password-command (there is no terminal to ask at)");
  }
  auto first = AskOnce(terminal, prompt);
  if (first && confirm) {
    auto second = AskOnce(terminal, prompt + " again");
    if (!second || *second != *first) {
      Wipe(*first);
      first = Error(ErrorCode::kInvalidArgument, "the two passwords differ");
    }
    if (second) Wipe(*second);
  }
  std::fclose(terminal);
  return first;
}

}  // namespace

Result<Bytes> ReadPassword(const PasswordSources& sources, const std::string& prompt, bool confirm) {
  if (!sources.file.empty()) return FromFile(sources.file);
  if (!sources.command.empty()) return FromCommand(sources.command);
  if (!sources.environment.empty()) {
    if (const char* value = std::getenv(sources.environment.c_str()); value != nullptr && *value != 0) {
      return ToBytes(AsBytes(value));
    }
  }
  if (!sources.keyring_repository.empty() && std::system("command -v secret-tool >/dev/null 2>&1") == 0) {
    auto found = FromCommand("secret-tool lookup service cairn repository " + ShellQuoted(sources.keyring_repository) +
                             " 2>/dev/null");
    if (found) return found;
  }
  return Ask(prompt, confirm);
}

}  // namespace cairn
