// What snapshots need of packs that are about to go.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "engine/jobs/pack_usage.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/write_session.h"

namespace cairn {

// Adds needed frames of packs with tombstones to the session, as they are. One thread; for all tries of one pruner's
// step 4. Borrows all that it is given. Memory: the needed frames of one pack. SPEC section 13.4.
class FrameRescue {
 public:
  FrameRescue(const JobContext& context, Repository& repository, Index& index, WriteSession& session,
              FindingSink findings);
  // Called after each fresh look; flush the session afterwards. False: packs were gone, look again. kCorrupt: one that
  // is in the index even after another look is not there, and nothing else has what is needed of it.
  Result<bool> Move(const RescueNeed& need);
  // Packs that hold the only known copy of something that is needed, and it does not read, or is archived. They must
  // stay; each was told.
  const std::set<PackName>& stuck() const { return stuck_; }
  uint64_t blobs_rescued() const { return blobs_rescued_; }

 private:
  using Frames = std::map<uint32_t, std::vector<uint32_t>>;  // frame -> numbers of the needed blobs
  Result<bool> MovePack(const IndexedPack& pack, const Frames& needed);
  bool LeaveArchived(const IndexedPack& pack, const Frames& needed, const Error& error);
  Result<void> GiveUpFrame(const IndexedPack& pack, uint32_t number, const IndexedFrame& frame,
                           const std::vector<uint32_t>& blobs, const Error& error);
  Result<bool> IsElsewhere(const IndexedPack& pack, uint32_t number, const IndexedFrame& frame, uint32_t blob);
  Result<bool> IsGood(const BlobLocation& other, const FrameEntry& broken);

  const JobContext& context_;
  Repository& repository_;
  Index& index_;
  WriteSession& session_;
  const FindingSink findings_;
  BlobReader reader_;
  std::set<PackName> not_found_;         // at an earlier try
  std::set<FrameKey> settled_;           // nothing is left to be done about them
  std::map<FrameKey, bool> known_good_;  // frames that were opened for what another lacks
  std::set<PackName> stuck_;
  uint64_t blobs_rescued_ = 0;
};

}  // namespace cairn
