// What Azure Blob Storage answers: failures, and pages of listings. REST API Reference, "Blob service error codes" and
// "List Blobs".
#pragma once

#include <string>
#include <string_view>

#include "engine/http/client.h"
#include "engine/store/flat/flat_answers.h"

namespace cairn::azure {

using flat::Failure, flat::ListedObject, flat::ListedPage;

// Of an answer that is no success.
Failure FailureOf(const http::Response& response);
// What it means to us. `what` is told first: the object, or what was asked for.
Error ErrorOf(const Failure& failure, std::string_view what);

// kCorrupt where it is none, or not whole. Folders of accounts that have them (a hierarchical namespace) are left out.
Result<ListedPage> ParseListedPage(ByteSpan body);

}  // namespace cairn::azure
