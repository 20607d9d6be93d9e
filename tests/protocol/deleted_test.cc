// What was forgotten and is kept: until its time is over by the store's own clock, whoever works beside.
// SPEC 11.5, 13.5.
#include "engine/jobs/undelete.h"

#include <algorithm>

#include "tests/protocol/shared_repository.h"
#include "tests/support/crash_store.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

using testing::HasSubstr;

constexpr uint32_t kKeep = 1'000;
constexpr std::chrono::seconds kAWhile(kKeep / 2), kOver(kKeep + 1);

// A store that tells no dates. Borrows the base.
class DatelessStore final : public StoreDecorator {
 public:
  explicit DatelessStore(ObjectStore& base) : StoreDecorator(base) {}
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger) override {
    const auto without = [&](ObjectInfo info) {
      info.modified = 0;
      return each(info);
    };
    return base().List(prefix, without, stranger);
  }
  Result<ObjectInfo> Stat(const ObjectName& name) override {
    ASSIGN_OR_RETURN(ObjectInfo info, base().Stat(name));
    info.modified = 0;
    return info;
  }
};

Result<SnapshotSet> Load(Machine& machine) {
  return LoadSnapshotsAndDeleted(*machine.repository, machine.context.job, {});
}

Result<SnapshotId> Undelete(Machine& machine, const SnapshotId& id, const FindingSink& findings = {}) {
  ASSIGN_OR_RETURN(const SnapshotSet set, Load(machine));
  ASSIGN_OR_RETURN(const DeletedSnapshot* one, ResolveDeleted(set, id.ToHex(), {}));
  return RunUndelete(machine.context.job, *machine.repository, *one, findings);
}

// A repository whose store has a clock of its own.
class Deleted : public testing::Test {
 protected:
  Deleted() { InitForTests(memory_); }

  // Of two snapshots the first is forgotten, and kept.
  SnapshotId ForgetOne(Machine& machine) const {
    const auto gone = machine.Backup(files_);
    CHECK(gone.has_value());
    CHECK(machine.Backup(other_).has_value());
    const auto forgotten = machine.Forget({*gone->id}, {.keep_seconds = kKeep});
    CHECK(forgotten.has_value());
    return *gone->id;
  }
  void ExpectBack(ObjectStore& store, const SnapshotId& id, uint64_t call) const {
    Machine reader(store, 77);
    EXPECT_TRUE(reader.Read(id) == files_) << "call " << call;
    EXPECT_EQ(reader.Damages(), 0u) << "call " << call;
  }
  static uint64_t CountOf(const MemoryStore& store, std::string_view prefix) {
    uint64_t count = 0;
    for (const auto& [name, bytes] : store.Contents()) count += name.starts_with(prefix) ? 1 : 0;
    return count;
  }

  const MemoryFiles files_ = MakeFiles({.count = 4});
  const MemoryFiles other_ = MakeFiles({.name = "other", .count = 3, .seed_first = 500});
  FakeClock store_clock_;
  MemoryStore memory_{store_clock_};
};

TEST_F(Deleted, WhatItNeedsStaysUntilItsTimeIsOver) {
  Machine machine(memory_, 1);
  const SnapshotId gone = ForgetOne(machine);
  store_clock_.Advance(kAWhile);
  auto pruned = machine.Prune(0);
  ASSERT_TRUE(pruned) << pruned.error().message();
  EXPECT_EQ(pruned->packs_removed, 0u);
  EXPECT_EQ(pruned->deleted_kept, 1u);
  EXPECT_EQ(machine.Damages(), 0u);
  const auto back = Undelete(machine, gone);
  ASSERT_TRUE(back) << back.error().message();
  ExpectBack(memory_, *back, 0);
  EXPECT_EQ(CountOf(memory_, "deleted/"), 1u);
  ASSERT_TRUE(machine.Forget({*back}));
  store_clock_.Advance(kOver);
  pruned = machine.Prune(0);
  ASSERT_TRUE(pruned) << pruned.error().message();
  EXPECT_EQ(pruned->deleted_over, 1u);
  EXPECT_GT(pruned->packs_removed, 0u);
  EXPECT_EQ(CountOf(memory_, "deleted/"), 0u);
  EXPECT_EQ(machine.Damages(), 0u);
}

TEST_F(Deleted, IsASnapshotToNobody) {
  Machine machine(memory_, 1);
  const SnapshotId gone = ForgetOne(machine);
  const auto set = Load(machine);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->snapshots.size(), 1u);
  ASSERT_EQ(set->deleted.size(), 1u);
  EXPECT_EQ(set->deleted[0].snapshot.id, gone);
  EXPECT_EQ(set->deleted[0].keep_seconds, kKeep);
  EXPECT_TRUE(LoadSnapshots(*machine.repository, machine.context.job, {})->deleted.empty());
}

