// Signatures of requests to S3 and what speaks it. AWS Signature Version 4; Amazon S3 API Reference, "Authenticating
// Requests (AWS Signature Version 4)".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/env/clock.h"
#include "engine/http/client.h"
#include "repo-format/base/bytes.h"

namespace cairn::s3 {

struct Credentials {
  std::string access_key;  // printed where it helps; the other two never are
  std::string secret_key;
  std::string session_token;  // "": none
};

// Google's server knows Amazon's signatures, and its own, which are the same with other words: its own headers
// (x-goog-...) it takes only with these.
enum class Dialect : uint8_t { kAmazon, kGoogle };

struct SigningScope {
  std::string region;
  Dialect dialect = Dialect::kAmazon;
};

// Of a request, before it is encoded. Names of headers and of the query are as they will be sent.
struct Unsigned {
  std::string method;
  std::string host;                                        // of the Host header
  std::string path;                                        // decoded, begins with "/"
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in any order
  http::Headers headers;                                   // those to be sent and signed, but for Host
  ByteSpan body;
};

// "a=b&c=" of a query, encoded and sorted as it is signed: as it must be sent.
std::string CanonicalQuery(const std::vector<std::pair<std::string, std::string>>& query);

// All headers to send but Host: those given, x-amz-date, x-amz-content-sha256, x-amz-security-token where there is a
// token (or x-goog-...), and Authorization. `now`: by the server's clock, which may differ from ours by at most a
// quarter of an hour.
http::Headers Sign(const Unsigned& request, const Credentials& credentials, const SigningScope& scope, UnixNs now);

}  // namespace cairn::s3
