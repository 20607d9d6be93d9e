// --warm-up: what a restore needs of the store's archive is brought back first.
#pragma once

#include <string>

#include "engine/jobs/warm_up.h"
#include "frontends/cli/command.h"

namespace cairn {

struct WarmUpRun {
  bool is_asked_for = false;
  std::string wait;

  void AddTo(CLI::App& command);
  // Of the snapshot and what of it the restore takes. Tells how it stands. True: all can be read.
  Result<bool> Run(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter, const RestoreOptions& restore,
                   bool dry_run) const;
};

// Of a restore that met what is archived: how many packs, and how many bytes, have to be brought back. The error as it
// was where that cannot be told.
Error WithWhatIsArchived(Error error, Cli& cli, Repository& repository, Index& index, const LoadedSnapshot& snapshot,
                         const RestoreOptions& restore);

}  // namespace cairn
