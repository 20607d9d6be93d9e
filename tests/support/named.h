// Object names in tests, as they are written.
#pragma once

#include <string_view>

#include "repo-format/object_name.h"

namespace cairn {

// Named("data/ab/cd"); the text must be a name.
inline ObjectName Named(std::string_view text) { return ObjectName::Parse(text).value(); }

}  // namespace cairn
