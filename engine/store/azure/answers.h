// What Azure Blob Storage answers: failures, and pages of listings. REST API Reference, "Blob service error codes" and
// "List Blobs".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "engine/http/client.h"

namespace cairn::azure {

// Of an answer that is no success.
struct Failure {
  int status = 0;
  std::string code;     // "BlobNotFound"; "" where the server gave none (a proxy)
  std::string message;  // for people; short, in one line
};
Failure FailureOf(const http::Response& response);
// What it means to us. `what` is told first: the object, or what was asked for.
Error ErrorOf(const Failure& failure, std::string_view what);

struct ListedBlob {
  std::string name;
  uint64_t size = 0;
  UnixNs modified = 0;  // 0: not said
};
struct ListedPage {
  std::vector<ListedBlob> blobs;
  std::string next;  // the marker of the next page; "" where this is the last
};
// kCorrupt where it is none, or not whole. Folders of accounts that have them (a hierarchical namespace) are left out.
Result<ListedPage> ParseListedPage(ByteSpan body);

}  // namespace cairn::azure
