// Copies an item of a snapshot between repositories with keys of their own: opened, hashed and sealed anew.
#pragma once

#include <memory>
#include <unordered_map>

#include "engine/jobs/copy.h"
#include "engine/jobs/copy_parent.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/write_session.h"

namespace cairn {

// One thread. Borrows all that it is given; counts in the report. What it has copied it remembers, from item to item
// and from snapshot to snapshot, but asks each session whether it is still there.
//
// Data is fetched ahead of where the tree is rewritten, several requests at a time (ReadSealedFrames, whose memory is
// taken for it), in the order in which it lies.
class ItemCopy {
 public:
  ItemCopy(const JobContext& context, Repository& source, Index& source_index, BlobReader& reader, CopyReport& report)
      : context_(context), source_(source), source_index_(source_index), reader_(reader), report_(report) {}

  // What an earlier snapshot tells of those that follow; null: nothing. `target` reads what it is a copy of.
  void SetParent(CopyParent* parent, BlobSource* target) {
    parent_ = parent;
    target_ = target;
  }
  // `place`: of the item in its snapshot. Its root and the blob of its command line become those of the target.
  Result<void> Copy(WriteSession& session, SnapshotItem& item, const TreePath& place);

 private:
  class Run;

  const JobContext& context_;
  Repository& source_;
  Index& source_index_;
  BlobReader& reader_;
  CopyReport& report_;
  CopyParent* parent_ = nullptr;
  BlobSource* target_ = nullptr;
  std::unordered_map<BlobId, BlobId> copied_;  // by its id in the source
};

}  // namespace cairn
