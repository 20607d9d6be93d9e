// Where a repository is on an SSH server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "repo-format/base/result.h"

namespace cairn {

// A value that exists is valid: no part of it looks like an option of `ssh`, or is a piece of shell text (a
// ProxyCommand of the user's may put host and user into one).
class SftpPlace {
 public:
  // sftp:[user@]host:path             path as it stands; relative to the user's home, or absolute
  // sftp://[user@]host[:port]/path    relative to the home; `//path` is absolute; %XX are decoded
  //
  // An IPv6 address stands in brackets. A password is refused, without being told again; so is an empty path.
  static Result<SftpPlace> Parse(std::string_view text);
  // Whether it is meant to be one: begins with "sftp:".
  static bool IsMeant(std::string_view text) { return text.starts_with("sftp:"); }

  const std::string& user() const { return user_; }  // "": the user's ssh configuration decides
  const std::string& host() const { return host_; }  // without brackets; may be a name of that configuration
  std::optional<uint16_t> port() const { return port_; }
  const std::string& path() const { return path_; }  // without "/" at its end, but for "/" itself

  std::string Text() const;   // what Parse gives this place for
  std::string Login() const;  // [user@]host, for people

  friend bool operator==(const SftpPlace&, const SftpPlace&) = default;

 private:
  SftpPlace() = default;
  Result<void> Check() const;
  static Result<SftpPlace> ParseUrl(std::string_view rest);
  static Result<SftpPlace> ParseShort(std::string_view rest);
  Result<void> SetLogin(std::string_view login);

  std::string user_, host_, path_;
  std::optional<uint16_t> port_;
};

}  // namespace cairn
