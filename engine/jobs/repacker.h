// What of a pack is still needed goes to new packs.
#pragma once

#include <memory>

#include "engine/jobs/pack_usage.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/write_session.h"

namespace cairn {

// Frames of which every blob is needed travel as they are; of others the needed blobs are written anew, where this role
// can open them. One thread. Borrows all that it is given. SPEC section 13.5.
class Repacker {
 public:
  Repacker(const JobContext& context, Repository& repository, Index& index, WriteSession& session,
           const PackUsage& usage, bool can_rewrite_data, FindingSink findings);
  // True: all that is needed of it has been added to the session. False: it cannot be read, is told, and stays.
  Result<bool> Move(BlobKind kind, const PackName& name);
  // On return what was moved is durable, and named by a segment.
  Result<void> Finish();

 private:
  Result<void> MoveAll(BlobKind kind, const PackName& name);

  const JobContext& context_;
  Repository& repository_;
  Index& index_;
  WriteSession& session_;
  const PackUsage& usage_;
  const bool can_rewrite_data_;
  const FindingSink findings_;
  BlobReader reader_;
  std::unique_ptr<BlobWriter> writer_;
};

}  // namespace cairn
