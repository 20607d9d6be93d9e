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

}  // namespace cairn::http
