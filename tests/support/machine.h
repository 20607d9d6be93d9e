// A machine that works on a repository: its own cache, clock and randomness, and the jobs with the options of tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "engine/jobs/backup.h"
#include "engine/jobs/forget.h"
#include "engine/jobs/prune.h"
#include "engine/repo/repository.h"
#include "tests/support/memory_source.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_context.h"

namespace cairn {

// Incompressible, the same for the same seed.
std::string RandomText(uint32_t seed, size_t size);
// A new repository with the password "password" of the cheapest KDF. A failure is one of the test.
void InitForTests(ObjectStore& store, uint64_t seed = 1);

// Looks at the common store through its own eyes; borrows it. One thread at a time.
struct Machine {
  // workers: threads of its jobs; 0: everything runs in the caller's, and repeats from run to run.
  Machine(ObjectStore& store, uint64_t seed, unsigned workers = 0);
  Result<BackupReport> Backup(const MemoryFiles& files);
  // quiet_ns: how long a session may be silent before it is taken for dead; 0: at once.
  Result<PruneReport> Prune(int64_t quiet_ns, FindingSink findings = {});
  Result<ForgetReport> Forget(const std::vector<SnapshotId>& ids, const ForgetOptions& options = {});
  Result<ForgetReport> ForgetAll();
  // What a check of everything with its data finds; each finding is a failure of the test.
  uint64_t Damages();
  // The files of a snapshot, read back; none where there is no such snapshot.
  Result<MemoryFiles> TryRead(const SnapshotId& id);
  // The same; a failure is one of the test.
  MemoryFiles Read(const SnapshotId& id);

  TempFolder folder = TempFolder::InMemory();
  TestContext context;
  std::unique_ptr<Repository> repository;
};

}  // namespace cairn
