// One run of a job of the configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "frontends/cli/backup_run.h"
#include "frontends/cli/job_copy.h"

namespace cairn {

enum class JobResult : uint8_t { kSuccess, kIncomplete, kFailure, kInterrupted };
std::string_view Name(JobResult result);

struct JobOutcome {
  std::string job;
  JobResult result = JobResult::kSuccess;
  std::optional<Error> error;          // why it failed, or the first thing that is incomplete
  bool is_repository_missing = false;  // why it failed: there is none that could be backed up into
  std::optional<MadeBackup> backup;
  std::vector<CopyOutcome> copies;
  RetentionOutcome retention;             // in the first repository
  std::vector<std::string> hooks_failed;  // "after"
  double seconds = 0;
};

// Runs the hook before; the backup; the hook after, whatever became of the backup; the copies, as many at once as the
// memory allows, each of which fails for itself; the retention of the first repository; the hook for its end. In a dry
// run no hook is run, and nothing changes. kBusy: another run of the job is under way on this machine. What else goes
// wrong is in the outcome, told and remembered.
Result<JobOutcome> RunJob(Cli& cli, const Configuration& configuration, const ConfiguredJob& job, bool dry_run);

nlohmann::json JobJson(const JobOutcome& outcome, bool dry_run);
int ExitCodeOf(const JobOutcome& outcome);

}  // namespace cairn