TEST_F(Deleted, GivesBackTimesClassTagsAndWhereItIsFrom) {
  Machine machine(memory_, 1);
  const SnapshotId gone = ForgetOne(machine);
  const LoadedSnapshot old = Load(machine)->deleted.at(0).snapshot;
  machine.context.clock.Advance(kAWhile);
  const auto back = Undelete(machine, gone);
  ASSERT_TRUE(back) << back.error().message();
  const auto set = Load(machine);
  const auto& found = *std::ranges::find(set->snapshots, *back, &LoadedSnapshot::id);
  SnapshotInner expected = old.inner;
  expected.original = gone;
  EXPECT_TRUE(found.inner == expected);
  EXPECT_THAT(Undelete(machine, gone), ErrorIs(ErrorCode::kAlreadyExists, HasSubstr(back->ToHex())));
}

TEST_F(Deleted, NoClockOfAClientEndsItsTime) {
  Machine machine(memory_, 1);
  ForgetOne(machine);
  for (const auto& by : {std::chrono::hours(24 * 3'650), std::chrono::hours(-24 * 7'300)}) {
    machine.context.clock.SetNow(machine.context.clock.Now() + std::chrono::nanoseconds(by).count());
    const auto pruned = machine.Prune(0);
    ASSERT_TRUE(pruned) << pruned.error().message();
    EXPECT_EQ(pruned->deleted_kept, 1u);
    EXPECT_EQ(pruned->packs_removed, 0u);
  }
  EXPECT_EQ(machine.Damages(), 0u);
}

TEST_F(Deleted, OfAStoreWithoutDatesCountsFromWhenItWasFirstSeen) {
  DatelessStore store(memory_);
  Machine machine(store, 1);
  const SnapshotId gone = ForgetOne(machine);
  store_clock_.Advance(kOver);  // which nobody can see
  auto& clock = machine.context.clock;
  const auto prune_keeps = [&](bool keeps) {
    const auto pruned = machine.Prune(0);
    ASSERT_TRUE(pruned) << pruned.error().message();
    EXPECT_TRUE(pruned->deleted_without_date);
    EXPECT_EQ(pruned->deleted_kept, keeps ? 1u : 0u);
  };
  prune_keeps(true);
  clock.Advance(kAWhile);
  prune_keeps(true);
  clock.SetNow(clock.Now() - 2 * std::chrono::nanoseconds(kOver).count());  // set back: it begins anew
  prune_keeps(true);
  clock.Advance(kAWhile);
  prune_keeps(true);
  EXPECT_TRUE(Undelete(machine, gone));
  clock.Advance(kAWhile + std::chrono::seconds(1));
  prune_keeps(false);
}

TEST_F(Deleted, ADryRunOfAPruneChangesNothing) {
  Machine machine(memory_, 1);
  ForgetOne(machine);
  store_clock_.Advance(kOver);
  ASSERT_TRUE(machine.Backup(other_));  // the store's date of it shows that time has gone by
  const auto before = memory_.Contents();
  PruneOptions options;
  options.dry_run = true;
  const auto report = RunPrune(machine.context.job, *machine.repository, options, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->deleted_over, 1u);
  EXPECT_GT(report->plan.bytes_removed, 0u);
  EXPECT_EQ(memory_.Contents(), before);
}

// Whoever lists the deleted ones before the snapshots misses one that is forgotten in between.
TEST_F(Deleted, ForgetInsideEveryCallOfAPruneKeepsWhatItNeeds) {
  for (uint64_t n = 1;; ++n) {
    MemoryStore memory(store_clock_);
    InitForTests(memory);
    Machine other(memory, 2);
    const auto gone = other.Backup(files_);
    ASSERT_TRUE(gone);
    ASSERT_TRUE(other.Backup(other_));
    FaultStore store(memory);
    Machine pruner(store, 1);
    const InsideCall work(store, n, [&] { ASSERT_TRUE(other.Forget({*gone->id}, {.keep_seconds = kKeep})); });
    const auto pruned = pruner.Prune(n % 2 == 0 ? 0 : kNever);
    if (!work.ran()) break;
    ASSERT_TRUE(pruned) << "call " << n << ": " << pruned.error().message();
    ASSERT_EQ(pruned->packs_removed, 0u) << "call " << n;
    ASSERT_TRUE(other.Prune(0)) << "call " << n;
    const auto back = Undelete(other, *gone->id);
    ASSERT_TRUE(back) << "call " << n << ": " << back.error().message();
    ExpectBack(memory, *back, n);
  }
}

