// How hard to compress, as a user writes it.
#pragma once

#include <string>

#include "engine/codec/frame_codec.h"

namespace cairn {

// "0" to "19", "off" (0), "fast" (1), "default" (2), "better" (7), "max" (19).
Result<Compression> ParseCompression(const std::string& text);

}  // namespace cairn
