// Names of any bytes as text of XML and HTML.
#pragma once

#include <string>

#include "repo-format/base/bytes.h"

namespace cairn::serve {

// With all that means something there escaped, also inside quotes; what is no UTF-8, or no character that XML 1.0 has,
// as U+FFFD.
std::string MarkupText(ByteSpan bytes);
inline std::string MarkupText(std::string_view text) { return MarkupText(AsBytes(text)); }

}  // namespace cairn::serve
