// Repair of snapshots: the rest of what was lost. Declared in repair.h.
#include <algorithm>

#include "engine/jobs/blob_target.h"
#include "engine/jobs/forget.h"
#include "engine/jobs/repair.h"
#include "engine/jobs/tree_rewriter.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/list_reader.h"

namespace cairn {
namespace {

class SnapshotRepair {
 public:
  SnapshotRepair(const JobContext& context, Repository& repository, const RepairSnapshotsOptions& options,
                 FindingSink findings)
      : context_(context), repository_(repository), options_(options), findings_(std::move(findings)) {}

  Result<RepairReport> Run() {
    RETURN_IF_ERROR(repository_.NeedWrite(Rights::kWrite | Rights::kMaintain, "repairing snapshots"));
    RETURN_IF_ERROR(repository_.keyring().Need(Rights::kMetadataKey, "reading trees"));
    ASSIGN_OR_RETURN(SnapshotSet set, LoadSnapshots(repository_, context_, findings_));
    if (options_.forget_broken) {
      RETURN_IF_ERROR(SetAsideBroken(set));
      if (!options_.dry_run && !report_.set_aside.empty()) {
        ASSIGN_OR_RETURN(set, LoadSnapshots(repository_, context_, findings_));
      }
    }
    RETURN_IF_ERROR(RecordLosses(set));
    ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_));
    reader_ =
        std::make_unique<BlobReader>(repository_, *index_, context_, context_.limits.memory_bytes / 8, FindingSink());
    for (const LoadedSnapshot& snapshot : set.snapshots) {
      const auto& wanted = options_.snapshots;
      if (!wanted.empty() && std::ranges::find(wanted, snapshot.id) == wanted.end()) continue;
      RETURN_IF_ERROR(RepairOne(snapshot));
    }
    return std::move(report_);
  }

 private:
  Result<void> RecordLosses(const SnapshotSet& set) {
    for (const ForgottenSnapshot& lost : set.unexplained_records) {
      report_.losses_recorded.push_back(lost.snapshot);
      if (findings_) {
        findings_({Finding::Severity::kDamage, ErrorCode::kNotFound, "snapshots/" + lost.snapshot.ToHex(),
                   "a snapshot with SHA-256 " + lost.digest.ToHex() + " is lost; the loss is put on record"});
      }
    }
    if (set.unexplained_records.empty() || options_.dry_run) return {};
    return Protocol(repository_, context_, findings_).PutForgotten(set.unexplained_records);
  }

  // Snapshots and notes that nobody can read block forget and prune until they are gone. What is of a newer version
  // is not broken, and stays.
  Result<void> SetAsideBroken(const SnapshotSet& set) {
    Protocol protocol(repository_, context_, findings_);
    for (const UnreadableObject& broken : set.unreadable) {
      if (broken.code != ErrorCode::kCorrupt && broken.code != ErrorCode::kForged) continue;
      report_.set_aside.push_back(broken.name);
      if (!options_.dry_run) RETURN_IF_ERROR(protocol.SetAside(broken.name));
    }
    return {};
  }

  // First without writing: is anything lost at all?
  Result<void> RepairOne(const LoadedSnapshot& snapshot) {
    if (!snapshot.opened) return {};
    DryRunTotals totals;
    const auto dry = MakeDryRunTarget(repository_, *index_, totals);
    const auto dry_sink = dry->NewSink(context_.limits.frame_bytes_metadata);
    SnapshotInner inner = snapshot.inner;
    ASSIGN_OR_RETURN(const uint64_t lost, RewriteItems(*dry_sink, snapshot, inner, true));
    if (lost == 0) return {};
    report_.snapshots_rewritten.push_back(snapshot.id);
    if (options_.dry_run) return {};
    ASSIGN_OR_RETURN(const auto session, WriteSession::Begin(repository_, *index_, context_, {}, findings_));
    auto done = Commit(*session, snapshot);
    if (!done) {
      IgnoreError(session->Abandon(), "the first error is the one to tell");
      return std::move(done).error();
    }
    if (!options_.forget_broken) return {};
    ASSIGN_OR_RETURN(const SnapshotSet now, LoadSnapshots(repository_, context_, {}));
    RETURN_IF_ERROR(RunForget(context_, repository_, now, {snapshot.id}, findings_));
    return {};
  }

