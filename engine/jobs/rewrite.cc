#include "engine/jobs/rewrite.h"

#include "engine/jobs/blob_target.h"
#include "engine/jobs/successor.h"
#include "engine/jobs/tree_rewriter.h"
#include "engine/tree/snapshot_tree.h"
#include "repo-format/files_parameters.h"

namespace cairn {
namespace {

// The inner part of the snapshot that replaces `old`, so far as options say.
SnapshotInner NewInner(const LoadedSnapshot& old, const RewriteOptions& options) {
  SnapshotInner inner = old.inner;
  inner.tags = old.tags;
  inner.description = options.description.value_or(old.description);
  if (options.host) inner.host = *options.host;
  if (options.time) inner.start = *options.time;
  inner.original = old.inner.original.value_or(old.id);
  return inner;
}

// A restore that deletes spares what they left out. One that takes in again would make it spare less: it is passed
// over.
void NoteLeftOut(SnapshotItem& item, const std::vector<std::string>& patterns) {
  if (item.kind != ItemKind::kFiles || patterns.empty()) return;
  FilesParameters parameters;
  if (item.source_parameters) {
    auto before = FilesParameters::Parse(*item.source_parameters);
    if (!before) return;  // nobody deletes by what nobody understands
    parameters = *std::move(before);
  }
  for (const std::string& pattern : patterns) {
    if (!pattern.starts_with('!')) parameters.patterns.push_back(pattern);
  }
  item.source_parameters = parameters.Encode();
}

// How many entries are left out. `kept` is nothing in a dry run.
Result<uint64_t> RewriteItems(BlobSource& source, BlobSink& sink, const RewriteOptions& options, const KeptBlobs* kept,
                              SnapshotInner& inner) {
  const bool all_stays = kept == nullptr || kept->all_stay();
  if (!options.leave_out && all_stays) return uint64_t{0};
  uint64_t left_out = 0;
  SnapshotTotals totals{.bytes_new = inner.totals.bytes_new, .bytes_stored = inner.totals.bytes_stored};
  TreePath place;  // of the item
  const RewriteNode each = [&](const TreePath& path, Node& node) -> Result<bool> {
    const TreePath seen = JoinPath(place, path);
    if (options.leave_out && options.leave_out(seen, node)) {
      ++left_out;
      return false;
    }
    if (kept != nullptr) RETURN_IF_ERROR(kept->Need(seen, node));
    CountNode(node, totals);
    return true;
  };
  const RewriteFailed failed = [&](const TreePath& path, const Error& error) -> Result<void> {
    return Error(error).While("folder /" + PathForPeople(path.empty() ? place : JoinPath(place, path)));
  };
  std::vector<SnapshotItem> items;
  for (SnapshotItem item : inner.items) {
    place = inner.PlaceOf(item);
    if (!place.empty() && options.leave_out && options.leave_out(place, FolderOfItem(inner, item))) {
      ++left_out;
      continue;
    }
    ASSIGN_OR_RETURN(const Subtree subtree, RewriteTree(source, sink, item.root, each, failed));
    item.root = subtree.root;
    if (options.patterns) NoteLeftOut(item, options.patterns(place));
    if (kept != nullptr) RETURN_IF_ERROR(kept->NeedCommandLine(item));
    items.push_back(std::move(item));
  }
  if (items.empty() && !inner.items.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "none of its {} items would be left", inner.items.size());
  }
  inner.items = std::move(items);
  if (left_out > 0) inner.totals = totals;
  return left_out;
}

}  // namespace

Result<RewriteReport> RunRewrite(const JobContext& context, Repository& repository, const LoadedSnapshot& snapshot,
                                 const RewriteOptions& options, FindingSink findings) {
  RETURN_IF_ERROR(repository.keyring().Need(Rights::kMetadataKey, "rewriting a snapshot"));
  RewriteReport report;
  ASSIGN_OR_RETURN(const auto index, repository.LoadIndex(context));
  BlobReader reader(repository, *index, context, context.limits.memory_bytes / 8, findings);
  SnapshotInner inner = NewInner(snapshot, options);
  if (options.dry_run) {
    DryRunTotals totals;
    const auto target = MakeDryRunTarget(repository, *index, totals);
    const auto sink = target->NewSink(context.limits.frame_bytes_metadata);
    ASSIGN_OR_RETURN(report.left_out, RewriteItems(reader, *sink, options, nullptr, inner));
    return report;
  }
  ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(repository, context, findings));
  ASSIGN_OR_RETURN(const auto session, WriteSession::Begin(repository, *index, context, {}, findings));
  const auto run = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const KeptBlobs kept, KeptBlobs::Of(*session, reader, snapshot.id));
    const auto writer = session->NewBlobWriter(context.limits.frame_bytes_metadata);
    auto rewritten = RewriteItems(reader, *writer, options, &kept, inner);
    RETURN_IF_ERROR(writer->Finish());
    RETURN_IF_ERROR(rewritten);
    report.left_out = *rewritten;
    const bool same = report.left_out == 0 && inner.host == snapshot.inner.host &&
                      inner.start == snapshot.inner.start && inner.description == snapshot.description;
    if (same) return session->Abandon();
    const SlotHeads heads = HeadsOfSlot(set, repository.keyring().slot());
    ASSIGN_OR_RETURN(report.id, session->Commit(inner, heads.heads, heads.counter_next));
    return CarryProtection(context, repository, snapshot, *report.id, findings);
  };
  auto done = run();
  if (!done) {
    if (!report.id) IgnoreError(session->Abandon(), "the first error is the one to tell");
    return std::move(done).error();
  }
  return report;
}

}  // namespace cairn
