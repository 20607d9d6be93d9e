// Percent-encoding, and addresses of web stores. RFC 3986.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "repo-format/base/result.h"

namespace cairn::http {

// All bytes but unreserved ones (A-Z a-z 0-9 - . _ ~) as %XX, in capitals: what SigV4 wants of paths and queries.
enum class Slash : uint8_t { kEncoded, kKept };
std::string PercentEncode(std::string_view bytes, Slash slash = Slash::kEncoded);
// kInvalidArgument where a % is not followed by two hexadecimal digits. A + is a +.
Result<std::string> PercentDecode(std::string_view text);

// The part of an address before its path.
struct Origin {
  std::string scheme;  // "http" or "https"
  std::string host;    // a name, an IPv4 address, or an IPv6 address in brackets
  uint16_t port = 0;   // 0: the scheme's own

  // "host" or "host:port": what a Host header says.
  std::string authority() const;
  std::string text() const { return scheme + "://" + authority(); }
};

struct Address {
  Origin origin;
  std::string path;  // decoded; "" or beginning with "/"
};

// An address without a query; where it has no scheme it is https. kInvalidArgument, naming it, where it is none, or
// holds a user or a password: those belong into no address, which is printed.
Result<Address> ParseAddress(std::string_view text);

}  // namespace cairn::http
