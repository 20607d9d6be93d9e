// Which bytes of a file a request wants, if any. RFC 9110, sections 13 and 14.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/env/clock.h"
#include "frontends/serve/exchange.h"

namespace cairn::serve {

// What a file is told apart by.
struct Validators {
  std::string etag;                  // strong, in its quotes
  std::optional<UnixNs> modified{};  // as Last-Modified says it
};

struct Choice {
  unsigned status = 200;  // 200 the whole, 206 a part, 304 or 412 nothing, 416 a range that is not there
  uint64_t offset = 0, size = 0;
};
// Of a file of `size` bytes, for GET and HEAD. Of several ranges none counts, and an If-Range that is a date neither
// does: then the whole is given.
Choice Choose(const Request& request, const Validators& file, uint64_t size);

}  // namespace cairn::serve
