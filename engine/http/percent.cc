#include "engine/http/percent.h"

#include <charconv>

namespace cairn::http {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error Bad(std::string_view text, std::string_view why) {
  return MakeError(ErrorCode::kInvalidArgument, "the address \"{}\": {}", text, why);
}

bool IsHost(std::string_view host) {
  if (host.empty() || host.starts_with('-')) return false;
  const bool is_ipv6 = host.front() == '[' && host.back() == ']' && host.size() > 4;
  if (is_ipv6) {
    return host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  }
  for (const char c : host) {
    if (!IsUnreserved(c) || c == '~') return false;
  }
  return true;
}

// "host" or "host:port" into `origin`.
bool ParseAuthority(std::string_view authority, Origin& origin) {
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  origin.host = authority.substr(0, colon);
  if (!IsHost(origin.host)) return false;
  if (colon == std::string_view::npos) return true;
  const std::string_view port = authority.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), origin.port);
  return error == std::errc() && end == port.data() + port.size() && origin.port != 0;
}

}  // namespace

std::string PercentEncode(std::string_view bytes, Slash slash) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    if (IsUnreserved(c) || (c == '/' && slash == Slash::kKept)) {
      text += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    text += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return text;
}

Result<std::string> PercentDecode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\": a % is not followed by two hexadecimal digits", text);
    }
    bytes += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return bytes;
}

std::string Origin::authority() const { return port == 0 ? host : fmt::format("{}:{}", host, port); }

Result<Address> ParseAddress(std::string_view text) {
  std::string_view rest = text;
  Address address;
  address.origin.scheme = "https";
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    address.origin.scheme = rest.substr(0, end);
    rest.remove_prefix(end + 3);
  }
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 "an address holds a user or a password before its host: give them in the environment or in a file");
  }
  if (address.origin.scheme != "http" && address.origin.scheme != "https") {
    return Bad(text, "it begins with neither http:// nor https://");
  }
  if (const size_t query = text.find_first_of("?#"); query != std::string_view::npos) {
    return Bad(text.substr(0, query), "it has a query or a fragment");  // which may be secret
  }
  if (!ParseAuthority(authority, address.origin)) return Bad(text, "its host is none");
  // Said or not it is the same place, and clients leave it out of what is signed.
  if (address.origin.port == (address.origin.scheme == "http" ? 80 : 443)) address.origin.port = 0;
  rest.remove_prefix(authority.size());
  ASSIGN_OR_RETURN(address.path, PercentDecode(rest));
  return address;
}

}  // namespace cairn::http
