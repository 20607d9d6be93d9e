// All that looking into the snapshots of a repository needs, opened together: what a mount, a server and a browser
// show.
#pragma once

#include <memory>
#include <optional>

#include "engine/repo/blob_reader.h"
#include "frontends/view/live_snapshots.h"
#include "frontends/view/view_tree.h"

namespace cairn::view {

struct LiveViewOptions {
  SnapshotFilter filter = {};
  ViewTreeOptions tree = {};
  uint64_t cache_bytes = 0;  // of opened frames, kept for who asks again
};

// Safe for concurrent use. Borrows the repository and the context. Needs Rights::kMetadataKey; who may not read data
// is told so by who reads it.
class LiveView {
 public:
  // The index is brought into step before this returns; snapshots may be loaded still. `findings` may be called by any
  // thread, by one at a time.
  static Result<std::unique_ptr<LiveView>> Open(Repository& repository, const JobContext& context,
                                                LiveViewOptions options, FindingSink findings);
  ~LiveView();

  ViewTree& tree() { return *tree_; }
  BlobReader& reader() { return *reader_; }
  Index& index() { return *index_; }  // for a job beside it
  LiveSnapshots& snapshots() { return *snapshots_; }

 private:
  explicit LiveView(FindingSink findings);

  const FindingSink findings_;
  files::OwnerNames names_;
  std::unique_ptr<Index> index_;
  std::optional<BlobReader> reader_;
  std::optional<LiveSnapshots> snapshots_;  // its thread ends before what it calls
  std::optional<ViewTree> tree_;
};

}  // namespace cairn::view
