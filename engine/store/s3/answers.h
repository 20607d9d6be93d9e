// What S3 servers answer: failures, and pages of listings. Amazon S3 API Reference.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/clock.h"
#include "engine/http/client.h"

namespace cairn::s3 {

// Of an answer that is no success.
struct Failure {
  int status = 0;
  std::string code;                     // "NoSuchKey"; "" where the server gave none (HEAD, a proxy)
  std::string message;                  // for people; short, in one line
  std::string region;                   // where the bucket is, where the server says so
  std::string host;                     // under which name, where the server says so
  std::chrono::seconds retry_after{0};  // 0: not said
};
Failure FailureOf(const http::Response& response);
// What it means to us. `what` is told first: the object, or what was asked for. `action`: by its name in a policy
// ("s3:PutObject"), for who is refused; may be empty.
Error ErrorOf(const Failure& failure, std::string_view what, std::string_view action = {});

struct ListedObject {
  std::string key;
  uint64_t size = 0;
  UnixNs modified = 0;  // 0: not said
  std::string tag;      // its ETag, without quotes
};
struct ListedPage {
  std::vector<ListedObject> objects;
  std::string next;  // the token of the next page; "" where this is the last
};
// Of an ETag.
std::string WithoutQuotes(std::string_view tag);
// Of ListObjectsV2, asked with encoding-type=url. kCorrupt where it is none, or not whole.
Result<ListedPage> ParseListedPage(ByteSpan body);

}  // namespace cairn::s3
