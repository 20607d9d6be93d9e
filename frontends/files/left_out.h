// What a backup would have left out, by the rules that it was made with.
#pragma once

#include <memory>

#include "engine/source/left_out.h"
#include "repo-format/snapshot.h"

namespace cairn {

// The rules that stand in the item's source parameters. Nothing: there are none on record. kUnsupported, kCorrupt: they
// are not understood, and what they leave out is not known.
Result<std::unique_ptr<LeftOut>> LeftOutOf(const SnapshotItem& item);

}  // namespace cairn
