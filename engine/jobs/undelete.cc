#include "engine/jobs/undelete.h"

#include <algorithm>

#include "engine/jobs/reachability.h"
#include "engine/jobs/successor.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/write_session.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/tree_walker.h"

namespace cairn {
namespace {

// What of it is not sure to stay. Ids ascend.
struct Missing {
  std::vector<BlobId> lost;    // in no pack of the index
  std::vector<BlobId> going;   // in packs with tombstones alone
  uint64_t unread = 0;         // metadata that could not be read: what is below it is not known
  std::optional<Error> first;  // of these
};

class Undeletion {
 public:
  Undeletion(const JobContext& context, Repository& repository, const DeletedSnapshot& deleted, FindingSink findings)
      : context_(context), repository_(repository), old_(deleted.snapshot), findings_(std::move(findings)) {}

  Result<SnapshotId> Run() {
    RETURN_IF_ERROR(repository_.keyring().Need(Rights::kMetadataKey, "bringing a snapshot back"));
    RETURN_IF_ERROR(repository_.NeedWrite(Rights::kWrite, "bringing a snapshot back"));
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshotsAndDeleted(repository_, context_, findings_));
    RETURN_IF_ERROR(RefuseTwice(set));
    ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_));
    // From here on a prune waits for us: what has no tombstone now, and is needed by nothing but the deleted snapshot,
    // is rescued after our commit.
    ASSIGN_OR_RETURN(session_, WriteSession::Begin(repository_, *index_, context_, {}, findings_));
    auto id = Commit(set);
    if (!id) {
      IgnoreError(session_->Abandon(), "the first error is the one to tell");
      return std::move(id).error();
    }
    RETURN_IF_ERROR(CarryProtection(context_, repository_, old_, *id, findings_));
    return *id;
  }

 private:
  SnapshotId Original() const { return old_.inner.original.value_or(old_.id); }

  Result<void> RefuseTwice(const SnapshotSet& set) const {
    const auto same = std::ranges::find_if(set.snapshots, [&](const LoadedSnapshot& one) {
      return one.inner.original == Original() && one.inner.start == old_.inner.start &&
             one.inner.host == old_.inner.host && one.inner.items == old_.inner.items;
    });
    if (same == set.snapshots.end()) return {};
    return MakeError(ErrorCode::kAlreadyExists, "snapshot {} is back already, as snapshot {}", old_.id.ToHex(),
                     same->id.ToHex());
  }

  Result<SnapshotId> Commit(const SnapshotSet& set) {
    ASSIGN_OR_RETURN(const Missing missing, FindMissing());
    RETURN_IF_ERROR(RefuseMissing(missing));
    SnapshotInner inner = old_.inner;
    inner.needs = NeedsThatAreThere(set);
    inner.tags = old_.tags;
    inner.description = old_.description;
    inner.original = Original();
    const SlotHeads heads = HeadsOfSlot(set, repository_.keyring().slot());
    return session_->Commit(inner, heads.heads, heads.counter_next);
  }

  // One that was back before has the original of the one before it.
  static SnapshotId OriginalOf(const SnapshotSet& set, const SnapshotId& id) {
    const auto same = [&](const DeletedSnapshot& one) { return one.snapshot.id == id; };
    const auto deleted = std::ranges::find_if(set.deleted, same);
    return deleted == set.deleted.end() ? id : deleted->snapshot.inner.original.value_or(id);
  }

  // One that is back under another id counts by that.
  std::vector<SnapshotId> NeedsThatAreThere(const SnapshotSet& set) const {
    std::vector<SnapshotId> needs;
    for (const SnapshotId& needed : old_.inner.needs) {
      auto there = std::ranges::find(set.snapshots, needed, &LoadedSnapshot::id);
      if (there == set.snapshots.end()) {
        const SnapshotId original = OriginalOf(set, needed);
        there = std::ranges::find_if(set.snapshots,
                                     [&](const LoadedSnapshot& one) { return one.inner.original == original; });
      }
      if (there != set.snapshots.end()) {
        needs.push_back(there->id);
      } else if (findings_) {
        findings_(
            {Finding::Severity::kWarning, ErrorCode::kNotFound, "snapshot " + old_.id.ToHex(),
             fmt::format("it goes with snapshot {}, which is not there: it comes back without it", needed.ToHex())});
      }
    }
    return needs;
  }

  // Every blob is looked up: that the deleted snapshot is in its place proves nothing, for it may be over.
  Result<Missing> FindMissing() {
    context_.progress.SetPhase("looking for what it needs");
    Missing missing;
    IdSorter needed(repository_.cache().folder(), context_.limits.memory_bytes / 8);
    BlobReader reader(repository_, *index_, context_, context_.limits.memory_bytes / 8, findings_);
    RETURN_IF_ERROR(
        MarkReachable(context_, reader, {&old_}, needed,
                      [&](const LoadedSnapshot&, const std::string& path, const Error& error) -> Result<void> {
                        if (!IsLoss(error.code())) return error;
                        Tell("/" + path, error.code(), error.message());
                        ++missing.unread;
                        if (!missing.first) missing.first = error;
                        return {};
                      }));
    RETURN_IF_ERROR(needed.StartReading());
    for (;;) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while looking blobs up");
      ASSIGN_OR_RETURN(const std::optional<BlobId> id, needed.Next());
      if (!id) return missing;
      ASSIGN_OR_RETURN(const bool stays, session_->Knows(*id, std::nullopt));
      if (stays) continue;
      ASSIGN_OR_RETURN(const auto places, index_->Find(*id));
      (places.empty() ? missing.lost : missing.going).push_back(*id);
    }
  }

  Result<void> RefuseMissing(const Missing& missing) {
    if (missing.lost.empty() && missing.going.empty() && missing.unread == 0) return {};
    ASSIGN_OR_RETURN(const uint64_t files, NameFiles(missing));
    if (!missing.lost.empty() || missing.unread > 0) {
      return MakeError(ErrorCode::kCorrupt,
                       "snapshot {} is not brought back: {} blobs that it needs are lost, {} files and {} folders are "
                       "hit (they are named above)",
                       old_.id.ToHex(), missing.lost.size() + missing.unread, files, missing.unread);
    }
    return MakeError(ErrorCode::kBusy,
                     "snapshot {} is not brought back: {} blobs that it needs are in packs that a prune is about to "
                     "remove, {} files are hit; what the prune still counts as needed it moves: try again after it",
                     old_.id.ToHex(), missing.going.size(), files);
  }

  Result<uint64_t> NameFiles(const Missing& missing) {
    uint64_t files = 0;
    BlobReader reader(repository_, *index_, context_, context_.limits.memory_bytes / 8, {});
    const auto is_hit = [&](const BlobId& id) {
      return std::ranges::binary_search(missing.lost, id) || std::ranges::binary_search(missing.going, id);
    };
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      bool hit =
          std::ranges::any_of(node.attributes, [&](const Attribute& one) { return one.blob && is_hit(one.blob->id); });
      if (node.content) {
        const auto walked =
            ForEachEntry(reader, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
              hit = hit || (entry.type != ListEntry::Type::kHole && is_hit(entry.id));
              return {};
            });
        hit = hit || !walked;
      }
      if (!hit) return true;
      ++files;
      Tell("/" + PathForPeople(path), ErrorCode::kNotFound, "bytes of it are lost, or about to be");
      return true;
    };
    visitor.failed = [](const TreePath&, const Error&) -> Result<void> { return {}; };  // told before
    for (const SnapshotItem& item : old_.inner.items) {
      RETURN_IF_ERROR(WalkTree(reader, item.root, old_.inner.PlaceOf(item), visitor));
    }
    return files;
  }

  void Tell(const std::string& path, ErrorCode code, const std::string& detail) const {
    if (findings_) findings_({Finding::Severity::kDamage, code, "snapshot " + old_.id.Short() + ":" + path, detail});
  }

  const JobContext& context_;
  Repository& repository_;
  const LoadedSnapshot& old_;
  const FindingSink findings_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<WriteSession> session_;
};

}  // namespace

Result<SnapshotId> RunUndelete(const JobContext& context, Repository& repository, const DeletedSnapshot& deleted,
                               FindingSink findings) {
  return Undeletion(context, repository, deleted, std::move(findings)).Run();
}

}  // namespace cairn
