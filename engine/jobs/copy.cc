#include "engine/jobs/copy.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "engine/jobs/reachability.h"
#include "engine/jobs/tree_rewriter.h"
#include "engine/pack/pack_reader.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/write_session.h"
#include "engine/tree/list_builder.h"
#include "engine/tree/list_reader.h"

namespace cairn {
namespace {

// Frames travel verbatim only where the epochs' keys are the same: two repositories of one family may have rotated
// apart.
bool SharesKeys(const Keyring& a, const Keyring& b) {
  if (a.family() != b.family()) return false;
  return a.public_part().epochs == b.public_part().epochs;
}

class CopyRun {
 public:
  CopyRun(const JobContext& context, Repository& source, Repository& target, const CopyOptions& options,
          FindingSink findings)
      : context_(context), source_(source), target_(target), options_(options), findings_(std::move(findings)) {}

  Result<CopyReport> Run() {
    verbatim_ = SharesKeys(source_.keyring(), target_.keyring());
    RETURN_IF_ERROR(source_.keyring().Need(
        verbatim_ ? Rights::kMetadataKey : Rights::kMetadataKey | Rights::kContentKey, "copying from a repository"));
    ASSIGN_OR_RETURN(source_set_, LoadSnapshots(source_, context_, findings_));
    ASSIGN_OR_RETURN(target_set_, LoadSnapshots(target_, context_, findings_));
    ASSIGN_OR_RETURN(source_index_, source_.LoadIndex(context_, [](const SegmentId&, const Error&) {}));
    ASSIGN_OR_RETURN(target_index_, target_.LoadIndex(context_));
    reader_ =
        std::make_unique<BlobReader>(source_, *source_index_, context_, context_.limits.memory_bytes / 8, findings_);
    for (const SnapshotId& id : options_.snapshots) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while copying");
      RETURN_IF_ERROR(CopyOne(id));
    }
    return std::move(report_);
  }

 private:
  Result<void> CopyOne(const SnapshotId& id) {
    const auto found = std::ranges::find(source_set_.snapshots, id, &LoadedSnapshot::id);
    if (found == source_set_.snapshots.end()) return MakeError(ErrorCode::kNotFound, "no snapshot {}", id.ToHex());
    const LoadedSnapshot& snapshot = *found;
    const SnapshotId original = snapshot.inner.original.value_or(snapshot.id);
    for (const LoadedSnapshot& there : target_set_.snapshots) {
      if (there.inner.original.value_or(there.id) != original) continue;
      report_.snapshots.push_back({id, there.id, true});
      return {};
    }
    if (options_.dry_run) {
      report_.snapshots.push_back({id, SnapshotId(), false});
      return {};
    }
    ASSIGN_OR_RETURN(
        const auto session,
        WriteSession::Begin(target_, *target_index_, context_,
                            {.purpose = SessionPurpose::kCopy, .compression = options_.compression}, findings_));
    auto done = CopyInto(*session, snapshot, original);
    if (!done) IgnoreError(session->Abandon(), "the first error is the one to tell");
    return done;
  }

  Result<void> CopyInto(WriteSession& session, const LoadedSnapshot& snapshot, const SnapshotId& original) {
    SnapshotInner inner = snapshot.inner;
    inner.tags = snapshot.tags;
    inner.description = snapshot.description;
    inner.original = original;
    inner.parent.reset();
    inner.needs.clear();
    if (verbatim_) {
      RETURN_IF_ERROR(CopyFrames(session, snapshot));
    } else {
      for (SnapshotItem& item : inner.items) RETURN_IF_ERROR(CopyItem(session, item));
    }
    const SlotHeads heads = HeadsOfSlot(target_set_, target_.keyring().slot());
    ASSIGN_OR_RETURN(const SnapshotId id, session.Commit(inner, heads.heads, heads.counter_next));
    report_.snapshots.push_back({snapshot.id, id, false});
    ASSIGN_OR_RETURN(target_set_, LoadSnapshots(target_, context_, findings_));
    return {};
  }

  // --- one family: whole frames, as they are ---

  Result<void> CopyFrames(WriteSession& session, const LoadedSnapshot& snapshot) {
    IdSorter needed(source_.cache().folder(), context_.limits.memory_bytes / 8);
    RETURN_IF_ERROR(MarkReachable(context_, *reader_, {&snapshot}, needed,
                                  [](const LoadedSnapshot&, const std::string& path, const Error& error) {
                                    return Result<void>(Error(error).While("reading /" + path));
                                  }));
    RETURN_IF_ERROR(needed.StartReading());
    std::set<std::pair<PackName, uint32_t>> frames;
    for (;;) {
      ASSIGN_OR_RETURN(const auto id, needed.Next());
      if (!id) break;
      ASSIGN_OR_RETURN(const bool known, session.Knows(*id));
      if (known) continue;
      ASSIGN_OR_RETURN(const auto locations, source_index_->Find(*id));
      if (locations.empty()) {
        return MakeError(ErrorCode::kNotFound, "blob {} is in no pack of {}", id->ToHex(),
                         source_.store().description());
      }
      RETURN_IF_ERROR(CopyLocations(session, locations, frames));
    }
    return {};
  }

