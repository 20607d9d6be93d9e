#include "frontends/cli/opened_snapshot.h"

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

}  // namespace cairn
