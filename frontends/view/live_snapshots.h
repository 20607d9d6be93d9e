// The snapshots of a repository as they are now, looked at again while somebody looks at them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "engine/repo/repository.h"
#include "frontends/view/snapshot_folders.h"
#include "frontends/view/view_tree.h"

namespace cairn::view {

// Safe for concurrent use. Borrows all that it is given, and calls `findings` for each thing once.
class LiveSnapshots {
 public:
  // At once; the snapshots are loaded meanwhile. `changed` is called, by who looks, when there are others than before.
  LiveSnapshots(Repository& repository, const JobContext& context, SnapshotFilter filter, FindingSink findings,
                std::function<void()> changed);
  ~LiveSnapshots();

  // Waits for the first loading, unless what there is at once is asked for. Later on the store is asked for its list
  // when the last one is a few seconds old (a far store's list, half a minute), or where there is a doubt; where it has
  // changed, all is loaded by one of those who ask while the others go on with what was. What fails then is told, and
  // tried again later.
  Result<std::shared_ptr<const SnapshotFolders>> Look(ViewTree::Look look);

 private:
  // What a listing says, in little; equal ones are of equal listings.
  using ListingMark = std::pair<uint64_t, uint64_t>;
  void LoadFirst();
  Result<ListingMark> List();
  Result<void> Load(const ListingMark& mark);
  Result<void> Renew();  // renewing_ is held
  std::shared_ptr<const SnapshotFolders> Known();
  std::chrono::nanoseconds Pause(ViewTree::Look look) const;

  Repository& repository_;
  const JobContext& context_;
  const SnapshotFilter filter_;
  const FindingSink findings_;
  const std::function<void()> changed_;
  const ShortHash hash_;
  std::mutex renewing_;  // held by who loads; also guards:
  SnapshotNames names_;
  std::set<std::string> told_;
  ListingMark mark_{};
  std::mutex mutex_;
  std::shared_ptr<const SnapshotFolders> folders_;  // guarded by mutex_, as what follows; nullptr: not loaded yet
  std::chrono::nanoseconds looked_at_{0};           // steady clock
  std::jthread first_;
};

}  // namespace cairn::view
