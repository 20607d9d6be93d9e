// What this machine remembers of the runs of a job, and that it runs now.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/env/file_system.h"
#include "frontends/config/configuration.h"
#include "repo-format/wire_writer.h"

namespace cairn {

// Never a secret: texts are those of errors.
struct CopyState {
  std::string result;             // "success", "incomplete", "failure"
  std::string error;              // ""
  std::optional<WireTime> ended;  // of its last try
  // The newest snapshot of the job when it last had all that it was to have.
  std::optional<WireTime> caught_up;
  uint64_t waiting = 0;  // snapshots that it has not got
  std::optional<WireTime> waiting_since;
};

struct JobState {
  std::string result;  // "running", "success", "incomplete", "failure", "interrupted"; "": it never ran here
  std::string error;
  std::string snapshot;  // of the last backup, in hex
  std::optional<WireTime> begun, ended, last_success;
  int64_t process = 0;
  std::map<std::string, CopyState> copies;  // by the name of the repository
};

// A file for each job, in the folder of states: CAIRN_STATE_DIR, cairn in XDG_STATE_HOME, /var/lib/cairn for root, else
// ~/.local/state/cairn. All of it may be lost: what a repository lacks is seen there. One thread.
class JobStateFile {
 public:
  static Result<std::unique_ptr<JobStateFile>> Open(FileSystem& files, const std::string& folder,
                                                    const Configuration& configuration, const std::string& job);

  // What a damaged file says is nothing.
  JobState Load() const;
  // Atomic.
  Result<void> Store(const JobState& state) const;
  // Held for as long as the job runs: kBusy where another run of it holds it.
  Result<std::unique_ptr<FileLock>> Lock() const;
  // Whether a run holds it now.
  bool IsLocked() const;

 private:
  JobStateFile(FileSystem& files, std::string path, std::string job)
      : files_(files), path_(std::move(path)), job_(std::move(job)) {}
  FileSystem& files_;
  const std::string path_, job_;  // without the ending
};

std::string StateFolder();

}  // namespace cairn
