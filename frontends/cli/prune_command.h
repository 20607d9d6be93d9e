// What `prune` and `forget --prune` share.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/jobs/prune.h"
#include "frontends/cli/command.h"

namespace cairn {

struct PruneCommand {
  std::string max_unused = "5%", max_repack_size;
  bool dry_run = false, warm_up = false;
  void AddTo(CLI::App& command);
  // What is told of it: to people at once, as JSON by the caller. Of the repository of -r.
  Result<nlohmann::json> Run(Cli& cli) const;
};

nlohmann::json PruneJson(const PruneReport& report, bool dry_run);

}  // namespace cairn
