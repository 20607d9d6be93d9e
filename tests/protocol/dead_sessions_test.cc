// Sessions that died, sleep, or are ended by somebody who does not run them: what they put does not stay for ever, and
// what they are about to need does not go.
#include <gtest/gtest.h>

#include <chrono>

#include "engine/jobs/repair.h"
#include "engine/jobs/session_watch.h"
#include "engine/repo/write_session.h"
#include "tests/protocol/shared_repository.h"
#include "tests/support/crash_store.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;

class DeadSessions : public SharedRepository {
 protected:
  DeadSessions() {
    more_.insert(files_.begin(), files_.end());
    Machine first(memory_, 1);
    const auto report = first.Backup(files_);
    CHECK(report.has_value());
    kept_ = *report->id;
  }

  // The machine's backup of `more_` dies before the first call of this sort.
  template <class Fits>
  void Die(Machine& machine, FaultStore& store, CrashStore& crashing, const Fits& fits) {
    store.SetHook([&](const StoreCall& call) {
      if (fits(call)) crashing.CrashNow();
    });
    ASSERT_FALSE(machine.Backup(more_));
    ASSERT_TRUE(crashing.crashed());
    store.SetHook({});
    crashing.Revive();
  }

  static constexpr ManyFiles kMore{.name = "more", .count = 6, .seed_first = 100};
  const MemoryFiles files_ = MakeFiles({.count = 6});
  MemoryFiles more_ = MakeFiles(kMore);  // and files_
  SnapshotId kept_;
};

