// A backup, as `backup` and the jobs of `run` make it.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/jobs/backup.h"
#include "frontends/cli/backup_sources.h"

namespace cairn {

// What is said of the snapshot, as the options say it.
struct BackupRequest {
  std::vector<std::string> tags;  // each joined by commas
  std::string host, time, description, parent, compression = "default";
  bool force = false, dry_run = false;
};

struct MadeBackup {
  BackupReport report;
  double seconds = 0;
};

// Opens the repository; `meanwhile`: as in Cli::Open. Borrowed by who asks.
using OpenRepository = std::function<Result<Repository*>(const std::function<void()>& meanwhile)>;

// With its progress shown. What is wrong with the sources is told before the repository is opened.
Result<MadeBackup> MakeBackup(Cli& cli, const BackupSources& sources, const BackupRequest& request,
                              const OpenRepository& open);

nlohmann::json BackupJson(const MadeBackup& made, bool dry_run);
// For people: a few lines.
void SayBackup(Cli& cli, const MadeBackup& made);

}  // namespace cairn
