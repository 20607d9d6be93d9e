// The target of a request as names, and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::serve {

// "/by-time/latest/a%20b/" as its names, decoded; the root has none. Any bytes, but no name can be "." or "..", or hold
// a "/" or a zero byte: kInvalidArgument. One that begins with "http://host" means the same path (RFC 9112, 3.2.2).
Result<std::vector<Bytes>> ParseTarget(std::string_view target);
// The host that such a target names; "" where it names none.
std::string_view HostOfTarget(std::string_view target);
// Percent-encoded, from "/" on, without one at the end but for the root.
std::string EncodePath(const std::vector<Bytes>& names);

}  // namespace cairn::serve
