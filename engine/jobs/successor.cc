#include "engine/jobs/successor.h"

#include "engine/tree/list_reader.h"

namespace cairn {

Result<KeptBlobs> KeptBlobs::Of(WriteSession& session, BlobSource& blobs, const SnapshotId& old) {
  ASSIGN_OR_RETURN(const bool all_stay, session.ParentIsTrusted(old));
  return KeptBlobs(session, blobs, all_stay);
}

Result<void> KeptBlobs::NeedBlob(const BlobId& id, const std::string& of) const {
  ASSIGN_OR_RETURN(const bool known, session_.Knows(id, std::nullopt));
  if (known) return {};
  return MakeError(ErrorCode::kBusy,
                   "blob {} of {} is in no pack that is sure to stay: a prune is at work on it, which moves what is "
                   "needed (where this does not pass, cairn check tells more)",
                   id.ToHex(), of);
}

Result<void> KeptBlobs::Need(const TreePath& path, const Node& node) const {
  if (all_stay_) return {};
  const std::string of = "/" + PathForPeople(path);
  for (const Attribute& attribute : node.attributes) {
    if (attribute.blob) RETURN_IF_ERROR(NeedBlob(attribute.blob->id, of));
  }
  if (!node.content) return {};
  RETURN_IF_ERROR(ForEachListBlob(blobs_, *node.content, [&](const BlobId& id) -> Result<bool> {
    RETURN_IF_ERROR(NeedBlob(id, of));
    return true;
  }));
  return ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
    return entry.type == ListEntry::Type::kHole ? Result<void>() : NeedBlob(entry.id, of);
  });
}

Result<void> KeptBlobs::NeedCommandLine(const SnapshotItem& item) const {
  if (all_stay_ || !item.command_line) return {};
  return NeedBlob(item.command_line->id, "the command line of " + item.name);
}

void CountNode(const Node& node, SnapshotTotals& totals) {
  switch (node.type) {
    case NodeType::kFile:
      ++totals.files;
      totals.bytes += node.size;
      break;
    case NodeType::kFolder:
      ++totals.folders;
      break;
    default:
      ++totals.others;
      break;
  }
}

Result<void> CarryProtection(const JobContext& context, Repository& repository, const LoadedSnapshot& from,
                             const SnapshotId& to, const FindingSink& findings) {
  if (!from.is_protected && !from.expiry) return {};
  if (auto may = repository.NeedWrite(Rights::kMaintain, "protecting snapshots"); !may) {
    if (findings) {
      findings(
          {Finding::Severity::kWarning, may.error().code(), "snapshot " + to.ToHex(),
           fmt::format("snapshot {} is protected, and this one is not: {}", from.id.ToHex(), may.error().message())});
    }
    return {};
  }
  NoteRecord note;
  note.snapshot = to;
  note.counter = 1;
  note.time = ToWireTime(context.clock.Now());
  if (from.is_protected) note.protect = true;
  note.sets_expiry = from.expiry.has_value();
  note.expiry = from.expiry;
  return Protocol(repository, context, findings).PutNote(note).While("protecting snapshot " + to.ToHex());
}

}  // namespace cairn
