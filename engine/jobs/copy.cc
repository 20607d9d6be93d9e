#include "engine/jobs/copy.h"

#include <algorithm>
#include <utility>

#include "engine/crypto/hash.h"
#include "engine/jobs/copy_memory.h"
#include "engine/jobs/copy_parent.h"
#include "engine/jobs/frame_copy.h"
#include "engine/jobs/item_copy.h"
#include "engine/jobs/reachability.h"
#include "engine/jobs/successor.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/tree_walker.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

// Frames travel verbatim only where the epochs' keys are the same: two repositories of one family may have rotated
// apart.
bool SharesKeys(const Keyring& a, const Keyring& b) {
  if (a.family() != b.family()) return false;
  return a.public_part().epochs == b.public_part().epochs;
}

SnapshotId OriginalOf(const LoadedSnapshot& snapshot) { return snapshot.inner.original.value_or(snapshot.id); }

class CopyRun {
 public:
  CopyRun(const JobContext& context, Repository& source, Repository& target, const CopyOptions& options,
          FindingSink findings)
      : context_(context),
        source_(source),
        target_(target),
        options_(options),
        findings_(std::move(findings)),
        same_ids_(source.keyring().family() == target.keyring().family()),
        memory_(target.cache()) {}

  Result<CopyReport> Run() {
    if (source_.keyring().repository() == target_.keyring().repository()) {
      return MakeError(
          ErrorCode::kInvalidArgument,
          "{} and {} are the same repository: nothing is copied into itself (cairn init makes another one)",
          source_.store().description(), target_.store().description());
    }
    verbatim_ = SharesKeys(source_.keyring(), target_.keyring());
    RETURN_IF_ERROR(source_.keyring().Need(
        verbatim_ ? Rights::kMetadataKey : Rights::kMetadataKey | Rights::kContentKey, "copying from a repository"));
    ASSIGN_OR_RETURN(source_set_, LoadSnapshots(source_, context_, findings_));
    ASSIGN_OR_RETURN(target_set_, LoadSnapshots(target_, context_, findings_));
    ASSIGN_OR_RETURN(source_index_, source_.LoadIndex(context_, [](const SegmentId&, const Error&) {}));
    ASSIGN_OR_RETURN(target_index_, target_.LoadIndex(context_));
    reader_ =
        std::make_unique<BlobReader>(source_, *source_index_, context_, context_.limits.memory_bytes / 8, findings_);
    frames_ = std::make_unique<FrameCopy>(context_, source_, *source_index_, *reader_, report_);
    items_ = std::make_unique<ItemCopy>(context_, source_, *source_index_, *reader_, report_);
    if (auto loaded = memory_.Load(); !loaded) context_.log.Warning("copies: {}", loaded.error().message());
    WarnOfCopiesUnseen();
    for (const SnapshotId& id : options_.snapshots) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while copying");
      RETURN_IF_ERROR(CopyOne(id));
    }
    RETURN_IF_ERROR(CompleteCopies());
    return std::move(report_);
  }

 private:
  Result<void> CopyOne(const SnapshotId& id) {
    const auto found = std::ranges::find(source_set_.snapshots, id, &LoadedSnapshot::id);
    if (found == source_set_.snapshots.end()) return MakeError(ErrorCode::kNotFound, "no snapshot {}", id.ToHex());
    const LoadedSnapshot& snapshot = *found;
    ASSIGN_OR_RETURN(const LoadedSnapshot* there, FindCopy(snapshot));
    if (there != nullptr) {
      were_there_.push_back({id, there->id, report_.snapshots.size()});
      report_.snapshots.push_back({id, there->id, true});
      // Where nobody has said anything of the copy yet, an earlier run may have ended before it did.
      const bool is_bare = there->notes_counter == 0 && !options_.dry_run;
      return is_bare ? CarryProtection(context_, target_, snapshot, there->id, findings_) : Result<void>();
    }
    if (options_.dry_run) {
      report_.snapshots.push_back({id, SnapshotId(), false});
      return {};
    }
    ASSIGN_OR_RETURN(
        const auto session,
        WriteSession::Begin(target_, *target_index_, context_,
                            {.purpose = SessionPurpose::kCopy, .compression = options_.compression}, findings_));
    auto copied = CopyInto(*session, snapshot);
    if (!copied) {
      IgnoreError(session->Abandon(), "the first error is the one to tell");
      return std::move(copied).error();
    }
    report_.snapshots.push_back({id, *copied, false});
    // The copy is there: what this machine cannot remember may cost another one, no more.
    if (auto added = memory_.Add(id, *copied); !added) context_.log.Warning("copies: {}", added.error().message());
    RETURN_IF_ERROR(CarryProtection(context_, target_, snapshot, *copied, findings_));
    ASSIGN_OR_RETURN(target_set_, LoadSnapshots(target_, context_, findings_));
    return {};
  }

  // --- what was copied before ---

  void WarnOfCopiesUnseen() const {
    if (target_.keyring().rights().Has(Rights::kMetadataKey)) return;
    if (target_set_.snapshots.empty() || !memory_.empty() || !findings_) return;
    findings_({Finding::Severity::kWarning, ErrorCode::kNoRight, target_.store().description(),
               "this key's role cannot see which snapshots its snapshots are copies of, and this machine remembers no "
               "copy: what was copied from elsewhere is copied again"});
  }

  // Nothing: it is not there.
  Result<const LoadedSnapshot*> FindCopy(const LoadedSnapshot& snapshot) {
    const auto remembered = memory_.Find(snapshot.id);
    for (const LoadedSnapshot& there : target_set_.snapshots) {
      if (remembered == there.id) return &there;
      if (!LooksCopied(snapshot, there, same_ids_)) continue;
      ASSIGN_OR_RETURN(const bool same, HasSameTrees(snapshot, there));
      if (same) return &there;
    }
    return nullptr;
  }

  // Trees are read only where they alone tell two snapshots of the source apart.
  Result<bool> HasSameTrees(const LoadedSnapshot& snapshot, const LoadedSnapshot& there) {
    if (same_ids_) return true;
    const bool is_ambiguous = std::ranges::any_of(source_set_.snapshots, [&](const LoadedSnapshot& other) {
      return other.inner.items != snapshot.inner.items && LooksCopied(other, there, false);
    });
    if (!is_ambiguous) return true;
    BlobReader target_reader(target_, *target_index_, context_, context_.limits.memory_bytes / 8, findings_,
                             BlobReader::Metadata::kOfTheStore);
    ASSIGN_OR_RETURN(const Digest here, DigestOfTrees(*reader_, snapshot.inner));
    ASSIGN_OR_RETURN(const Digest copied, DigestOfTrees(target_reader, there.inner));
    return here == copied;
  }

  // Of what trees say beside the ids, which depend on the keys.
  Result<Digest> DigestOfTrees(BlobSource& blobs, const SnapshotInner& inner) const {
    Sha256Stream hash;
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while comparing copies");
      WireWriter writer;
      writer.String(path);
      writer.U8(static_cast<uint8_t>(node.type));
      for (const uint64_t number : {uint64_t{node.mode}, node.uid, node.gid, node.size, node.attributes.size()}) {
        writer.V(number);
      }
      writer.Time(node.modified);
      writer.String(node.target);
      for (const Attribute& attribute : node.attributes) writer.String(attribute.name);
      hash.Update(writer.bytes());
      return true;
    };
    for (const SnapshotItem& item : inner.items) {
      RETURN_IF_ERROR(WalkTree(blobs, item.root, inner.PlaceOf(item), visitor));
    }
    return hash.Finish();
  }

  // --- of what was copied before, what the target has lost since ---

  struct Copied {
    SnapshotId source, target;
    size_t place = 0;  // in the report
  };
  struct Absent {
    uint64_t blobs = 0;           // that are needed, and not in the target's index
    std::optional<Error> unread;  // what is below is not known
  };

  Result<void> CompleteCopies() {
    if (were_there_.empty()) return {};
    if (!same_ids_ && !target_.keyring().rights().Has(Rights::kMetadataKey)) {
      Tell(
          Finding::Severity::kWarning, ErrorCode::kNoRight, target_.store().description(),
          fmt::format("this key's role cannot see what the {} snapshots that were there need: whether it is all there, "
                      "cairn check with another key tells",
                      were_there_.size()));
      return {};
    }
    RETURN_IF_ERROR(target_.SyncIndex(*target_index_, context_));
    // All at once, for they share most of what they need; one by one only where something is wrong.
    ASSIGN_OR_RETURN(const Absent absent, FindAbsent(were_there_));
    if (absent.blobs == 0 && !absent.unread) return {};
    for (const Copied& one : were_there_) RETURN_IF_ERROR(Complete(one));
    return {};
  }

  // The other copies are completed all the same.
  static bool IsPassedOver(const Error& error) {
    return IsLoss(error.code()) || error.code() == ErrorCode::kUnsupported;
  }

  // In one family the source's trees tell what the target's need, whatever the target has lost.
  Result<Absent> FindAbsent(const std::vector<Copied>& copies) {
    std::vector<const LoadedSnapshot*> snapshots;
    for (const Copied& one : copies) {
      const SnapshotSet& set = same_ids_ ? source_set_ : target_set_;
      const auto found = std::ranges::find(set.snapshots, same_ids_ ? one.source : one.target, &LoadedSnapshot::id);
      if (found != set.snapshots.end()) snapshots.push_back(&*found);
    }
    Absent absent;
    IdSorter needed(target_.cache().folder(), context_.limits.memory_bytes / 8);
    BlobReader target_reader(target_, *target_index_, context_, context_.limits.memory_bytes / 8, FindingSink(),
                             BlobReader::Metadata::kOfTheStore);
    RETURN_IF_ERROR(
        MarkReachable(context_, same_ids_ ? *reader_ : target_reader, snapshots, needed,
                      [&](const LoadedSnapshot& snapshot, const std::string& path, const Error& error) -> Result<void> {
                        if (!IsPassedOver(error)) return error;
                        if (!same_ids_ && error.code() == ErrorCode::kNotFound)
                          return {};  // in no pack: an absent blob
                        absent.unread = Error(error).While(fmt::format("snapshot {}:/{}", snapshot.id.Short(), path));
                        return {};
                      }));
    RETURN_IF_ERROR(needed.StartReading());
    for (;;) {
      ASSIGN_OR_RETURN(const auto id, needed.Next());
      if (!id) return absent;
      ASSIGN_OR_RETURN(const auto locations, target_index_->Find(*id));
      if (locations.empty()) ++absent.blobs;
    }
  }

  Result<void> Complete(const Copied& one) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while copying");
    ASSIGN_OR_RETURN(const Absent absent, FindAbsent({one}));
    CopyReport::One& told = report_.snapshots.at(one.place);
    told.blobs_absent = absent.blobs;
    if (absent.unread) {
      told.is_incomplete = true;
      TellIncomplete(one,
                     fmt::format("whether all that it needs is there cannot be told (cairn check of {} tells more)",
                                 same_ids_ ? source_.store().description() : target_.store().description()),
                     *absent.unread);
    }
    if (absent.blobs == 0 || options_.dry_run) return {};
    ASSIGN_OR_RETURN(
        const auto session,
        WriteSession::Begin(target_, *target_index_, context_,
                            {.purpose = SessionPurpose::kCopy, .compression = options_.compression}, findings_));
    const auto source = std::ranges::find(source_set_.snapshots, one.source, &LoadedSnapshot::id);
    std::optional<Error> lost;
    auto sent = SendAbsent(*session, *source, one, lost);
    if (sent) return FinishSending(*session, one, told, lost);
    IgnoreError(session->Abandon(), "the first error is the one to tell");
    return sent;
  }

  Result<void> FinishSending(WriteSession& session, const Copied& one, CopyReport::One& told,
                             const std::optional<Error>& lost) {
    if (!lost) return session.End();
    IgnoreError(session.Abandon(), "what could be sent has its segment, or is sent by the next run");
    told.is_incomplete = true;
    TellIncomplete(one,
                   fmt::format("{} blobs that it needs are in no pack of {}, and not all can be sent",
                               told.blobs_absent, target_.store().description()),
                   *lost);
    return {};
  }

  // `lost`: what the source does not have either.
  Result<void> SendAbsent(WriteSession& session, const LoadedSnapshot& source, const Copied& one,
                          std::optional<Error>& lost) {
    const FrameCopy::Failed failed = [&](const Error& error) -> Result<void> {
      if (!IsPassedOver(error)) return error;
      if (!lost) lost = error;
      return {};
    };
    if (verbatim_) return frames_->Copy(session, source, failed);
    items_->SetParent(nullptr, nullptr);
    const auto there = std::ranges::find(target_set_.snapshots, one.target, &LoadedSnapshot::id);
    for (size_t i = 0; i < source.inner.items.size(); ++i) {
      SnapshotItem item = source.inner.items[i];
      auto copied = items_->Copy(session, item, source.inner.PlaceOf(item));
      if (!copied) RETURN_IF_ERROR(failed(copied.error()));
      if (!copied || !there->opened || i >= there->inner.items.size()) continue;
      if (item.root == there->inner.items[i].root) continue;
      RETURN_IF_ERROR(failed(Corrupt("what is copied now has another root directory than item {} there", item.name)));
    }
    return {};
  }

  void TellIncomplete(const Copied& one, const std::string& detail, const Error& error) const {
    Tell(SeverityOf(error), error.code(), "snapshot " + one.target.ToHex(), detail + ": " + error.message());
  }

  void Tell(Finding::Severity severity, ErrorCode code, const std::string& object, const std::string& detail) const {
    if (findings_) findings_({severity, code, object, detail});
  }

  Result<SnapshotId> CopyInto(WriteSession& session, const LoadedSnapshot& snapshot) {
    SnapshotInner inner = snapshot.inner;
    inner.tags = snapshot.tags;
    inner.description = snapshot.description;
    inner.original = OriginalOf(snapshot);
    inner.parent.reset();
    inner.needs.clear();
    if (verbatim_) {
      RETURN_IF_ERROR(frames_->Copy(session, snapshot, [](const Error& error) -> Result<void> { return error; }));
    } else {
      FindParent(snapshot);
      for (SnapshotItem& item : inner.items) RETURN_IF_ERROR(items_->Copy(session, item, inner.PlaceOf(item)));
    }
    const SlotHeads heads = HeadsOfSlot(target_set_, target_.keyring().slot());
    return session.Commit(inner, heads.heads, heads.counter_next);
  }

  // --- other keys: opened, hashed and sealed anew ---

  // The newest snapshot of the same host and paths that is there: most of this one it has.
  void FindParent(const LoadedSnapshot& snapshot) {
    constexpr int kTriesMax = 8;
    items_->SetParent(nullptr, nullptr);
    if (!target_.keyring().rights().Has(Rights::kMetadataKey)) return;
    int tries = 0;
    for (auto one = source_set_.snapshots.rbegin(); one != source_set_.snapshots.rend() && tries < kTriesMax; ++one) {
      if (one->id == snapshot.id || one->inner.host != snapshot.inner.host) continue;
      if (!std::ranges::equal(one->inner.items, snapshot.inner.items, {}, &SnapshotItem::paths, &SnapshotItem::paths)) {
        continue;
      }
      ++tries;
      const auto copy = FindCopy(*one);
      if (!copy || *copy == nullptr) continue;
      if (target_reader_ == nullptr) {
        target_reader_ =
            std::make_unique<BlobReader>(target_, *target_index_, context_, context_.limits.memory_bytes / 8);
      }
      parent_copy_ = (*copy)->inner;
      parent_ = std::make_unique<CopyParent>(*reader_, *target_reader_, one->inner, parent_copy_);
      items_->SetParent(parent_.get(), target_reader_.get());
      return;
    }
  }

  const JobContext& context_;
  Repository& source_;
  Repository& target_;
  const CopyOptions options_;
  const FindingSink findings_;
  CopyReport report_;
  const bool same_ids_;  // one family: equal blobs have equal ids
  bool verbatim_ = false;
  CopyMemory memory_;
  SnapshotSet source_set_, target_set_;
  std::vector<Copied> were_there_;
  std::unique_ptr<Index> source_index_, target_index_;
  std::unique_ptr<BlobReader> reader_, target_reader_;
  SnapshotInner parent_copy_;
  std::unique_ptr<CopyParent> parent_;  // of the snapshot in hand
  std::unique_ptr<FrameCopy> frames_;
  std::unique_ptr<ItemCopy> items_;
};

}  // namespace

bool LooksCopied(const LoadedSnapshot& snapshot, const LoadedSnapshot& there, bool same_ids) {
  if (!there.opened || OriginalOf(snapshot) != OriginalOf(there)) return false;
  SnapshotInner expected = snapshot.inner;
  const SnapshotInner& found = there.inner;
  expected.tags = found.tags;
  expected.description = found.description;
  expected.original = found.original;
  expected.parent = found.parent;
  expected.needs = found.needs;
  if (same_ids || expected.items.size() != found.items.size()) return expected == found;
  for (size_t i = 0; i < expected.items.size(); ++i) {
    SnapshotItem& item = expected.items[i];
    item.root = found.items[i].root;
    if (item.command_line && found.items[i].command_line) item.command_line->id = found.items[i].command_line->id;
  }
  return expected == found;
}

Result<CopyReport> RunCopy(const JobContext& context, Repository& source, Repository& target,
                           const CopyOptions& options, FindingSink findings) {
  return CopyRun(context, source, target, options, std::move(findings)).Run();
}

}  // namespace cairn