  // Each frame once: which of several that differ is the right one, nobody has looked (SPEC 9).
  Result<void> CopyLocations(WriteSession& session, const std::vector<BlobLocation>& locations,
                             std::set<std::pair<PackName, uint32_t>>& frames) {
    std::set<FrameCheck> checks;
    Result<void> failure;
    bool any = false;
    for (const BlobLocation& location : locations) {
      if (!checks.insert(location.frame->check).second) continue;
      const auto [place, is_new] = frames.emplace(location.pack.name, location.frame_number);
      auto copied = is_new ? CopyFrame(session, location) : Result<void>();
      any = any || copied;
      if (copied) continue;
      if (!IsLoss(copied.error().code())) return copied;
      frames.erase(place);
      checks.erase(location.frame->check);  // the same frame may be whole elsewhere
      failure = std::move(copied);
    }
    return any ? Result<void>() : failure;
  }

  Result<void> CopyFrame(WriteSession& session, const BlobLocation& location) {
    ASSIGN_OR_RETURN(const Bytes sealed, ReadFrame(source_.store(), location.pack.kind, location.pack.name,
                                                   location.frame_offset, *location.frame));
    RETURN_IF_ERROR(session.AddSealedFrame(location.pack.kind, location.session, *location.frame, sealed));
    ++report_.frames_verbatim;
    report_.blobs_copied += location.frame->blobs.size();
    report_.bytes_copied += sealed.size();
    context_.progress.bytes_done += sealed.size();
    return {};
  }

  // --- other keys: opened, hashed and sealed anew ---

  Result<void> CopyItem(WriteSession& session, SnapshotItem& item) {
    const auto writer = session.NewBlobWriter(context_.limits.frame_bytes_files);
    auto subtree = RewriteTree(
        *reader_, *writer, item.root,
        [&](const TreePath& path, Node& node) -> Result<bool> {
          if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while copying");
          auto copied = CopyNode(*writer, node);
          if (!copied) return std::move(copied).error().While("copying /" + PathForPeople(path));
          return true;
        },
        [](const TreePath& path, const Error& error) -> Result<void> {
          return Error(error).While("folder /" + PathForPeople(path));
        });
    if (subtree && item.command_line) {
      ASSIGN_OR_RETURN(item.command_line->id, CopyBlob(*writer, item.command_line->id));
    }
    RETURN_IF_ERROR(writer->Finish());
    RETURN_IF_ERROR(subtree);
    item.root = subtree->root;
    return {};
  }

  Result<void> CopyNode(BlobWriter& writer, Node& node) {
    for (Attribute& attribute : node.attributes) {
      if (!attribute.blob) continue;
      ASSIGN_OR_RETURN(attribute.blob->id, CopyBlob(writer, attribute.blob->id));
    }
    if (!node.content) return {};
    ListBuilder list(writer, 128);
    RETURN_IF_ERROR(
        ForEachEntry(*reader_, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
          ListEntry copy = entry;
          if (entry.type != ListEntry::Type::kHole) {
            ASSIGN_OR_RETURN(copy.id, CopyBlob(writer, entry.id));
          }
          return list.AddEntry(copy);
        }));
    ASSIGN_OR_RETURN(node.content, list.Finish());
    return {};
  }

  Result<BlobId> CopyBlob(BlobWriter& writer, const BlobId& id) {
    if (const auto known = copied_.find(id); known != copied_.end()) return known->second;
    ASSIGN_OR_RETURN(const auto plain, reader_->ReadBlob(BlobKind::kData, id));
    ASSIGN_OR_RETURN(const BlobWriter::Added added, writer.Add(BlobKind::kData, *plain));
    if (added.is_new) {
      ++report_.blobs_copied;
      report_.bytes_copied += plain->size();
    }
    context_.progress.bytes_done += plain->size();
    constexpr size_t kRememberedMax = 1'000'000;  // about 100 MiB; forgetting costs reading again, no more
    if (copied_.size() >= kRememberedMax) copied_.clear();
    copied_.emplace(id, added.id);
    return added.id;
  }

  const JobContext& context_;
  Repository& source_;
  Repository& target_;
  const CopyOptions options_;
  const FindingSink findings_;
  CopyReport report_;
  bool verbatim_ = false;
  SnapshotSet source_set_, target_set_;
  std::unique_ptr<Index> source_index_, target_index_;
  std::unique_ptr<BlobReader> reader_;
  std::unordered_map<BlobId, BlobId> copied_;
};

}  // namespace

Result<CopyReport> RunCopy(const JobContext& context, Repository& source, Repository& target,
                           const CopyOptions& options, FindingSink findings) {
  return CopyRun(context, source, target, options, std::move(findings)).Run();
}

}  // namespace cairn
