// Chunks as a backup cuts them, under a key that is always the same.
#pragma once

#include <vector>

#include "chunker/cutter.h"
#include "repo-format/base/bytes.h"

namespace cairn::bench {

// What `cairn init` sets.
inline constexpr chunker::ChunkerParams kRowParams{.size_min = 4'096, .size_average = 16'384, .size_max = 131'072};
inline constexpr chunker::ChunkerParams kFileParams{
    .size_min = 524'288, .size_average = 1'048'576, .size_max = 8'388'608};

const chunker::GearTable& Table();
// The lengths of all chunks of a stream.
std::vector<uint32_t> Cut(const chunker::ChunkerParams& params, ByteSpan stream);

}  // namespace cairn::bench
