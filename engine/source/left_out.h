// What a dump passes over by choice, asked of what stands at its target.
#pragma once

#include <set>

#include "engine/source/sink.h"

namespace cairn {

// Safe for concurrent use.
class LeftOut {
 public:
  virtual ~LeftOut() = default;
  // Would the entry at this path of the snapshot, as it stands there, have been passed over? The folders above it were
  // not.
  virtual bool Entry(const TreePath& path, const SinkExisting& existing) const = 0;
  // May all but these entries of a folder have been passed over, whatever they were?
  virtual bool Others(const TreePath& folder, const std::set<Bytes>& names) const = 0;
  // In a folder with an entry of this name, would all others have been passed over?
  virtual bool Marks(const Bytes& name) const = 0;
};

}  // namespace cairn
