#include "frontends/cli/opened_snapshot.h"

#include <algorithm>

namespace cairn {

Result<void> OpenedSnapshot::Open(Cli& cli, const std::string& name, const SnapshotFilter& filter) {
  ASSIGN_OR_RETURN(repository, cli.Open());
  RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "looking into snapshots"));
  ASSIGN_OR_RETURN(set, cli.Snapshots());
  ASSIGN_OR_RETURN(snapshot, ResolveSnapshot(set, name, filter));
  const FindingSink findings = cli.Findings();
  ASSIGN_OR_RETURN(index, repository->LoadIndex(cli.context(), [&](const SegmentId& id, const Error& error) {
    findings({Finding::Severity::kDamage, error.code(), SegmentName(id).text(), error.message()});
  }));
  reader =
      std::make_unique<BlobReader>(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 8, findings);
  return {};
}

Result<const SnapshotItem*> OpenedSnapshot::Item(std::string* path) const {
  const auto& items = snapshot->inner.items;
  if (items.size() == 1) return &items.front();
  const std::string first = path->substr(0, path->find('/'));
  const auto found = std::ranges::find(items, first, &SnapshotItem::name);
  if (found == items.end()) {
    std::string names;
    for (const SnapshotItem& item : items) names += " " + item.name;
    return MakeError(ErrorCode::kNotFound, "snapshot {} has the items{}: begin the path with one of them",
                     snapshot->id.Short(), names);
  }
  path->erase(0, std::min(first.size() + 1, path->size()));
  return &*found;
}

}  // namespace cairn
