// Where a file has bytes, and not holes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn::exports {

struct DataStretch {
  uint64_t offset = 0, size = 0;
};
using DataStretches = std::vector<DataStretch>;  // ascending, none touches the next

// Nothing where the file has no hole, or so many that its map would be no help. Reads every list of it.
Result<std::optional<DataStretches>> StretchesOf(BlobSource& blobs, const Node& file);

}  // namespace cairn::exports
