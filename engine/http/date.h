// Times as web stores write them.
#pragma once

#include <string>
#include <string_view>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn::http {

// "Wed, 12 Oct 2009 17:50:30 GMT" (RFC 9110) or "2009-10-12T17:50:30.000Z" (ISO 8601, UTC only). kCorrupt else.
Result<UnixNs> ParseDate(std::string_view text);
// The first of these forms; of a time that ParseDate takes.
std::string FormatDate(UnixNs when);

}  // namespace cairn::http
