#include "engine/jobs/frame_copy.h"

#include "engine/jobs/reachability.h"
#include "engine/jobs/sealed_frames.h"
#include "engine/pack/pack_reader.h"

namespace cairn {

// Frames that are to be copied, in the order of ids, which is none: they are read in that of their packs, so that
// what lies together goes on lying together.
struct FrameCopy::Plan {
  std::vector<BlobLocation> frames;
  std::vector<BlobId> blobs;                         // what they are for
  uint64_t bytes = 0;                                // of memory, that these two take
  std::set<std::pair<PackName, uint32_t>> taken_up;  // now or before
};

Result<void> FrameCopy::Copy(WriteSession& session, const LoadedSnapshot& snapshot, const Failed& failed) {
  IdSorter needed(source_.cache().folder(), context_.limits.memory_bytes / 8);
  RETURN_IF_ERROR(MarkReachable(context_, reader_, {&snapshot}, needed,
                                [&](const LoadedSnapshot&, const std::string& path, const Error& error) {
                                  return failed(Error(error).While("reading /" + path));
                                }));
  RETURN_IF_ERROR(needed.StartReading());
  Plan plan;
  for (;;) {
    ASSIGN_OR_RETURN(const auto id, needed.Next());
    if (!id) break;
    ASSIGN_OR_RETURN(const bool known, session.Knows(*id, std::nullopt));
    if (known) continue;
    ASSIGN_OR_RETURN(const auto locations, source_index_.Find(*id));
    if (locations.empty()) {
      RETURN_IF_ERROR(failed(
          MakeError(ErrorCode::kNotFound, "blob {} is in no pack of {}", id->ToHex(), source_.store().description())));
      continue;
    }
    AddToPlan(locations, plan);
    plan.blobs.push_back(*id);
    plan.bytes += sizeof(BlobId);
    if (plan.bytes >= context_.limits.memory_bytes / 16) RETURN_IF_ERROR(CopyPlanned(session, plan, failed));
  }
  return CopyPlanned(session, plan, failed);
}

void FrameCopy::AddToPlan(const std::vector<BlobLocation>& locations, Plan& plan) {
  std::set<FrameCheck> checks;
  for (const BlobLocation& location : locations) {
    if (!checks.insert(location.frame->check).second) continue;
    if (!plan.taken_up.emplace(location.pack.name, location.frame_number).second) continue;
    plan.frames.push_back(location);
    plan.bytes += sizeof(BlobLocation) + sizeof(FrameEntry) + location.frame->blobs.size() * sizeof(BlobEntry);
  }
}

Result<void> FrameCopy::CopyPlanned(WriteSession& session, Plan& plan, const Failed& failed) {
  bool any_lost = false;
  RETURN_IF_ERROR(ReadSealedFrames(source_.store(), std::move(plan.frames), context_,
                                   [&](const BlobLocation& frame, Result<ByteSpan> sealed) -> Result<void> {
                                     if (sealed) return PutFrame(session, frame, *sealed);
                                     if (!IsLoss(sealed.error().code())) return std::move(sealed).error();
                                     plan.taken_up.erase({frame.pack.name, frame.frame_number});
                                     any_lost = true;
                                     return {};
                                   }));
  plan.frames.clear();
  plan.bytes = 0;
  const std::vector<BlobId> blobs = std::exchange(plan.blobs, {});
  if (!any_lost) return {};
  // One by one, wherever else they are.
  for (const BlobId& id : blobs) {
    ASSIGN_OR_RETURN(const auto locations, source_index_.Find(id));
    auto copied = CopyLocations(session, locations, plan.taken_up);
    if (!copied) RETURN_IF_ERROR(failed(copied.error()));
  }
  return {};
}

// Each frame once: which of several that differ is the right one, nobody has looked (SPEC 9).
Result<void> FrameCopy::CopyLocations(WriteSession& session, const std::vector<BlobLocation>& locations,
                                      std::set<std::pair<PackName, uint32_t>>& frames) {
  std::set<FrameCheck> checks;
  Result<void> failure;
  bool any = false;
  for (const BlobLocation& location : locations) {
    if (!checks.insert(location.frame->check).second) continue;
    const auto [place, is_new] = frames.emplace(location.pack.name, location.frame_number);
    auto copied = is_new ? CopyFrame(session, location) : Result<void>();
    any = any || copied;
    if (copied) continue;
    if (!IsLoss(copied.error().code())) return copied;
    frames.erase(place);
    checks.erase(location.frame->check);  // the same frame may be whole elsewhere
    failure = std::move(copied);
  }
  return any ? Result<void>() : failure;
}

Result<void> FrameCopy::CopyFrame(WriteSession& session, const BlobLocation& location) {
  ASSIGN_OR_RETURN(const Bytes sealed, ReadFrame(source_.store(), location.pack.kind, location.pack.name,
                                                 location.frame_offset, *location.frame));
  return PutFrame(session, location, sealed);
}

Result<void> FrameCopy::PutFrame(WriteSession& session, const BlobLocation& location, ByteSpan sealed) {
  RETURN_IF_ERROR(session.AddSealedFrame(location.pack.kind, location.session, *location.frame, sealed));
  ++report_.frames_verbatim;
  report_.blobs_copied += location.frame->blobs.size();
  report_.bytes_copied += sealed.size();
  context_.progress.bytes_done += sealed.size();
  return {};
}

}  // namespace cairn