TEST_F(DeadSessions, PacksOfOneOnAnotherMachineGoWhenItIsQuiet) {
  for (const bool in_segment : {true, false}) {
    SCOPED_TRACE(in_segment);
    CrashStore crashing(memory_);
    FaultStore store(crashing);
    Machine dead(store, in_segment ? 2 : 22);
    const uint64_t packs = CountOf("data/");
    if (in_segment) {
      Die(dead, store, crashing, IsCommit);
    } else {
      Die(dead, store, crashing, PutsSegment);
    }
    ASSERT_GT(CountOf("data/"), packs);
    Machine pruner(memory_, in_segment ? 3 : 33);
    const auto first = pruner.Prune(kHour);
    ASSERT_OK(first);
    EXPECT_GT(first->packs_young, 0u);
    EXPECT_GT(first->bytes_young, 3'000u);
    ASSERT_EQ(first->young_of.size(), 1u);
    EXPECT_EQ(first->sessions_fenced, 0u);
    EXPECT_GT(CountOf("data/"), packs);
    pruner.context.clock.Advance(std::chrono::hours(2));
    const auto second = pruner.Prune(kHour);
    ASSERT_OK(second);
    EXPECT_EQ(second->sessions_fenced, 1u);
    EXPECT_EQ(second->packs_young, 0u);
    EXPECT_EQ(second->packs_waiting, 0u);
    EXPECT_EQ(CountOf("data/"), packs);
    EXPECT_EQ(second->sessions_unproved, first->young_of);
    // Only a clock says that it is dead: its fence stays. The machine itself knows, and its next backup ends it.
    EXPECT_EQ(CountOf("sessions/"), 1u);
    ASSERT_OK(dead.Backup(files_));
    const auto third = pruner.Prune(kHour);
    ASSERT_OK(third);
    EXPECT_TRUE(third->sessions_unproved.empty());
    EXPECT_EQ(CountOf("sessions/"), 0u);
    ExpectGood(kept_, files_);
  }
}

TEST_F(DeadSessions, OneThatSleptThroughAFenceBeginsAnew) {
  FaultStore store(memory_);
  Machine sleeper(store, 2);
  const InsideCall sleep(store, PutsSegment, [&] {
    Machine pruner(memory_, 3);
    for (int i = 0; i < 3; ++i) {
      ASSERT_OK(pruner.Prune(kHour));
      pruner.context.clock.Advance(std::chrono::hours(2));
    }
  });
  const auto report = sleeper.Backup(more_);
  ASSERT_OK(report);
  ASSERT_TRUE(sleep.ran());
  EXPECT_EQ(report->fenced_times, 1u);
  EXPECT_TRUE(sleeper.Read(*report->id) == more_);
  ExpectGood(kept_, files_);
}

// Its fence lets what was forgotten go at once; what it put itself stays all the same.
TEST_F(DeadSessions, OneOnThisMachineIsTakenUpByTheNextBackup) {
  CrashStore crashing(memory_);
  FaultStore store(crashing);
  Machine machine(store, 2);
  const auto garbage = machine.Backup({{"garbage", RandomText(300, 9'000)}});
  ASSERT_OK(garbage);
  Die(machine, store, crashing, PutsSegment);
  ASSERT_OK(machine.Forget({*garbage->id}));
  for (int i = 0; i < 2; ++i) {
    const auto pruned = machine.Prune(kHour);
    ASSERT_OK(pruned);
    EXPECT_EQ(pruned->packs_waiting, 0u);
    EXPECT_EQ(pruned->packs_removed > 0, i == 0);
    EXPECT_EQ(pruned->sessions_ended, 0u);
    EXPECT_GT(pruned->packs_young, 0u);
    EXPECT_EQ(pruned->plan.unindexed.size(), 0u);
  }
  const auto report = machine.Backup(more_);
  ASSERT_OK(report);
  EXPECT_GT(report->resumed_bytes, 0u);
  EXPECT_TRUE(machine.Read(*report->id) == more_);
  EXPECT_EQ(CountOf("sessions/"), 0u);
}

TEST_F(DeadSessions, OneOnThisMachineThatNobodyTakesUpIsEnded) {
  const uint64_t packs = CountOf("data/");
  CrashStore crashing(memory_);
  FaultStore store(crashing);
  Machine machine(store, 2);
  Die(machine, store, crashing, PutsSegment);
  ASSERT_OK(machine.Prune(kHour));
  machine.context.clock.Advance(std::chrono::hours(2));
  const auto pruned = machine.Prune(kHour);
  ASSERT_OK(pruned);
  EXPECT_EQ(pruned->sessions_ended, 1u);
  EXPECT_TRUE(pruned->sessions_unproved.empty());
  EXPECT_EQ(CountOf("data/"), packs);
  EXPECT_EQ(CountOf("sessions/"), 0u);
  EXPECT_EQ(CountOf("snapshots/"), 1u) << "its fence has gone too";
  ExpectGood(kept_, files_);
}

// Whose packs a pruner puts is not told by them, so that every pack in no segment is left while one is at work.
TEST_F(DeadSessions, AQuietPrunerOfAnotherMachineStopsNobodyForEver) {
  CrashStore crashing(memory_);
  FaultStore store(crashing);
  {
    Machine writer(memory_, 2);
    const auto report = writer.Backup(more_);
    ASSERT_OK(report);
    ASSERT_OK(writer.Forget({*report->id}));
  }
  Machine dead(store, 3);
  store.SetHook([&](const StoreCall& call) {
    if (PutsTombstone(call)) crashing.CrashNow();
  });
  ASSERT_FALSE(dead.Prune(kNever));
  ASSERT_TRUE(crashing.crashed());
  // A pack of nobody, in no segment.
  {
    CrashStore stopping(memory_);
    FaultStore faults(stopping);
    Machine orphan(faults, 5);
    MemoryFiles other{{"other", RandomText(500, 3'000)}};
    faults.SetHook([&](const StoreCall& call) {
      if (PutsSegment(call)) stopping.CrashNow();
    });
    ASSERT_FALSE(orphan.Backup(other));
  }
  Machine pruner(memory_, 6);
  const auto first = pruner.Prune(kHour);
  ASSERT_OK(first);
  EXPECT_GT(first->plan.unindexed_of_live_sessions.size(), 0u);
  pruner.context.clock.Advance(std::chrono::hours(2));
  const auto second = pruner.Prune(kHour);
  ASSERT_OK(second);
  EXPECT_EQ(second->plan.unindexed_of_live_sessions.size(), 0u);
  EXPECT_GT(second->plan.unindexed.size(), 0u);
  EXPECT_EQ(second->packs_waiting, 0u);
  EXPECT_EQ(second->sessions_unproved.size(), 2u);
  ExpectGood(kept_, files_);
}

TEST_F(DeadSessions, MaintenanceThatIsFencedSaysNothingOfItsPacks) {
  Machine machine(memory_, 2);
  const auto index = machine.repository->LoadIndex(machine.context.job);
  ASSERT_OK(index);
  const auto session = WriteSession::Begin(*machine.repository, **index, machine.context.job,
                                           {.purpose = SessionPurpose::kMaintenance, .compression = {}});
  ASSERT_OK(session);
  Machine other(memory_, 3);
  Protocol protocol(*other.repository, other.context.job);
  ASSERT_OK(protocol.Fence((*session)->id(), other.context.random.NewId<SessionId>()));
  const auto writer = (*session)->NewBlobWriter(1'000);
  ASSERT_OK(writer->AddAnew(BlobKind::kData, AsBytes(RandomText(7, 3'000))));
  ASSERT_OK(writer->Finish());
  EXPECT_THAT((*session)->Flush(), ErrorCodeIs(ErrorCode::kFenced));
}

// A pruner sleeps in its n-th call, and another takes it for dead, and prunes.
TEST_F(DeadSessions, PruneInsideEveryCallOfAPruneThatIsTakenForDeadLosesNothing) {
  Machine writer(memory_, 2);
  const MemoryFiles half = EveryOther(MakeFiles(kMore));
  const SnapshotId part = BackUpAndKeepLast(writer, {more_, half});
  const auto contents = memory_.Contents();
  for (uint64_t n = 1;; n += 2) {
    SCOPED_TRACE(n);
    MemoryStore memory;
    memory.SetContents(contents);
    FaultStore store(memory);
    Machine sleeper(store, 100 + n);
    const InsideCall work(store, n, [&] {
      Machine other(memory, 3);
      const auto pruned = other.Prune(0);
      ASSERT_OK(pruned);
    });
    const auto pruned = sleeper.Prune(kNever);
    if (!pruned) {
      EXPECT_EQ(pruned.error().code(), ErrorCode::kFenced) << pruned.error().message();
    }
    Machine reader(memory, 4);
    EXPECT_TRUE(reader.Read(part) == half && reader.Read(kept_) == files_);
    ASSERT_OK(reader.Prune(0));
    EXPECT_TRUE(reader.Read(part) == half && reader.Read(kept_) == files_);
    ASSERT_EQ(reader.Damages(), 0u);
    if (!work.ran()) break;
  }
}

// The request may still be on its way: a prune that found the session gone would remove what the snapshot needs.
TEST_F(DeadSessions, ACommitWithoutAnAnswerLeavesItsSessionToTheNextRun) {
  FaultStore store(memory_);
  Machine writer(store, 2);
  store.FailWhere(IsCommit, FaultStore::Broken());
  ASSERT_FALSE(writer.Backup(files_));
  ASSERT_EQ(CountOf("sessions/"), 1u);
  const std::string session = Names("sessions/").front();
  Machine other(memory_, 3);
  ASSERT_OK(other.ForgetAll());
  const auto pruned = other.Prune(kNever);
  ASSERT_OK(pruned);
  EXPECT_EQ(pruned->packs_removed, 0u);
  EXPECT_GT(pruned->packs_waiting, 0u);
  store.ClearFaults();
  const auto report = writer.Backup(files_);
  ASSERT_OK(report);
  EXPECT_EQ(CountOf("sessions/"), 0u);
  const auto late = ObjectName::Parse("snapshots/" + session.substr(session.find('/') + 1));
  ASSERT_OK(late);
  const auto arrives = memory_.PutIfAbsent(*late, AsBytes("a snapshot"));
  ASSERT_OK(arrives);
  EXPECT_FALSE(*arrives) << "its name is filled";
  ASSERT_OK(other.Prune(kNever));
  ExpectGood(*report->id, files_);
}

// Its store was out of reach for a moment at the very end: that must not leave a session that nobody can end.
TEST_F(DeadSessions, MaintenanceThatCouldNotEndItsSessionIsEndedByTheNextPrune) {
  for (const bool forgets : {true, false}) {
    SCOPED_TRACE(forgets);
    FaultStore store(memory_);
    Machine machine(store, forgets ? 2 : 22);
    store.FailWhere(
        [](const StoreCall& call) {
          return call.operation == StoreOperation::kRemove && call.name.starts_with("sessions/");
        },
        FaultStore::Broken());
    if (forgets) {
      ASSERT_OK(machine.ForgetAll());
    } else {
      ASSERT_OK(RepairIndex(machine.context.job, *machine.repository, {}, {}));
    }
    ASSERT_EQ(CountOf("sessions/"), 1u);
    store.ClearFaults();
    const auto pruned = machine.Prune(kNever);
    ASSERT_OK(pruned);
    EXPECT_EQ(pruned->sessions_ended, 1u);
    EXPECT_EQ(CountOf("sessions/"), 0u);
  }
}

TEST_F(DeadSessions, AnotherSlotDoesNotEndASession) {
  Machine owner(memory_, 2);
  ASSERT_OK(AddKey(*owner.repository, {.rights = kWriterRights, .label = "thief"}, AsBytes("other"),
                   PasswordCost::ForTests(), owner.context.job));
  TestContext context({.seed = 3});
  TempFolder folder = TempFolder::InMemory();
  FaultStore store(memory_);
  const auto thief = Repository::Open(store, AsBytes("other"),
                                      {.files = &PosixFileSystem(), .cache_root = folder.path()}, context.job);
  ASSERT_OK(thief);
  Protocol by_thief(**thief, context.job);
  store.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kRemove; },
                  Error(ErrorCode::kPermission, "may not remove"));

  Machine writer(memory_, 4);
  Protocol protocol(*writer.repository, writer.context.job);
  const auto id = writer.context.random.NewId<SessionId>();
  ASSERT_OK(protocol.PutSession(id, SessionPurpose::kBackup, "test"));
  ASSERT_OK(protocol.PutSignOfLife(id, 1));
  ASSERT_OK(by_thief.EndSession(id));
  ASSERT_OK(by_thief.PutSignOfLife(id, 7));
  const auto sessions = protocol.ListSessions();
  ASSERT_OK(sessions);
  ASSERT_EQ(sessions->size(), 1u);
  EXPECT_FALSE(sessions->front().ended);
  EXPECT_EQ(sessions->front().signs_of_life, 1u);

  // One whose record cannot be opened is ended by nobody.
  ASSERT_TRUE(memory_.Damage(SessionName(id), [](Bytes& bytes) { bytes.back() ^= 1; }));
  const auto unreadable = protocol.ListSessions();
  ASSERT_OK(unreadable);
  ASSERT_EQ(unreadable->size(), 1u);
  EXPECT_FALSE(unreadable->front().ended);
}

// Whoever ends a session may die between any two calls of it.
TEST_F(DeadSessions, NothingIsLeftOfAnEndThatStoppedHalfWay) {
  for (uint64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    MemoryStore memory;
    InitForTests(memory);
    Machine machine(memory, 2);
    Protocol protocol(*machine.repository, machine.context.job);
    const auto id = machine.context.random.NewId<SessionId>();
    ASSERT_OK(protocol.PutSession(id, SessionPurpose::kBackup, "test"));
    ASSERT_OK(protocol.PutSignOfLife(id, 1));
    {
      FaultStore store(memory);
      Machine append_only(store, 3);
      store.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kRemove; },
                      Error(ErrorCode::kPermission, "may not remove"));
      ASSERT_OK(Protocol(*append_only.repository, append_only.context.job).EndSession(id));
    }
    CrashStore store(memory);
    Machine dying(store, 4);
    store.CrashAt(store.calls() + n, CrashStore::When::kAfter);
    const bool ended = Protocol(*dying.repository, dying.context.job).EndSession(id).has_value();
    Machine next(memory, 5);
    ASSERT_OK(next.Prune(kNever));
    for (const auto& [name, bytes] : memory.Contents()) EXPECT_FALSE(name.starts_with("sessions/")) << name;
    if (ended) break;
  }
}

TEST_F(DeadSessions, SeenListsGoWithTheirTombstones) {
  Machine machine(memory_, 2);
  Protocol protocol(*machine.repository, machine.context.job);
  const auto run = machine.context.random.NewId<SessionId>();
  ASSERT_OK(protocol.PutSeenList(run, {run}, {}));  // whose pruner died after its last tombstone
  ASSERT_EQ(CountOf("tombstones/"), 1u);
  ASSERT_OK(machine.Prune(kNever));
  EXPECT_EQ(CountOf("tombstones/"), 0u);
}

// Set back by a year, it must not take a year until a session is taken for dead.
TEST_F(DeadSessions, AClockThatIsSetBackBeginsTheWatchAnew) {
  Machine other(memory_, 2);
  Protocol protocol(*other.repository, other.context.job);
  ASSERT_OK(protocol.PutSession(other.context.random.NewId<SessionId>(), SessionPurpose::kBackup, "test"));
  Machine pruner(memory_, 3);
  ASSERT_OK(pruner.Prune(kHour));
  pruner.context.clock.SetNow(FakeClock::kStart - 365 * 24 * kHour);
  const auto back = pruner.Prune(kHour);
  ASSERT_OK(back);
  EXPECT_EQ(back->sessions_fenced, 0u);
  pruner.context.clock.Advance(std::chrono::hours(2));
  const auto later = pruner.Prune(kHour);
  ASSERT_OK(later);
  EXPECT_EQ(later->sessions_fenced, 1u);
}

}  // namespace
}  // namespace cairn
