// Repair of snapshots: the rest of what was lost. Declared in repair.h.
#include <algorithm>
#include <set>

#include "engine/crypto/hash.h"
#include "engine/jobs/blob_target.h"
#include "engine/jobs/forget.h"
#include "engine/jobs/repair.h"
#include "engine/jobs/successor.h"
#include "engine/jobs/tree_rewriter.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/list_reader.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

// Lost is what is nowhere in the index.
Result<bool> IsInIndex(Index& index, const BlobId& id) {
  const auto locations = index.Find(id);
  // What is wrong with the copy on this machine says nothing of the repository.
  if (!locations) return MakeError(ErrorCode::kIo, "looking blob {} up: {}", id.ToHex(), locations.error().message());
  return !locations->empty();
}

// Reads blobs, and tells what is lost from what its pack does not give: that is kBusy, and remembered. One thread.
// Borrows both.
class IndexedBlobs : public BlobSource {
 public:
  IndexedBlobs(BlobReader& reader, Index& index) : reader_(reader), index_(index) {}

  Result<std::shared_ptr<const Bytes>> ReadBlob(BlobKind kind, const BlobId& id) override {
    auto blob = reader_.ReadBlob(kind, id);
    // kBusy: a pack that is not there, and the index was not asked again.
    if (blob || (!IsLoss(blob.error().code()) && blob.error().code() != ErrorCode::kBusy)) return blob;
    ASSIGN_OR_RETURN(const bool is_there, IsInIndex(index_, id));
    if (!is_there) return blob;
    unread_ = blob.error();
    return Error(ErrorCode::kBusy, blob.error().message());
  }
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override {
    return reader_.MetadataHash(label, parts);
  }

  // The last that is in the index and could not be read, once.
  std::optional<Error> TakeUnread() { return std::exchange(unread_, std::nullopt); }

 private:
  BlobReader& reader_;
  Index& index_;
  std::optional<Error> unread_;
};

class SnapshotRepair {
 public:
  SnapshotRepair(const JobContext& context, Repository& repository, const RepairSnapshotsOptions& options,
                 FindingSink findings)
      : context_(context), repository_(repository), options_(options), findings_(std::move(findings)) {}

