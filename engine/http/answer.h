// What all answers have, whatever the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/env/clock.h"
#include "engine/http/client.h"

namespace cairn::http {

// What a server says, for people: its first 300 bytes in one line, without what a terminal would obey.
std::string OneLine(std::string_view text);
// Digits and nothing else.
std::optional<uint64_t> ParseNumber(std::string_view text);
// Of an answer to HEAD: the size and the time of what is there; the time is 0 where it is not said. kIo, naming `what`,
// where the size is not.
struct Extent {
  uint64_t size = 0;
  UnixNs modified = 0;
};
Result<Extent> ExtentOf(const Response& response, std::string_view what);
// Every answer that succeeded and is about an object, of S3 as of Azure, tells its tag. A page to log in to a network,
// with status 200, does not: transient kIo, naming `what`.
Result<void> NeedTag(const Response& response, std::string_view what);
// Exactly the `size` bytes from `offset` that were asked for as a range, out of an answer that succeeded. Content-Range
// (RFC 9110, section 14.4) must say so. kCorrupt, naming `what`, where the whole ends before; else transient kIo.
Result<Bytes> PartOf(Response response, uint64_t offset, uint64_t size, std::string_view what);

}  // namespace cairn::http