  Result<void> Commit(WriteSession& session, const LoadedSnapshot& snapshot) {
    SnapshotInner inner = snapshot.inner;
    inner.tags = snapshot.tags;
    inner.description = snapshot.description;
    inner.original = snapshot.inner.original.value_or(snapshot.id);
    const auto writer = session.NewBlobWriter(context_.limits.frame_bytes_metadata);
    auto rewritten = RewriteItems(*writer, snapshot, inner, false);
    RETURN_IF_ERROR(writer->Finish());
    RETURN_IF_ERROR(rewritten);
    ASSIGN_OR_RETURN(const SnapshotSet now, LoadSnapshots(repository_, context_, {}));
    const SlotHeads heads = HeadsOfSlot(now, repository_.keyring().slot());
    RETURN_IF_ERROR(session.Commit(inner, heads.heads, heads.counter_next));
    return {};
  }

  // How many nodes are lost.
  Result<uint64_t> RewriteItems(BlobSink& sink, const LoadedSnapshot& snapshot, SnapshotInner& inner, bool tell) {
    uint64_t lost = 0;
    const auto name = [&](const TreePath& path, const std::string& why) {
      ++lost;
      if (tell && findings_) {
        findings_({Finding::Severity::kDamage, ErrorCode::kCorrupt,
                   fmt::format("snapshot {}:/{}", snapshot.id.Short(), PathForPeople(path)), why});
      }
    };
    for (SnapshotItem& item : inner.items) {
      const uint64_t lost_before = lost;
      ASSIGN_OR_RETURN(const Subtree subtree,
                       RewriteTree(
                           *reader_, sink, item.root,
                           [&](const TreePath& path, Node& node) -> Result<bool> {
                             ASSIGN_OR_RETURN(const auto why, WhatIsLost(node));
                             if (why) name(path, *why + "; it is left out");
                             return !why.has_value();
                           },
                           [&](const TreePath& path, const Error& error) -> Result<void> {
                             if (!IsLoss(error.code())) return error;
                             name(path, error.message() + "; what was in this part of the folder is left out");
                             return {};
                           }));
      item.root = subtree.root;
      item.unread_nodes += lost - lost_before;
      if (lost > lost_before) item.complete = false;
    }
    return lost;
  }

  Result<std::optional<std::string>> WhatIsLost(Node& node) {
    // An attribute whose value is lost is dropped; the file is worth keeping without it.
    std::vector<Attribute> kept;
    for (Attribute& attribute : node.attributes) {
      ASSIGN_OR_RETURN(const bool there, attribute.blob ? IsThere(attribute.blob->id) : Result<bool>(true));
      if (there) kept.push_back(std::move(attribute));
    }
    node.attributes = std::move(kept);
    if (!node.content) return std::optional<std::string>();
    uint64_t missing = 0;
    auto walked =
        ForEachEntry(*reader_, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
          if (entry.type == ListEntry::Type::kHole) return {};
          ASSIGN_OR_RETURN(const bool there, IsThere(entry.id));
          if (!there) missing += entry.TotalBytes();
          return {};
        });
    if (!walked) {
      if (!IsLoss(walked.error().code())) return std::move(walked).error();
      return std::optional<std::string>("its list cannot be read: " + walked.error().message());
    }
    if (missing == 0) return std::optional<std::string>();
    return std::optional<std::string>(fmt::format("{} of its {} bytes are lost", missing, node.size));
  }

  Result<bool> IsThere(const BlobId& id) {
    ASSIGN_OR_RETURN(const auto locations, index_->Find(id));
    return !locations.empty();
  }

  const JobContext& context_;
  Repository& repository_;
  const RepairSnapshotsOptions options_;
  const FindingSink findings_;
  RepairReport report_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<BlobReader> reader_;
};

}  // namespace

Result<RepairReport> RepairSnapshots(const JobContext& context, Repository& repository,
                                     const RepairSnapshotsOptions& options, FindingSink findings) {
  return SnapshotRepair(context, repository, options, std::move(findings)).Run();
}

}  // namespace cairn
