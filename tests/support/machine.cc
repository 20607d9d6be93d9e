#include "tests/support/machine.h"

#include <random>

#include "engine/jobs/check.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"

namespace cairn {

std::string RandomText(uint32_t seed, size_t size) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

void InitForTests(ObjectStore& store, uint64_t seed) {
  TestContext context({.seed = seed});
  InitOptions options;
  options.cost = PasswordCost::ForTests();
  auto made = Repository::Init(store, AsBytes("password"), options, context.random, context.clock);
  ASSERT_TRUE(made) << made.error().message();
}

Machine::Machine(ObjectStore& store, uint64_t seed, unsigned workers)
    : context({.seed = seed, .workers = workers, .limits = Limits::ForTests()}) {
  auto opened = Repository::Open(store, AsBytes("password"), {.files = &PosixFileSystem(), .cache_root = folder.path()},
                                 context.job);
  EXPECT_TRUE(opened) << opened.error().message();
  repository = std::move(opened).value();
}

Result<BackupReport> Machine::Backup(const MemoryFiles& files) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<MemorySource>(files));
  BackupOptions options;
  options.host = ToBytes(AsBytes("machine"));
  return RunBackup(context.job, *repository, std::move(sources), options, {});
}

Result<PruneReport> Machine::Prune(int64_t quiet_ns, FindingSink findings) {
  PruneOptions options;
  options.max_unused_percent = 0;
  options.quiet_session_ns = quiet_ns;
  return RunPrune(context.job, *repository, options, std::move(findings));
}

Result<ForgetReport> Machine::Forget(const std::vector<SnapshotId>& ids, const ForgetOptions& options) {
  auto set = LoadSnapshots(*repository, context.job, {});
  if (!set) return set.error();
  return RunForget(context.job, *repository, *set, ids, options, {});
}

Result<ForgetReport> Machine::ForgetAll() {
  auto set = LoadSnapshots(*repository, context.job, {});
  if (!set) return set.error();
  std::vector<SnapshotId> ids;
  for (const LoadedSnapshot& snapshot : set->snapshots) ids.push_back(snapshot.id);
  return Forget(ids);
}

uint64_t Machine::Damages() {
  CheckOptions options;
  options.data = CheckOptions::Data::kAll;
  auto report = RunCheck(context.job, *repository, options,
                         [](const Finding& f) { ADD_FAILURE() << f.object << ": " << f.detail; });
  EXPECT_TRUE(report) << report.error().message();
  return report ? report->damages : 1;
}

Result<MemoryFiles> Machine::TryRead(const SnapshotId& id) {
  ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(*repository, context.job, {}));
  ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(context.job));
  BlobReader reader(*repository, *index, context.job, 1 << 20);
  MemoryFiles files;
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    if (snapshot.id != id) continue;
    RETURN_IF_ERROR(ForEachNode(reader, snapshot.inner.items[0].root, [&](const Node& node) -> Result<void> {
      std::string& bytes = files[ToString(node.name)];
      return ForEachEntry(reader, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
        ASSIGN_OR_RETURN(const auto blob, reader.ReadBlob(BlobKind::kData, entry.id));
        for (uint64_t i = 0; i < entry.count; ++i) bytes += ToString(*blob);
        return {};
      });
    }));
  }
  return files;
}

MemoryFiles Machine::Read(const SnapshotId& id) {
  auto files = TryRead(id);
  EXPECT_TRUE(files) << files.error().message();
  return files ? *std::move(files) : MemoryFiles();
}

}  // namespace cairn