// An undelete that says that it is done is done, also where all it needs is being removed.
void UndeleteIsTrue(MemoryStore& memory, const Result<SnapshotId>& back, const MemoryFiles& files, uint64_t call) {
  if (!back) {
    const ErrorCode code = back.error().code();
    EXPECT_TRUE(code == ErrorCode::kBusy || code == ErrorCode::kFenced || IsLoss(code))
        << "call " << call << ": " << back.error().message();
  }
  Machine after(memory, 50);
  for (int i = 0; i < 2; ++i) {
    const auto pruned = after.Prune(0);
    ASSERT_TRUE(pruned) << "call " << call << ": " << pruned.error().message();
  }
  if (back) {
    EXPECT_TRUE(after.Read(*back) == files) << "call " << call;
  }
  EXPECT_EQ(after.Damages(), 0u) << "call " << call;
}

TEST_F(Deleted, UndeleteInsideEveryCallOfThePruneThatEndsIt) {
  uint64_t came_back = 0, refused = 0;
  for (uint64_t n = 1;; ++n) {
    MemoryStore memory(store_clock_);
    InitForTests(memory);
    Machine other(memory, 2);
    ForgetOne(other);
    FaultStore store(memory);
    Machine pruner(store, 1);
    std::optional<DeletedSnapshot> deleted = Load(other)->deleted.at(0);
    store_clock_.Advance(kOver);
    std::optional<Result<SnapshotId>> back;
    const InsideCall work(store, n, [&] { back = RunUndelete(other.context.job, *other.repository, *deleted, {}); });
    const auto pruned = pruner.Prune(n % 2 == 0 ? 0 : kNever);
    if (!work.ran()) break;
    ASSERT_TRUE(pruned) << "call " << n << ": " << pruned.error().message();
    ASSERT_TRUE(back);
    ++(*back ? came_back : refused);
    UndeleteIsTrue(memory, *back, files_, n);
  }
  EXPECT_GT(came_back, 5u);
  EXPECT_GT(refused, 5u);
}

TEST_F(Deleted, PruneThatEndsItInsideEveryCallOfTheUndelete) {
  uint64_t came_back = 0, refused = 0;
  for (uint64_t n = 1;; ++n) {
    MemoryStore memory(store_clock_);
    InitForTests(memory);
    Machine other(memory, 2);
    const SnapshotId gone = ForgetOne(other);
    store_clock_.Advance(kOver);
    FaultStore store(memory);
    Machine writer(store, 1);
    const InsideCall work(store, n, [&] {
      for (int i = 0; i < 2; ++i) ASSERT_TRUE(other.Prune(n % 2 == 0 ? 0 : kNever)) << "call " << n;
    });
    const auto back = Undelete(writer, gone);
    if (!work.ran()) break;
    ++(back ? came_back : refused);
    const bool was_gone = !back && back.error().code() == ErrorCode::kNotFound;
    if (!was_gone) UndeleteIsTrue(memory, back, files_, n);
  }
  EXPECT_GT(came_back, 2u);
  EXPECT_GT(refused, 2u);
}

TEST_F(Deleted, ForgetThatDiesAtAnyCallHasASnapshotOrADeletedOne) {
  for (uint64_t n = 1;; ++n) {
    MemoryStore memory(store_clock_);
    InitForTests(memory);
    Machine first(memory, 7);
    const auto gone = first.Backup(files_);
    ASSERT_TRUE(gone);
    CrashStore store(memory);
    bool crashed = false;
    {
      Machine dying(store, 8);
      store.CrashAt(store.calls() + (n + 1) / 2, n % 2 == 1 ? CrashStore::When::kBefore : CrashStore::When::kAfter);
      IgnoreError(dying.Forget({*gone->id}, {.keep_seconds = kKeep}), "it is meant to die");
      crashed = store.crashed();
      store.Revive();
    }
    if (!crashed) break;
    Machine next(memory, 9);
    ASSERT_TRUE(next.Prune(0)) << "call " << n;
    const auto set = Load(next);
    ASSERT_TRUE(set) << "call " << n;
    ASSERT_EQ(set->snapshots.size() + set->deleted.size(), 1u) << "call " << n;
    // Not by the age of a try that came to nothing.
    store_clock_.Advance(kOver);
    if (!set->snapshots.empty()) {
      ASSERT_TRUE(next.Prune(0)) << "call " << n;
      ASSERT_TRUE(next.Forget({*gone->id}, {.keep_seconds = kKeep})) << "call " << n;
      ASSERT_TRUE(next.Prune(0)) << "call " << n;
      const auto back = Undelete(next, *gone->id);
      ASSERT_TRUE(back) << "call " << n << ": " << back.error().message();
      ExpectBack(memory, *back, n);
    }
  }
}

