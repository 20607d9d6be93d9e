#include "engine/store/sftp/sftp_place.h"

#include <algorithm>
#include <charconv>

#include "repo-format/base/bytes.h"

namespace cairn {
namespace {

constexpr size_t kPathSizeMax = 3000;  // what is put below it still fits into a path of most systems
constexpr std::string_view kForms = "write sftp:user@host:/path or sftp://user@host:port//path";

template <class... Args>
Error Refuse(fmt::format_string<Args...> text, Args&&... args) {
  return MakeError(ErrorCode::kInvalidArgument, "place of an SFTP repository: {}",
                   fmt::format(text, std::forward<Args>(args)...));
}

Error RefusePassword() {
  return Refuse(
      "a password may not stand in it, where other users and logs would see it: let the server know your key "
      "(ssh-copy-id), and leave the password out");
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool IsAlnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsOfHost(char c) { return IsAlnum(c) || std::string_view("._-:%").find(c) != std::string_view::npos; }
bool IsOfUser(char c) {
  return !IsControl(c) && std::string_view(" '\"`$;&<>|(){}[]\\:/").find(c) == std::string_view::npos;
}

Result<std::string> Decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    unsigned value = 0;
    const auto hex = text.substr(i + 1, 2);
    const auto end = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (hex.size() != 2 || end.ptr != hex.data() + 2) return Refuse("a %% is not followed by two hexadecimal digits");
    decoded.push_back(static_cast<char>(value));
    i += 2;
  }
  return decoded;
}

std::string Encoded(std::string_view text, std::string_view also) {
  std::string encoded;
  for (const char c : text) {
    if (c == '%' || also.find(c) != std::string_view::npos) {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      encoded.push_back(c);
    }
  }
  return encoded;
}

// Where the host ends in text that may begin with a user and holds a host, maybe in brackets.
size_t EndOfHost(std::string_view text) {
  const size_t bracket = text.find('[');
  if (bracket != std::string_view::npos && (bracket == 0 || text[bracket - 1] == '@')) {
    const size_t end = text.find(']', bracket);
    if (end != std::string_view::npos) return end + 1;
  }
  return std::min(text.find(':'), text.size());
}

bool LooksLikePassword(std::string_view after_colon) {
  const size_t at = after_colon.find('@');
  return at != std::string_view::npos && at < after_colon.find('/') &&
         after_colon.find(':', at) != std::string_view::npos;
}

}  // namespace

Result<void> SftpPlace::SetLogin(std::string_view login) {
  if (const size_t at = login.rfind('@'); at != std::string_view::npos) {
    user_ = login.substr(0, at);
    login.remove_prefix(at + 1);
    if (user_.empty()) return Refuse("the user before the @ is missing");
  }
  if (login.starts_with('[')) {
    if (!login.ends_with(']')) return Refuse("the bracket of the address is not closed");
    login = login.substr(1, login.size() - 2);
    if (login.find(':') == std::string_view::npos) return Refuse("brackets are for IPv6 addresses only");
  }
  host_ = login;
  return {};
}

Result<void> SftpPlace::Check() const {
  if (host_.empty()) return Refuse("the host is missing: {}", kForms);
  if (host_.starts_with('-')) return Refuse("a host may not begin with -");
  if (!std::ranges::all_of(host_, IsOfHost)) return Refuse("the host holds a character that no host name has");
  if (host_.find('%') != std::string::npos && host_.find(':') == std::string::npos) {
    return Refuse("the host holds a %, which only the zone of an IPv6 address has");
  }
  if (user_.find(':') != std::string::npos) return RefusePassword();
  if (user_.starts_with('-')) return Refuse("a user may not begin with -");
  if (!std::ranges::all_of(user_, IsOfUser)) return Refuse("the user holds a character that no user name has");
  if (path_.empty()) return Refuse("the path is missing: {}", kForms);
  if (std::ranges::any_of(path_, IsControl)) return Refuse("the path holds a control character");
  if (path_.size() > kPathSizeMax) return Refuse("the path has {} bytes, at most {}", path_.size(), kPathSizeMax);
  if (path_.starts_with('~')) {
    return Refuse("servers do not know ~: a path without / at its beginning is one in the user's home");
  }
  return {};
}

Result<SftpPlace> SftpPlace::ParseUrl(std::string_view rest) {
  const size_t slash = rest.find('/');
  std::string_view login = rest.substr(0, slash);
  SftpPlace place;
  std::string user;
  if (const size_t at = login.rfind('@'); at != std::string_view::npos) {
    if (login.substr(0, at).find(':') != std::string_view::npos) return RefusePassword();
    ASSIGN_OR_RETURN(user, Decoded(login.substr(0, at)));
    if (user.empty()) return Refuse("the user before the @ is missing");
    login.remove_prefix(at + 1);
  }
  const size_t end = EndOfHost(login);
  const std::string_view port = login.substr(end);
  ASSIGN_OR_RETURN(const std::string host, Decoded(login.substr(0, end)));
  if (host.find('@') != std::string::npos) return Refuse("the host holds a character that no host name has");
  RETURN_IF_ERROR(place.SetLogin(host));
  place.user_ = user;
  if (!port.empty()) {
    uint16_t number = 0;
    const auto digits = port.substr(1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || number == 0) {
      return Refuse("the port is no number from 1 to 65535 (an IPv6 address stands in brackets)");
    }
    place.port_ = number;
  }
  if (slash == std::string_view::npos) return Refuse("the path is missing: {}", kForms);
  ASSIGN_OR_RETURN(place.path_, Decoded(rest.substr(slash + 1)));
  return place;
}

Result<SftpPlace> SftpPlace::ParseShort(std::string_view rest) {
  const size_t end = EndOfHost(rest);
  const std::string_view login = rest.substr(0, end);
  if (end == rest.size() || rest[end] != ':') return Refuse("host or path is missing: {}", kForms);
  const std::string_view path = rest.substr(end + 1);
  if (login.find('@') == std::string_view::npos && LooksLikePassword(path)) return RefusePassword();
  SftpPlace place;
  RETURN_IF_ERROR(place.SetLogin(login));
  place.path_ = path;
  return place;
}

Result<SftpPlace> SftpPlace::Parse(std::string_view text) {
  if (!IsMeant(text)) return Refuse("it does not begin with sftp: ({})", kForms);
  text.remove_prefix(5);
  ASSIGN_OR_RETURN(SftpPlace place, text.starts_with("//") ? ParseUrl(text.substr(2)) : ParseShort(text));
  while (place.path_.size() > 1 && place.path_.ends_with('/')) place.path_.pop_back();
  RETURN_IF_ERROR(place.Check());
  return place;
}

std::string SftpPlace::Login() const { return user_.empty() ? host_ : user_ + "@" + host_; }

std::string SftpPlace::Text() const {
  const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  if (!port_) return fmt::format("sftp:{}{}{}:{}", user_, user_.empty() ? "" : "@", host, path_);
  const std::string user = user_.empty() ? "" : Encoded(user_, "@") + "@";
  return fmt::format("sftp://{}{}:{}/{}", user, Encoded(host, ""), *port_, Encoded(path_, ""));
}

}  // namespace cairn
