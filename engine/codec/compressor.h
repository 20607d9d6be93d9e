// zstd, one frame at a time. RFC 8878; SPEC section 8.3.
#pragma once

#include <cstdint>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

// Safe for concurrent use: each thread keeps its own state.
// False, and nothing useful in `compressed`, where level is 0 or it would not get smaller by at least one part in 64.
// Data that looks like noise on a sample is tried at level 1 only, which costs little at any level and loses little
// where the sample missed something.
bool TryCompress(ByteSpan plain, int level, Bytes* compressed);
// Exactly one zstd frame that states its size as `plain_length`; kCorrupt otherwise. Allocates plain_length bytes, and
// nothing before the frame has stated so many: the caller has compared it with the format's limit.
Result<Bytes> Decompress(ByteSpan compressed, uint32_t plain_length, std::string_view what);

}  // namespace cairn
