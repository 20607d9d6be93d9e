#include "engine/jobs/needed_places.h"

namespace cairn {

Result<void> ForEachNeeded(const JobContext& context, Index& index, IdSorter& needed, const EachNeeded& each) {
  RETURN_IF_ERROR(needed.StartReading());
  ASSIGN_OR_RETURN(std::optional<BlobId> next, needed.Next());
  const auto skip_to = [&](const BlobId* id) -> Result<void> {
    while (next && (id == nullptr || *next < *id)) {
      RETURN_IF_ERROR(each(*next, {}));
      ASSIGN_OR_RETURN(next, needed.Next());
    }
    return {};
  };
  RETURN_IF_ERROR(index.ForEachBlob([&](const BlobId& id, BlobKind, std::span<const BlobPlace> places) -> Result<void> {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading the index");
    RETURN_IF_ERROR(skip_to(&id));
    if (!next || *next != id) return {};
    RETURN_IF_ERROR(each(id, places));
    ASSIGN_OR_RETURN(next, needed.Next());
    return {};
  }));
  return skip_to(nullptr);
}

}  // namespace cairn