TEST_F(Deleted, WhatIsLostOfItIsNamedAndStopsAPruneUntilItIsGivenUp) {
  Machine machine(memory_, 1);
  const SnapshotId gone = ForgetOne(machine);
  // The pack of the first backup alone.
  const auto set = Load(machine);
  const auto index = machine.repository->LoadIndex(machine.context.job);
  ASSERT_TRUE(index);
  for (const IndexedPack& pack : (*index)->Packs()) {
    if (pack.kind != BlobKind::kData) continue;
    ASSERT_TRUE(memory_.Remove(PackObjectName(pack.kind, pack.name)));
    break;
  }
  const auto pruned = machine.Prune(0);
  EXPECT_THAT(pruned, ErrorIs(ErrorCode::kCorrupt, HasSubstr("nothing is removed")));
  ASSERT_TRUE(RunForgetDeleted(machine.context.job, *machine.repository, {gone}));
  EXPECT_EQ(CountOf(memory_, "deleted/"), 0u);
}

TEST_F(Deleted, WhatIsInTombstonedPacksAloneIsNotTakenForThere) {
  Machine machine(memory_, 1);
  ForgetOne(machine);
  const DeletedSnapshot deleted = Load(machine)->deleted.at(0);
  FaultStore store(memory_);
  Machine pruner(store, 3);
  store_clock_.Advance(kOver);
  // It dies when it has put its tombstones.
  store.FailWhere(PutsSeenList, FaultStore::Broken());
  ASSERT_FALSE(pruner.Prune(0));
  ASSERT_GT(CountOf(memory_, "tombstones/"), 0u);
  uint64_t named = 0;
  const auto back = RunUndelete(machine.context.job, *machine.repository, deleted, [&](const Finding& finding) {
    named += finding.object.find("file") != std::string::npos ? 1 : 0;
  });
  EXPECT_THAT(back, ErrorIs(ErrorCode::kBusy, HasSubstr("about to remove")));
  EXPECT_EQ(named, files_.size());
  EXPECT_EQ(Load(machine)->snapshots.size(), 1u);
}

// It kept what had been freed, and no prune went on from there.
TEST_F(Deleted, AForgetThatSleepsBeforeItsPutKeepsNothingThatIsGone) {
  Machine other(memory_, 1);
  const auto gone = other.Backup(files_);
  ASSERT_TRUE(gone && other.Backup(other_));
  FaultStore store(memory_);
  Machine sleeper(store, 2);
  bool slept = false;
  store.SetHook([&](const StoreCall& call) {
    if (slept || !call.name.starts_with("deleted/")) return;
    slept = true;
    ASSERT_TRUE(other.Forget({*gone->id}));
    ASSERT_TRUE(other.Prune(0));
  });
  const auto forgotten = sleeper.Forget({*gone->id}, {.keep_seconds = kKeep});
  ASSERT_TRUE(forgotten && slept);
  EXPECT_EQ(forgotten->not_kept, std::vector{*gone->id});
  EXPECT_EQ(CountOf(memory_, "deleted/"), 0u);
  EXPECT_TRUE(other.Prune(0));
  EXPECT_EQ(other.Damages(), 0u);
}

// The shorter time took the place of the longer one, which was promised.
TEST_F(Deleted, OfTwoForgetsAtOnceTheLongerTimeCounts) {
  Machine other(memory_, 1);
  const auto gone = other.Backup(files_);
  ASSERT_TRUE(gone && other.Backup(other_));
  FaultStore store(memory_);
  Machine shorter(store, 2);
  bool slept = false;
  store.SetHook([&](const StoreCall& call) {
    if (slept || !call.name.starts_with("deleted/")) return;
    slept = true;
    ASSERT_TRUE(other.Forget({*gone->id}, {.keep_seconds = 3 * kKeep}));
  });
  ASSERT_TRUE(shorter.Forget({*gone->id}, {.keep_seconds = kKeep}) && slept);
  store_clock_.Advance(kOver);
  const auto pruned = other.Prune(0);
  ASSERT_TRUE(pruned);
  EXPECT_EQ(pruned->deleted_kept, 1u);
  const auto back = Undelete(other, *gone->id);
  ASSERT_TRUE(back);
  ExpectBack(memory_, *back, 0);
}

TEST_F(Deleted, TheConfigKeepsForEverybody) {
  {
    Machine owner(memory_, 1);
    ASSERT_TRUE(KeepDeleted(*owner.repository, 2 * kKeep, owner.context.job));
  }
  Machine machine(memory_, 2);
  const auto gone = machine.Backup(files_);
  ASSERT_TRUE(gone);
  const auto report = machine.Forget({*gone->id}, {.keep_seconds = kKeep});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->kept_seconds, 2 * kKeep);
  store_clock_.Advance(kOver);
  const auto pruned = machine.Prune(0);
  ASSERT_TRUE(pruned);
  EXPECT_EQ(pruned->deleted_kept, 1u);
  EXPECT_TRUE(Undelete(machine, *gone->id));
}

}  // namespace
}  // namespace cairn
