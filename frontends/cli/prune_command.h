// What `prune` and `forget --prune` share.
#pragma once

#include "frontends/cli/command.h"

namespace cairn {

struct PruneCommand {
  std::string max_unused = "5%", max_repack_size;
  bool dry_run = false;
  void AddTo(CLI::App& command);
  // What is told of it: to people at once, as JSON by the caller.
  Result<nlohmann::json> Run(Cli& cli) const;
};

}  // namespace cairn
