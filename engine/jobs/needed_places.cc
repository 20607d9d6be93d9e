#include "engine/jobs/needed_places.h"

#include <algorithm>

#include "engine/jobs/at_once.h"

namespace cairn {
namespace {

Result<std::optional<BlobId>> Next(RecordSorter::Reader& needed) {
  ASSIGN_OR_RETURN(const ByteSpan id, needed.Next());
  return id.empty() ? std::optional<BlobId>() : BlobId::FromBytes(id);
}

Result<void> ForEachOf(const IdShare& share, const JobContext& context, Index& index, const IdSorter& needed,
                       const EachNeeded& each) {
  ASSIGN_OR_RETURN(const auto reader, needed.Read(share));
  ASSIGN_OR_RETURN(std::optional<BlobId> next, Next(*reader));
  const auto skip_to = [&](const BlobId* id) -> Result<void> {
    while (next && (id == nullptr || *next < *id)) {
      RETURN_IF_ERROR(each(*next, {}));
      ASSIGN_OR_RETURN(next, Next(*reader));
    }
    return {};
  };
  RETURN_IF_ERROR(
      index.ForEachBlobOf(share, [&](const BlobId& id, BlobKind, std::span<const BlobPlace> places) -> Result<void> {
        if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading the index");
        RETURN_IF_ERROR(skip_to(&id));
        if (!next || *next != id) return {};
        RETURN_IF_ERROR(each(id, places));
        ASSIGN_OR_RETURN(next, Next(*reader));
        return {};
      }));
  return skip_to(nullptr);
}

}  // namespace

Result<void> ForEachNeeded(const JobContext& context, Index& index, IdSorter& needed, const EachNeeded& each) {
  RETURN_IF_ERROR(needed.EndAdding());
  return ForEachOf({}, context, index, needed, each);
}

Result<void> ForEachNeededAtOnce(const JobContext& context, Index& index, IdSorter& needed,
                                 const EachNeededOfShare& each) {
  RETURN_IF_ERROR(needed.EndAdding());
  const uint32_t parts = std::clamp(context.executor.workers(), 1U, 64U);
  return AtOnce(context, parts, [&](size_t number) {
    const IdShare share{static_cast<uint32_t>(number), parts};
    return ForEachOf(share, context, index, needed,
                     [&](const BlobId& id, std::span<const BlobPlace> places) { return each(share, id, places); });
  });
}

}  // namespace cairn
