// A copy of a job: what another repository lacks of it is sent there, and its retention is kept to.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "frontends/cli/cli.h"
#include "frontends/cli/job_state.h"
#include "frontends/cli/retention_run.h"
#include "frontends/config/configuration.h"

namespace cairn {

// The tag that each snapshot of a job has.
std::string TagOfJob(const ConfiguredJob& job);
// The job's snapshots, in any repository: those of its host, with its tag.
SnapshotFilter SnapshotsOfJob(const ConfiguredJob& job);

struct CopyOutcome {
  std::string to;
  std::optional<Error> error;
  uint64_t sent = 0, bytes_sent = 0, passed_over = 0;
  uint64_t incomplete = 0;          // were there before, and lack what could not be sent: findings say why
  std::vector<SnapshotId> waiting;  // that it is to have, and has not got; in a dry run: would be sent
  std::optional<WireTime> waiting_since, newest;
  RetentionOutcome retention;
  bool is_whole() const { return !error && incomplete == 0; }
};

// The repositories of a run, which are each to be another one: one may have several addresses. Safe for concurrent use.
class RunRepositories {
 public:
  // kInvalidArgument where another name of the run has led to it already.
  Result<void> Add(const Repository& repository, const std::string& name);

 private:
  std::mutex mutex_;
  std::map<RepositoryId, std::string> names_;  // guarded by mutex_
};

struct CopyRequest {
  RepositoryChoice target;
  const ConfiguredJob& job;
  const ConfiguredCopy& copy;
  CopyState before;
  RunRepositories& repositories;
  std::optional<SnapshotId> made;  // by this run
  bool dry_run = false;
};

// `have`: what the source holds. Any thread, with a context of its own; what fails is in the outcome.
CopyOutcome CatchUp(Cli& cli, const JobContext& context, Repository& source, const SnapshotSet& have,
                    const CopyRequest& request);

nlohmann::json RetentionJson(const RetentionOutcome& retention, bool dry_run);
nlohmann::json CopyJson(const CopyOutcome& outcome, bool dry_run);
void SayCopy(Cli& cli, const CopyOutcome& outcome, bool dry_run);
void SayRetention(Cli& cli, const std::string& where, const RetentionOutcome& retention, bool dry_run);

}  // namespace cairn
