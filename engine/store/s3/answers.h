// What S3 servers answer: failures, and pages of listings. Amazon S3 API Reference.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "engine/http/client.h"
#include "engine/store/flat/flat_answers.h"

namespace cairn::s3 {

// What S3 says besides.
struct Failure : flat::Failure {
  std::string region;                   // where the bucket is, where the server says so
  std::string host;                     // under which name, where the server says so
  std::chrono::seconds retry_after{0};  // 0: not said
};
Failure FailureOf(const http::Response& response);
// What it means to us. `what` is told first: the object, or what was asked for. `action`: by its name in a policy
// ("s3:PutObject"), for who is refused; may be empty.
Error ErrorOf(const Failure& failure, std::string_view what, std::string_view action = {});

using flat::ListedObject, flat::ListedPage;
struct ListedVersion {
  std::string key, id;
};
struct VersionsPage {
  std::vector<ListedVersion> versions;  // markers of removals are none
  std::string next_key, next_id;        // where the next page begins; "" where this is the last
};
// Of ListObjectVersions, asked with encoding-type=url. kCorrupt where it is none, or not whole.
Result<VersionsPage> ParseVersionsPage(ByteSpan body);
// Of an ETag.
std::string WithoutQuotes(std::string_view tag);
// Of ListObjectsV2, asked with encoding-type=url. kCorrupt where it is none, or not whole.
Result<ListedPage> ParseListedPage(ByteSpan body);

}  // namespace cairn::s3
