// Rewrite: a new snapshot from an old one, without some of its paths, or with another host, time or description.
#pragma once

#include <functional>
#include <optional>

#include "engine/repo/blob_reader.h"
#include "engine/repo/snapshot_store.h"
#include "engine/source/sink.h"

namespace cairn {

struct RewriteOptions {
  // Empty: nothing. Of several items the paths begin with an item's name; one whose folder is left out is gone.
  std::function<bool(const TreePath& path, const Node& node)> leave_out;
  // The same as patterns that count from "/" of an item (SPEC 11.1), for the record of what was left out by choice.
  // `place`: of the item, as in `leave_out`; empty where it is the only one.
  std::function<std::vector<std::string>(const TreePath& place)> patterns;
  std::optional<Bytes> host;
  std::optional<WireTime> time;
  std::optional<std::string> description;
  bool dry_run = false;
};
struct RewriteReport {
  std::optional<SnapshotId> id;  // nothing: a dry run, or nothing would change
  uint64_t left_out = 0;
};
// Commits anew, `original` names the old one, which stays; tags, description and protection go over, and the totals are
// of what is left. Needs to read metadata and to write (owner). kBusy: what the new snapshot would keep is being
// removed by a prune. kInvalidArgument: of several items, none would be left.
Result<RewriteReport> RunRewrite(const JobContext& context, Repository& repository, const LoadedSnapshot& snapshot,
                                 const RewriteOptions& options, FindingSink findings);

}  // namespace cairn
