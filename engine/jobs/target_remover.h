// What a restore deletes in its target: what stands there, is not in the snapshot, and is nobody's to spare.
#pragma once

#include <memory>
#include <set>

#include "engine/env/job_context.h"
#include "engine/jobs/restore.h"

namespace cairn {

// Spared, with the folders around it, is: the repository; what another file system holds, wherever that is mounted
// below the target; what the choice of paths does not take; what the backup left out by its own rules. What is deleted
// is told name by name (in a dry run, what would be), and counted; what cannot be deleted is a finding, and counted as
// failed. One thread. Borrows all but the rules.
class TargetRemover {
 public:
  TargetRemover(const JobContext& context, Sink& sink, const RestoreOptions& options, TreePath item_place,
                std::unique_ptr<const LeftOut> left_out, RestoreReport& report, const FindingSink& findings)
      : context_(context),
        sink_(sink),
        options_(options),
        item_place_(std::move(item_place)),
        left_out_(std::move(left_out)),
        report_(report),
        findings_(findings) {}

  // What is in a folder of the target, but for `names`. `source`: its path in the snapshot. An Error: the run ends.
  Result<void> RemoveOthers(const TreePath& target, const TreePath& source, const std::set<Bytes>& names);
  // All that is in it; true: something was spared, or could not be removed.
  Result<bool> RemoveInside(const TreePath& target, const TreePath& source);

 private:
  struct Folder {  // that is being emptied
    TreePath target, source;
    std::vector<Bytes> names = {};
    size_t next = 0;
    bool is_marked = false;  // only what marks it would have been backed up
    bool is_kept = false;    // something stays in it
  };
  // Nothing: it cannot be listed, which was told where it matters.
  Result<std::vector<Bytes>> List(const TreePath& target);
  Result<bool> Empty(Folder folder, const std::set<Bytes>& but);
  bool Spares(const Folder& folder, const Bytes& name, const TreePath& target, const SinkExisting& existing);
  // True: it is gone, or would be.
  bool Remove(const TreePath& target);
  bool IsSpared(const TreePath& target, const SinkExisting& existing);
  void Tell(Finding::Severity severity, const Error& error, const TreePath& target);

  const JobContext& context_;
  Sink& sink_;
  const RestoreOptions& options_;
  const TreePath item_place_;  // in the snapshot; what was left out is known by paths in the item
  const std::unique_ptr<const LeftOut> left_out_;
  RestoreReport& report_;
  const FindingSink& findings_;
  std::optional<uint64_t> mount_;  // of the target
};

}  // namespace cairn
