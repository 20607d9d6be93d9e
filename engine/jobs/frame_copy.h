// Copies what snapshots need between repositories that share keys: whole frames, as they are sealed.
#pragma once

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "engine/jobs/copy.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/write_session.h"

namespace cairn {

// One thread. Borrows all that it is given; counts in the report. Memory: an eighth of the limits for ids, which go to
// disk beyond that, a sixteenth for places, and what ReadSealedFrames takes.
class FrameCopy {
 public:
  // Says whether to go on beside what cannot be copied.
  using Failed = std::function<Result<void>(const Error& error)>;

  FrameCopy(const JobContext& context, Repository& source, Index& source_index, BlobReader& reader, CopyReport& report)
      : context_(context), source_(source), source_index_(source_index), reader_(reader), report_(report) {}

  // All that the snapshot needs and the session does not know.
  Result<void> Copy(WriteSession& session, const LoadedSnapshot& snapshot, const Failed& failed);

 private:
  struct Plan;
  static void AddToPlan(const std::vector<BlobLocation>& locations, Plan& plan);
  Result<void> CopyPlanned(WriteSession& session, Plan& plan, const Failed& failed);
  Result<void> CopyLocations(WriteSession& session, const std::vector<BlobLocation>& locations,
                             std::set<std::pair<PackName, uint32_t>>& frames);
  Result<void> CopyFrame(WriteSession& session, const BlobLocation& location);
  Result<void> PutFrame(WriteSession& session, const BlobLocation& location, ByteSpan sealed);

  const JobContext& context_;
  Repository& source_;
  Index& source_index_;
  BlobReader& reader_;
  CopyReport& report_;
};

}  // namespace cairn
