// Base64 with padding. RFC 4648, section 4.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "repo-format/base/bytes.h"

namespace cairn::http {

std::string Base64Encode(ByteSpan bytes);
// Nothing where it is none: another character, no padding, bits that no encoder sets.
std::optional<Bytes> Base64Decode(std::string_view text);

}  // namespace cairn::http
