// Signatures of requests to Azure Storage. REST API Reference, "Authorize with Shared Key".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/env/clock.h"
#include "engine/http/client.h"
#include "repo-format/base/bytes.h"

namespace cairn::azure {

// Of a request, before it is sent. Names of the query are in small letters.
struct Unsigned {
  std::string method;
  std::string path;                                        // encoded, begins with "/", with the account where it has it
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in any order
  http::Headers headers;                                   // those to be sent, but for Host and Content-Length
  uint64_t body_bytes = 0;
};

// What is signed.
std::string StringToSign(std::string_view account, const Unsigned& request);
// "SharedKey account:signature", for the header Authorization: the last one to be added. `key` is decoded.
std::string Authorization(std::string_view account, ByteSpan key, const Unsigned& request);

}  // namespace cairn::azure
