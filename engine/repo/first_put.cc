#include "engine/repo/first_put.h"

#include <algorithm>

#include "repo-format/limits.h"

namespace cairn {

Result<bool> PutFirst(ObjectStore& store, const ObjectName& name, ByteSpan object) {
  ASSIGN_OR_RETURN(const bool first, store.PutIfAbsent(name, object));
  if (!first || !store.may_have_two_winners()) return first;
  auto there = store.Get(name, std::max(limits::kConfigBytesMax, limits::kSnapshotBytesMax));
  if (there) return Equal(*there, object);
  if (there.error().code() != ErrorCode::kNotFound) {
    return std::move(there).error().While("looking whether " + name.text() + " is in its place");
  }
  return MakeError(ErrorCode::kIo,
                   "{} was put, and is not there: the store does not show, or does not keep, what it has", name.text());
}

}  // namespace cairn