  Result<RepairReport> Run() {
    RETURN_IF_ERROR(repository_.NeedWrite(Rights::kWrite | Rights::kMaintain, "repairing snapshots"));
    RETURN_IF_ERROR(repository_.keyring().Need(Rights::kMetadataKey, "reading trees"));
    ASSIGN_OR_RETURN(SnapshotSet set,
                     LoadSnapshotsAndDeleted(repository_, context_, findings_, SnapshotsFrom::kTheStore));
    if (options_.forget_broken) {
      RETURN_IF_ERROR(SetAsideBroken(set));
      if (!options_.dry_run && !report_.set_aside.empty()) {
        ASSIGN_OR_RETURN(set, LoadSnapshotsAndDeleted(repository_, context_, findings_, SnapshotsFrom::kTheStore));
      }
    }
    RETURN_IF_ERROR(RecordLosses(set));
    // What they said of losses is on record anew.
    if (options_.forget_broken && options_.snapshots.empty()) RETURN_IF_ERROR(SetAsideAll(set.unreadable_records));
    CountLeft(set);
    ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_));
    reader_ = std::make_unique<BlobReader>(repository_, *index_, context_, context_.limits.memory_bytes / 8,
                                           FindingSink(), BlobReader::Metadata::kOfTheStore);
    blobs_ = std::make_unique<IndexedBlobs>(*reader_, *index_);
    for (const LoadedSnapshot& snapshot : set.snapshots) {
      if (IsWanted(snapshot.id)) RETURN_IF_ERROR(RepairOne(set, snapshot));
    }
    return std::move(report_);
  }

 private:
  Result<void> RecordLosses(const SnapshotSet& set) {
    ASSIGN_OR_RETURN(const std::set<Digest> unread, DigestsOfUnreadable(set));
    std::vector<ForgottenSnapshot> records;
    for (const ForgottenSnapshot& lost : set.unexplained_records) {
      if (unread.contains(lost.digest)) continue;
      records.push_back(lost);
      report_.losses_recorded.push_back(lost.snapshot);
      if (findings_) {
        findings_({Finding::Severity::kDamage, ErrorCode::kNotFound, "snapshots/" + lost.snapshot.ToHex(),
                   "a snapshot with SHA-256 " + lost.digest.ToHex() + " is lost; the loss is put on record"});
      }
    }
    if (records.empty() || options_.dry_run) return {};
    return Protocol(repository_, context_, findings_).PutForgotten(records);
  }

  // What cannot be understood here, and is there, is no loss: a later version wrote it.
  Result<std::set<Digest>> DigestsOfUnreadable(const SnapshotSet& set) const {
    std::set<Digest> digests;
    if (set.unexplained_records.empty()) return digests;
    for (const UnreadableObject& unreadable : set.unreadable) {
      if (ParseObjectName(unreadable.name.text()).kind != ParsedName::Kind::kSnapshot) continue;
      auto object = repository_.store().Get(unreadable.name, limits::kSnapshotBytesMax);
      if (object) digests.insert(Sha256(*object));
      if (!object && !IsLoss(object.error().code())) return std::move(object).error();
    }
    return digests;
  }

  bool IsWanted(const SnapshotId& id) const {
    return options_.snapshots.empty() || std::ranges::find(options_.snapshots, id) != options_.snapshots.end();
  }

  // Of what was asked for, and was not set aside.
  void CountLeft(const SnapshotSet& set) {
    const auto is_left = [&](const UnreadableObject& one) {
      const auto is_it = [&](const ObjectName& name) { return name.text() == one.name.text(); };
      return IsBroken(one) && IsWanted(ParseObjectName(one.name.text()).session) &&
             std::ranges::none_of(report_.set_aside, is_it);
    };
    report_.unreadable_left = static_cast<uint64_t>(std::ranges::count_if(set.unreadable, is_left));
    if (!options_.snapshots.empty()) return;
    report_.unreadable_left += static_cast<uint64_t>(std::ranges::count_if(set.unreadable_records, is_left));
  }

  // Snapshots and notes that nobody can read block forget and prune until they are gone.
  Result<void> SetAsideBroken(const SnapshotSet& set) {
    std::vector<UnreadableObject> wanted;
    for (const UnreadableObject& unreadable : set.unreadable) {
      const ParsedName parsed = ParseObjectName(unreadable.name.text());
      if (!IsWanted(parsed.session) || !IsBroken(unreadable)) continue;
      wanted.push_back(unreadable);
      if (parsed.kind == ParsedName::Kind::kSnapshot) snapshot_set_aside_ = true;
      if (parsed.kind == ParsedName::Kind::kNote) notes_set_aside_of_.insert(parsed.session);
    }
    return SetAsideAll(wanted);
  }

  // What is of a newer version is not broken, and stays.
  static bool IsBroken(const UnreadableObject& unreadable) {
    return unreadable.code == ErrorCode::kCorrupt || unreadable.code == ErrorCode::kForged;
  }

  Result<void> SetAsideAll(const std::vector<UnreadableObject>& unreadable) {
    Protocol protocol(repository_, context_, findings_);
    for (const UnreadableObject& broken : unreadable) {
      if (!IsBroken(broken)) continue;
      report_.set_aside.push_back(broken.name);
      if (!options_.dry_run) RETURN_IF_ERROR(protocol.SetAside(broken.name));
    }
    return {};
  }

  // First without writing: is anything lost at all, and is the rest of it there already?
  Result<void> RepairOne(const SnapshotSet& set, const LoadedSnapshot& snapshot) {
    if (!snapshot.opened) return {};
    DryRunTotals totals;
    const auto dry = MakeDryRunTarget(repository_, *index_, totals);
    const auto dry_sink = dry->NewSink(context_.limits.frame_bytes_metadata);
    SnapshotInner inner = snapshot.inner;
    losses_.clear();
    auto lost = RewriteItems(*dry_sink, snapshot, inner, nullptr);
    if (LeaveUnread(snapshot)) return {};
    RETURN_IF_ERROR(lost);
    if (*lost == 0) return {};
    for (const Finding& loss : losses_) {
      if (findings_) findings_(loss);
    }
    if (const LoadedSnapshot* before = FindRepaired(set, snapshot, inner)) {
      report_.repaired_before.push_back(snapshot.id);
      Note(snapshot, ErrorCode::kAlreadyExists, "its repair is there as snapshot " + before->id.ToHex());
    } else {
      if (!options_.dry_run) {
        auto committed = CommitRepaired(snapshot);
        if (LeaveUnread(snapshot)) return {};
        RETURN_IF_ERROR(committed);
      }
      report_.snapshots_rewritten.push_back(snapshot.id);
    }
    return options_.forget_broken && !options_.dry_run ? ForgetBroken(snapshot) : Result<void>();
  }

  // What is in the index may come back with its pack, or be in a part of it that a repair of packs saves.
  bool LeaveUnread(const LoadedSnapshot& snapshot) {
    const std::optional<Error> unread = blobs_->TakeUnread();
    if (!unread) return false;
    report_.snapshots_left.push_back(snapshot.id);
    Note(snapshot, unread->code(),
         unread->message() +
             "; the index has it, so its pack is missing or damaged, and the snapshot is left as it is: first cairn "
             "repair index (with --drop-missing where the pack will not come back) and cairn repair packs",
         Finding::Severity::kDamage);
    return true;
  }

  // One that an earlier repair of the same snapshot gave.
  static const LoadedSnapshot* FindRepaired(const SnapshotSet& set, const LoadedSnapshot& broken,
                                            const SnapshotInner& repaired) {
    const auto found = std::ranges::find_if(set.snapshots, [&](const LoadedSnapshot& one) {
      return one.id != broken.id && one.inner.original == broken.inner.original.value_or(broken.id) &&
             one.inner.host == repaired.host && one.inner.start == repaired.start && one.inner.tags == broken.tags &&
             one.inner.description == broken.description && one.inner.items == repaired.items;
    });
    return found == set.snapshots.end() ? nullptr : &*found;
  }

  Result<void> CommitRepaired(const LoadedSnapshot& snapshot) {
    ASSIGN_OR_RETURN(const auto session, WriteSession::Begin(repository_, *index_, context_, {}, findings_));
    auto id = Commit(*session, snapshot);
    if (!id) {
      IgnoreError(session->Abandon(), "the first error is the one to tell");
      return std::move(id).error();
    }
    return CarryProtection(context_, repository_, snapshot, *id, findings_);
  }

  // What must stay does not keep the others from being repaired.
  Result<void> ForgetBroken(const LoadedSnapshot& snapshot) {
    if (snapshot_set_aside_) {
      return Hold(snapshot,
                  "a snapshot was set aside, and nobody knows which ones it needed (run it again where none)");
    }
    if (notes_set_aside_of_.contains(snapshot.id)) {
      return Hold(snapshot,
                  "a note of it was set aside, which may have protected it (cairn tag --protect protects it again, and "
                  "what it was repaired to)");
    }
    ASSIGN_OR_RETURN(const uint64_t unindexed, CountUnindexed());
    if (unindexed > 0) {
      return Hold(snapshot, fmt::format("{} packs are in no index segment, and may hold what seems lost (cairn repair "
                                        "index takes them in)",
                                        unindexed));
    }
    ASSIGN_OR_RETURN(const SnapshotSet now, LoadSnapshots(repository_, context_, {}, SnapshotsFrom::kTheStore));
    if (!now.unreadable.empty()) {
      return Hold(snapshot, now.unreadable.front().name.text() +
                                " cannot be read, so nobody knows what it protects or needs (cairn repair snapshots "
                                "--forget without names sets broken ones aside)");
    }
    auto forgotten = RunForget(context_, repository_, now, {snapshot.id}, {.is_broken = true}, findings_);
    if (forgotten) return {};
    if (forgotten.error().code() != ErrorCode::kInvalidArgument) return std::move(forgotten).error();
    Note(snapshot, forgotten.error().code(), "the broken one stays: " + forgotten.error().message());
    return {};
  }

  // Packs that are there, and neither in the index nor taken out of it: the segment that named them may be gone.
  Result<uint64_t> CountUnindexed() {
    if (unindexed_) return *unindexed_;
    RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_));
    std::set<PackName> removed;
    for (const auto& [name, segment] : index_->Removed()) removed.insert(name);
    uint64_t count = 0;
    for (const std::string_view prefix : {kDataPrefix, kMetaPrefix}) {
      RETURN_IF_ERROR(repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
        const ParsedName parsed = ParseObjectName(info.name.text());
        const bool is_pack = parsed.kind == ParsedName::Kind::kPack;
        if (is_pack && !removed.contains(parsed.pack) && !index_->FindPack(parsed.pack)) ++count;
        return {};
      }));
    }
    unindexed_ = count;
    return count;
  }

  Result<void> Hold(const LoadedSnapshot& snapshot, const std::string& why) {
    report_.snapshots_held.push_back(snapshot.id);
    Note(snapshot, ErrorCode::kCorrupt, "the broken one stays: " + why);
    return {};
  }

  Result<SnapshotId> Commit(WriteSession& session, const LoadedSnapshot& snapshot) {
    SnapshotInner inner = snapshot.inner;
    inner.tags = snapshot.tags;
    inner.description = snapshot.description;
    inner.original = snapshot.inner.original.value_or(snapshot.id);
    ASSIGN_OR_RETURN(const KeptBlobs kept, KeptBlobs::Of(session, *blobs_, snapshot.id));
    const auto writer = session.NewBlobWriter(context_.limits.frame_bytes_metadata);
    auto rewritten = RewriteItems(*writer, snapshot, inner, &kept);
    RETURN_IF_ERROR(writer->Finish());
    RETURN_IF_ERROR(rewritten);
    ASSIGN_OR_RETURN(const SnapshotSet now, LoadSnapshots(repository_, context_, {}, SnapshotsFrom::kTheStore));
    const SlotHeads heads = HeadsOfSlot(now, repository_.keyring().slot());
    return session.Commit(inner, heads.heads, heads.counter_next);
  }

  // How many nodes, attributes and command lines are lost. Without `kept` each is added to `losses_`.
  Result<uint64_t> RewriteItems(BlobSink& sink, const LoadedSnapshot& snapshot, SnapshotInner& inner,
                                const KeptBlobs* kept) {
    uint64_t lost = 0, command_lines = 0;
    SnapshotTotals totals{.bytes_new = inner.totals.bytes_new, .bytes_stored = inner.totals.bytes_stored};
    const auto name = [&](const std::string& object, const std::string& why) {
      ++lost;
      if (kept == nullptr) {
        losses_.push_back({Finding::Severity::kDamage, ErrorCode::kCorrupt,
                           fmt::format("snapshot {}:{}", snapshot.id.Short(), object), why});
      }
    };
    TreePath place;  // of the item
    const RewriteNode each = [&](const TreePath& path, Node& node) -> Result<bool> {
      const TreePath seen = JoinPath(place, path);
      const std::string object = "/" + PathForPeople(seen);
      ASSIGN_OR_RETURN(const auto why, WhatIsLost(node));
      if (why) {
        name(object, *why + "; it is left out");
        return false;
      }
      ASSIGN_OR_RETURN(const std::vector<std::string> dropped, DropLostAttributes(node));
      for (const std::string& attribute : dropped) {
        name(object, "the value of its attribute " + attribute + " is lost; it is kept without");
      }
      if (kept != nullptr) RETURN_IF_ERROR(kept->Need(seen, node));
      CountNode(node, totals);
      return true;
    };
    const RewriteFailed failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      if (!IsLoss(error.code())) return error;
      name("/" + PathForPeople(path.empty() ? place : JoinPath(place, path)),
           error.message() + "; what was in this part of the folder is left out");
      return {};
    };
    for (SnapshotItem& item : inner.items) {
      const uint64_t lost_before = lost;
      place = inner.PlaceOf(item);
      ASSIGN_OR_RETURN(const Subtree subtree, RewriteTree(*blobs_, sink, item.root, each, failed));
      item.root = subtree.root;
      item.unread_nodes += lost - lost_before;
      if (lost > lost_before) item.complete = false;
      ASSIGN_OR_RETURN(const bool there, item.command_line ? IsThere(item.command_line->id) : Result<bool>(true));
      if (!there) {
        ++command_lines;
        name(" " + item.name, "its command line is lost; it is kept without");
        item.command_line.reset();
      }
      if (kept != nullptr) RETURN_IF_ERROR(kept->NeedCommandLine(item));
    }
    if (lost > command_lines) inner.totals = totals;
    return lost;
  }

  // Their names. The node is worth keeping without them.
  Result<std::vector<std::string>> DropLostAttributes(Node& node) {
    std::vector<std::string> dropped;
    std::vector<Attribute> kept;
    for (Attribute& attribute : node.attributes) {
      ASSIGN_OR_RETURN(const bool there, attribute.blob ? IsThere(attribute.blob->id) : Result<bool>(true));
      if (there) {
        kept.push_back(std::move(attribute));
      } else {
        dropped.push_back(PathForPeople(attribute.name));
      }
    }
    node.attributes = std::move(kept);
    return dropped;
  }

  Result<std::optional<std::string>> WhatIsLost(const Node& node) {
    if (!node.content) return std::optional<std::string>();
    uint64_t missing = 0;
    auto walked =
        ForEachEntry(*blobs_, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
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

  void Note(const LoadedSnapshot& snapshot, ErrorCode code, const std::string& detail,
            Finding::Severity severity = Finding::Severity::kWarning) const {
    if (findings_) findings_({severity, code, "snapshot " + snapshot.id.ToHex(), detail});
  }

  Result<bool> IsThere(const BlobId& id) { return IsInIndex(*index_, id); }

  const JobContext& context_;
  Repository& repository_;
  const RepairSnapshotsOptions options_;
  const FindingSink findings_;
  RepairReport report_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<BlobReader> reader_;
  std::unique_ptr<IndexedBlobs> blobs_;
  std::vector<Finding> losses_;              // of the snapshot that is being repaired
  bool snapshot_set_aside_ = false;          // by this run
  std::set<SnapshotId> notes_set_aside_of_;  // by this run
  std::optional<uint64_t> unindexed_;        // packs, once they were counted
};

}  // namespace

Result<RepairReport> RepairSnapshots(const JobContext& context, Repository& repository,
                                     const RepairSnapshotsOptions& options, FindingSink findings) {
  return SnapshotRepair(context, repository, options, std::move(findings)).Run();
}

}  // namespace cairn
