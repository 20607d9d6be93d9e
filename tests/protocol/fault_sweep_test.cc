// Each job, with each of its store calls failing in each way: what was there before is there afterwards, what a job
// says that it did is done, and the next one goes on without a hand.
#include <gtest/gtest.h>

#include "engine/jobs/check.h"
#include "engine/jobs/copy.h"
#include "engine/jobs/repair.h"
#include "engine/jobs/rewrite.h"
#include "engine/jobs/undelete.h"
#include "engine/store/presence_store.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

// kAway: from then on, and who asks whether the store is there is told that it is not.
enum class Fault { kNoEffect, kAnswerLost, kFromThenOn, kAway, kCancelled };

constexpr uint32_t kKeepSeconds = 100'000;

// A repository with a snapshot to keep, one to forget, and garbage.
class World {
 public:
  World() {
    InitForTests(store);
    Machine machine(store, 3);
    for (uint32_t i = 0; i < 4; ++i) files["file" + std::to_string(i)] = RandomText(i, 3'000);
    old = files;
    old["garbage"] = RandomText(50, 9'000);
    const auto garbage = machine.Backup(old);
    old["old"] = RandomText(51, 9'000);
    const auto going = machine.Backup(old);
    const auto stays = machine.Backup(files);
    EXPECT_TRUE(garbage && going && stays);
    EXPECT_TRUE(machine.Forget({*garbage->id}));
    forget = *going->id;
    keep = *stays->id;
  }

  // `forget` is one that was forgotten, and can be brought back.
  void ForgetAndKeep() {
    Machine machine(store, 4);
    EXPECT_TRUE(machine.Forget({forget}, {.keep_seconds = kKeepSeconds}));
  }

  MemoryStore store;
  MemoryFiles files, old;  // of `keep`, of `forget`
  SnapshotId keep, forget;
};

// A job's own success is checked by itself, with `after`, a machine that looks at what is there.
struct Job {
  const char* name;
  std::function<Result<void>(Machine& machine, const World& world)> run;
  std::function<void(Machine& after, const World& world)> succeeded;
  std::function<void(World& world)> prepare = {};
};

template <class T>
Result<void> Done(Result<T> result) {
  if (!result) return std::move(result).error();
  return {};
}

MemoryFiles Changed(const World& world) {
  MemoryFiles changed = world.files;
  changed["new"] = RandomText(99, 5'000);
  return changed;
}

std::vector<SnapshotId> Ids(Machine& machine) {
  std::vector<SnapshotId> ids;
  const auto set = LoadSnapshots(*machine.repository, machine.context.job, {});
  EXPECT_TRUE(set);
  for (const LoadedSnapshot& snapshot : set->snapshots) ids.push_back(snapshot.id);
  return ids;
}

bool Has(Machine& machine, const SnapshotId& id) {
  const auto ids = Ids(machine);
  return std::ranges::find(ids, id) != ids.end();
}

Result<SnapshotSet> Load(Machine& machine) {
  return LoadSnapshotsAndDeleted(*machine.repository, machine.context.job, {});
}

Result<void> Undelete(Machine& machine, const World& world) {
  ASSIGN_OR_RETURN(const SnapshotSet set, Load(machine));
  ASSIGN_OR_RETURN(const DeletedSnapshot* one, ResolveDeleted(set, world.forget.ToHex(), {}));
  return Done(RunUndelete(machine.context.job, *machine.repository, *one, {}));
}

void ExpectUndeleted(Machine& after, const World& world) {
  ASSERT_EQ(Ids(after).size(), 2u);
  for (const SnapshotId& id : Ids(after)) {
    if (id != world.keep) {
      EXPECT_TRUE(after.Read(id) == world.old);
    }
  }
}

// What went to deleted/ can be brought back.
void ExpectKept(Machine& after, const World& world) {
  EXPECT_FALSE(Has(after, world.forget));
  const auto set = Load(after);
  ASSERT_TRUE(set);
  ASSERT_EQ(set->deleted.size(), 1u);
  EXPECT_EQ(set->deleted[0].snapshot.id, world.forget);
}

// From a repository that nothing happens to.
Result<void> CopyInto(Machine& machine, const World& world) {
  MemoryStore store;
  InitForTests(store, 2);
  Machine source(store, 20);
  ASSIGN_OR_RETURN(const BackupReport made, source.Backup(Changed(world)));
  return Done(RunCopy(machine.context.job, *source.repository, *machine.repository, {.snapshots = {*made.id}}, {}));
}

void ExpectNewOne(Machine& after, const World& world) {
  EXPECT_EQ(Ids(after).size(), 3u);
  for (const SnapshotId& id : Ids(after)) {
    if (id != world.keep && id != world.forget) {
      EXPECT_TRUE(after.Read(id) == Changed(world));
    }
  }
}

Result<void> Rewrite(Machine& machine, const World& world) {
  ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  ASSIGN_OR_RETURN(const LoadedSnapshot* one, ResolveSnapshot(set, world.keep.ToHex(), {}));
  RewriteOptions options;
  options.leave_out = [](const TreePath&, const Node& node) { return ToString(node.name) == "file0"; };
  return Done(RunRewrite(machine.context.job, *machine.repository, *one, options, {}));
}

const Job kJobs[] = {
    {"Backup", [](Machine& machine, const World& world) { return Done(machine.Backup(Changed(world))); }, ExpectNewOne},
    {"Copy", CopyInto, ExpectNewOne},
    {"Forget", [](Machine& machine, const World& world) { return Done(machine.Forget({world.forget})); },
     [](Machine& after, const World& world) { EXPECT_FALSE(Has(after, world.forget)); }},
    {"ForgetAndKeep",
     [](Machine& machine, const World& world) {
       return Done(machine.Forget({world.forget}, {.keep_seconds = kKeepSeconds}));
     },
     ExpectKept},
    {"Undelete", Undelete, ExpectUndeleted, &World::ForgetAndKeep},
    {"Prune", [](Machine& machine, const World&) { return Done(machine.Prune(0)); },
     [](Machine& after, const World& world) { EXPECT_TRUE(Has(after, world.forget)); }},
    {"ForgetAndPrune",
     [](Machine& machine, const World& world) -> Result<void> {
       RETURN_IF_ERROR(machine.Forget({world.forget}));
       return Done(machine.Prune(0));
     },
     [](Machine& after, const World& world) { EXPECT_FALSE(Has(after, world.forget)); }},
    {"Check",
     [](Machine& machine, const World&) -> Result<void> {
       CheckOptions options;
       options.data = CheckOptions::Data::kAll;
       ASSIGN_OR_RETURN(const auto report, RunCheck(machine.context.job, *machine.repository, options, {}));
       // What stands there is whole: a fault of the store is no damage of it.
       EXPECT_EQ(report.damages, 0u);
       if (report.unread > 0) return Error(ErrorCode::kIo, "not all of it could be looked at");
       return {};
     },
     [](Machine&, const World&) {}},
    {"RepairIndex",
     [](Machine& machine, const World&) { return Done(RepairIndex(machine.context.job, *machine.repository, {}, {})); },
     [](Machine&, const World&) {}},
    {"RepairPacks",
     [](Machine& machine, const World&) {
       return Done(RepairPacks(machine.context.job, *machine.repository, {}, false, {}));
     },
     [](Machine&, const World&) {}},
    {"RepairSnapshots",
     [](Machine& machine, const World&) {
       return Done(RepairSnapshots(machine.context.job, *machine.repository, {}, {}));
     },
     [](Machine& after, const World&) { EXPECT_EQ(Ids(after).size(), 2u); }},
    {"Rewrite", Rewrite,
     [](Machine& after, const World& world) {
       EXPECT_EQ(Ids(after).size(), 3u);
       for (const SnapshotId& id : Ids(after)) {
         if (id != world.keep && id != world.forget) {
           EXPECT_EQ(after.Read(id).size(), world.files.size() - 1);
         }
       }
     }},
};

class FaultSweep : public testing::TestWithParam<std::tuple<size_t, Fault>> {};

// Returns whether the fault was reached.
bool RunWithFault(const Job& job, Fault fault, uint64_t n, const World& world) {
  MemoryStore memory;
  memory.SetContents(world.store.Contents());
  FaultStore store(memory);
  PresenceStore presence(store);
  bool succeeded = false, reached = false;
  {
    Machine machine(fault == Fault::kAway ? static_cast<ObjectStore&>(presence) : store, 100 + n);
    const uint64_t at = store.InterceptedStore::calls() + n;
    if (fault == Fault::kCancelled) {
      store.SetHook([&](const StoreCall& call) {
        if (call.number != at) return;
        reached = true;
        machine.context.stop.request_stop();
      });
    } else {
      const auto when = fault == Fault::kAnswerLost ? FaultStore::When::kAfter : FaultStore::When::kBefore;
      const bool forever = fault == Fault::kFromThenOn || fault == Fault::kAway;
      store.FailWhere([=](const StoreCall& call) { return forever ? call.number >= at : call.number == at; },
                      FaultStore::Broken(), when);
    }
    const Result<void> result = job.run(machine, world);
    succeeded = result.has_value();
    reached = reached || store.faults() > 0;
    if (fault == Fault::kCancelled && !succeeded) {
      EXPECT_EQ(result.error().code(), ErrorCode::kInterrupted) << result.error().message();
    }
    if (!succeeded) {
      EXPECT_TRUE(reached) << result.error().message();
    }
    if (fault == Fault::kAway && !succeeded) {
      EXPECT_EQ(result.error().code(), ErrorCode::kStoreAway) << result.error().message();
    }
  }
  // Who looks at everything must not say that it is well when it could not look.
  const bool is_check = std::string_view(job.name) == "Check";
  if (is_check && reached && fault != Fault::kCancelled) {
    EXPECT_FALSE(succeeded);
  }
  Machine after(memory, 9);
  EXPECT_TRUE(after.Read(world.keep) == world.files);
  EXPECT_EQ(after.Damages(), 0u);
  if (succeeded) job.succeeded(after, world);
  const auto pruned = after.Prune(0);
  EXPECT_TRUE(pruned) << pruned.error().message();
  for (const auto& [name, bytes] : memory.Contents()) EXPECT_FALSE(name.starts_with("tombstones/")) << name;
  EXPECT_TRUE(after.Read(world.keep) == world.files) << "after a prune";
  EXPECT_EQ(after.Damages(), 0u) << "after a prune";
  if (succeeded) job.succeeded(after, world);
  return reached;
}

TEST_P(FaultSweep, LosesNothingAndSaysWhatIsTrue) {
  World world;
  const Job& job = kJobs[std::get<0>(GetParam())];
  if (job.prepare) job.prepare(world);
  for (uint64_t n = 1; n < 2'000; ++n) {
    SCOPED_TRACE(fmt::format("{}, fault at its store call {}", job.name, n));
    const bool reached = RunWithFault(job, std::get<1>(GetParam()), n, world);
    if (!reached || HasFailure()) return;
  }
  FAIL() << "the job makes more calls than expected";
}

std::string CaseName(const testing::TestParamInfo<FaultSweep::ParamType>& one) {
  constexpr const char* kFaults[] = {"NoEffect", "AnswerLost", "FromThenOn", "Away", "Cancelled"};
  return std::string(kJobs[std::get<0>(one.param)].name) + kFaults[static_cast<int>(std::get<1>(one.param))];
}

INSTANTIATE_TEST_SUITE_P(Jobs, FaultSweep,
                         testing::Combine(testing::Range<size_t>(0, std::size(kJobs)),
                                          testing::Values(Fault::kNoEffect, Fault::kAnswerLost, Fault::kFromThenOn,
                                                          Fault::kAway, Fault::kCancelled)),
                         CaseName);

}  // namespace
}  // namespace cairn
