#include "frontends/cli/opened_snapshot.h"

#include "engine/env/run_both.h"

namespace cairn {

Result<void> OpenedSnapshot::Open(Cli& cli, const std::string& name, const SnapshotFilter& filter,
                                  Cli::InDoubt in_doubt) {
  ASSIGN_OR_RETURN(repository, cli.OpenToRead(ReaderListing::kBoth));
  RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "looking into snapshots"));
  const FindingSink findings = cli.Findings();
  const auto load_index = [&] {
    return repository->LoadIndex(cli.context(), [&](const SegmentId& id, const Error& error) {
      findings({SeverityOf(error), error.code(), SegmentName(id).text(), error.message()});
    });
  };
  auto [of_index, of_set] = RunBoth(repository->store().is_far(), load_index, [&] { return cli.Snapshots(); });
  ASSIGN_OR_RETURN(set, std::move(of_set));
  ASSIGN_OR_RETURN(snapshot, cli.Resolve(set, name, filter, in_doubt));
  ASSIGN_OR_RETURN(index, std::move(of_index));
  reader =
      std::make_unique<BlobReader>(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 8, findings);
  return {};
}

}  // namespace cairn
