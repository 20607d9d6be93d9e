// Prunes that overlap, and backups that begin between their rounds: what a live session was told is stored stays.
#include <gtest/gtest.h>

#include <set>

#include "engine/jobs/segment_merge.h"
#include "engine/repo/write_session.h"
#include "tests/protocol/shared_repository.h"
#include "tests/support/crash_store.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

// A backup that has begun, and has been told of blobs that they are stored.
class LiveBackup {
 public:
  LiveBackup(ObjectStore& store, uint64_t seed) : store_(store), machine_(store, seed) {
    auto index = machine_.repository->LoadIndex(machine_.context.job);
    CHECK(index.has_value());
    index_ = *std::move(index);
    auto begun = WriteSession::Begin(*machine_.repository, *index_, machine_.context.job, {});
    CHECK(begun.has_value());
    session_ = *std::move(begun);
    CHECK(index_->ForEachBlob([&](const BlobId& id, BlobKind, std::span<const BlobPlace>) -> Result<void> {
      ASSIGN_OR_RETURN(const bool known, session_->Knows(id, std::nullopt));
      if (known) told_.insert(id);
      return {};
    }));
  }
  void End() { ASSERT_OK(session_->End()); }
  void ShowLife() { ASSERT_OK(session_->protocol().PutSignOfLife(session_->id(), ++signs_)); }
  size_t told() const { return told_.size(); }

  // How many of these are in no pack any more that is there.
  size_t Lost() {
    Machine fresh(store_, 77);
    auto index = fresh.repository->LoadIndex(fresh.context.job);
    CHECK(index.has_value());
    size_t lost = 0;
    for (const BlobId& id : told_) {
      const auto places = (*index)->Find(id);
      CHECK(places.has_value());
      lost += std::ranges::none_of(*places, [&](const BlobLocation& place) {
        return store_.Stat(PackObjectName(place.pack.kind, place.pack.name)).has_value();
      });
    }
    return lost;
  }

 private:
  ObjectStore& store_;
  Machine machine_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<WriteSession> session_;
  std::set<BlobId> told_;
  uint32_t signs_ = 0;
};

class OverlappingPrunes : public SharedRepository {
 protected:
  // Snapshots of which one is forgotten that alone needs some packs, and one that alone needs half of each of others.
  OverlappingPrunes() {
    Machine first(memory_, 1);
    const MemoryFiles alone = MakeFiles({.name = "alone", .count = 20, .seed_first = 100});
    const MemoryFiles all = MakeFiles({.count = 40, .number_first = 100});
    half_ = EveryOther(all);
    kept_ = BackUpAndKeepLast(first, {alone, all, half_});
  }

  MemoryFiles half_;
  SnapshotId kept_;
};

// The tombstones of the second round are put after the sessions of the first one's list were listed.
TEST_F(OverlappingPrunes, ABackupThatBeganBetweenTwoRoundsIsWaitedForByAll) {
  LiveBackup before(memory_, 2);
  std::optional<LiveBackup> between;
  FaultStore store(memory_);
  Machine pruner(store, 3);
  unsigned lists = 0;
  bool ran = false;
  store.SetHook([&](const StoreCall& call) {
    lists += PutsSeenList(call) ? 1 : 0;
    if (lists == 1 && !between && !PutsSeenList(call)) between.emplace(memory_, 4);
    if (lists < 2 || ran) return;
    ran = true;
    before.End();
    Machine other(memory_, 5);
    const auto report = other.Prune(kNever);
    ASSERT_OK(report);
    EXPECT_GT(report->packs_removed, 0u) << "the first round's";
    EXPECT_GT(report->packs_waiting, 0u) << "the second round's";
    EXPECT_EQ(between->Lost(), 0u);
  });
  ASSERT_OK(pruner.Prune(kNever));
  ASSERT_TRUE(ran);
  EXPECT_GT(between->told(), half_.size());
  EXPECT_EQ(between->Lost(), 0u);
  between->End();
  Machine last(memory_, 6);
  const auto report = last.Prune(kNever);
  ASSERT_OK(report);
  EXPECT_EQ(report->packs_waiting, 0u);
  ExpectGood(last, kept_, half_);
}

// The same, and the pruner dies before its second list: whoever comes next puts one of its own.
TEST_F(OverlappingPrunes, TombstonesOfADeadPrunersSecondRoundGetAListOfTheirOwn) {
  LiveBackup before(memory_, 2);
  std::optional<LiveBackup> between;
  CrashStore crashing(memory_);
  FaultStore store(crashing);
  {
    Machine pruner(store, 3);
    unsigned lists = 0;
    store.SetHook([&](const StoreCall& call) {
      lists += PutsSeenList(call) ? 1 : 0;
      if (lists == 1 && !between && !PutsSeenList(call)) between.emplace(memory_, 4);
      if (lists == 2) crashing.CrashNow();
    });
    ASSERT_FALSE(pruner.Prune(kNever));
  }
  ASSERT_TRUE(crashing.crashed() && between);
  before.End();
  // The dead pruner's session is still there: for a while its tombstones are left to it, then they are taken over.
  Machine other(memory_, 5);
  for (const int64_t quiet_ns : {kNever, int64_t{1}, int64_t{1}}) {
    between->ShowLife();
    const auto report = other.Prune(quiet_ns == 1 ? 1 : kNever);
    ASSERT_OK(report);
    EXPECT_EQ(between->Lost(), 0u);
    other.context.clock.Advance(std::chrono::hours(2));
    if (quiet_ns == 1) break;
  }
  between->End();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(other.Prune(1));
    other.context.clock.Advance(std::chrono::hours(2));
  }
  const auto tombstones = Protocol(*other.repository, other.context.job).ListTombstones();
  ASSERT_OK(tombstones);
  EXPECT_TRUE(tombstones->empty());
  ExpectGood(other, kept_, half_);
}

// A pruner that runs beside makes no list for tombstones that another is still putting.
TEST_F(OverlappingPrunes, AListOfAnotherDoesNotStandForTombstonesThatComeLater) {
  LiveBackup before(memory_, 2);
  std::optional<LiveBackup> between;
  FaultStore store(memory_);
  Machine pruner(store, 3);
  unsigned tombstones = 0;
  store.SetHook([&](const StoreCall& call) {
    tombstones += PutsTombstone(call) ? 1 : 0;
    if (tombstones != 2 || between) return;
    Machine beside(memory_, 5);
    ASSERT_OK(beside.Prune(kNever));
    between.emplace(memory_, 4);
  });
  ASSERT_OK(pruner.Prune(kNever));
  ASSERT_TRUE(between);
  EXPECT_GT(between->told(), half_.size());
  before.End();
  Machine after(memory_, 6);
  ASSERT_OK(after.Prune(kNever));
  EXPECT_EQ(between->Lost(), 0u);
  between->End();
  ASSERT_OK(after.Prune(kNever));
  ExpectGood(after, kept_, half_);
}

// Hours may pass while it marks: what others did meanwhile is neither damage nor garbage.
TEST_F(OverlappingPrunes, WhatOthersDoWhileOneMarksIsNoDamageAndNotMoved) {
  for (const bool prunes : {true, false}) {
    FaultStore store(memory_);
    Machine pruner(store, prunes ? 3 : 8);
    std::optional<SnapshotId> id;
    const MemoryFiles more = MakeFiles({.name = "more", .count = 20, .seed_first = 300});
    const InsideCall work(store, ListsDataPacks, [&] {
      Machine other(memory_, 5);
      if (prunes) {
        ASSERT_OK(other.Prune(kNever));
        return;
      }
      const auto report = other.Backup(more);
      ASSERT_OK(report);
      id = report->id;
    });
    const auto report = pruner.Prune(kNever);
    ASSERT_OK(report);
    ASSERT_TRUE(work.ran());
    EXPECT_EQ(report->packs_removed, 0u);
    EXPECT_EQ(report->blobs_rescued, 0u);
    Machine reader(memory_, 6);
    EXPECT_TRUE(!id || reader.Read(*id) == more);
    EXPECT_EQ(reader.Damages(), 0u);
  }
}

// Packs are listed before sessions: who began after the listing of sessions is in neither.
TEST_F(OverlappingPrunes, APackOfABackupThatBeganMeanwhileIsNotGarbage) {
  FaultStore store(memory_);
  Machine pruner(store, 3);
  ASSERT_OK(pruner.Prune(kNever));
  FaultStore faults(memory_);
  faults.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kRemove || PutsSegment(call); },
                   FaultStore::Broken());
  std::optional<Machine> writer;
  const InsideCall work(store, ListsDataPacks, [&] {
    writer.emplace(faults, 4);
    ASSERT_FALSE(writer->Backup({{"new", RandomText(700, 3'000)}}));  // from its first segment on it sleeps
  });
  const auto report = pruner.Prune(kNever);
  ASSERT_OK(report);
  ASSERT_TRUE(work.ran());
  EXPECT_EQ(report->plan.unindexed.size(), 0u);
  EXPECT_GT(report->plan.unindexed_of_live_sessions.size(), 0u);
  EXPECT_EQ(report->packs_waiting, 0u);
}

// What is forgotten and pruned by another while it is marked is no damage.
TEST_F(OverlappingPrunes, ForgetAndPruneByAnotherInsideEveryCallOfAPrune) {
  Machine writer(memory_, 2);
  const auto going = writer.Backup({{"going", RandomText(600, 3'000)}});
  ASSERT_OK(going);
  const auto contents = memory_.Contents();
  for (uint64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    MemoryStore memory;
    memory.SetContents(contents);
    FaultStore store(memory);
    Machine pruner(store, 3);
    const InsideCall work(store, n, [&] {
      Machine other(memory, 5);
      ASSERT_OK(other.Forget({*going->id}));
      ASSERT_OK(other.Prune(kNever));
    });
    ASSERT_OK(pruner.Prune(kNever));
    Machine reader(memory, 6);
    EXPECT_TRUE(reader.Read(kept_) == half_);
    ASSERT_EQ(reader.Damages(), 0u);
    if (!work.ran()) break;
  }
}

// A merge that dies half-way, or is seen half-way, leaves no entry of a pack without the name that takes it out.
TEST(HalfAMerge, DoesNotBringBackWhatWasTakenOut) {
  for (uint64_t n = 1;; ++n) {
    MemoryStore memory;
    InitForTests(memory);
    Machine machine(memory, 1);
    Protocol protocol(*machine.repository, machine.context.job);
    PackName gone[4];
    for (PackName& name : gone) name.digest = machine.context.random.NewId<Digest>();
    const auto pack = [](const PackName& name) {
      SegmentPack entry{.name = name, .kind = BlobKind::kData, .size = 1'000};
      entry.frames.push_back({.sealed_length = 500, .codec = Codec::kPadding});
      return entry;
    };
    // Each of the first carries an entry of what another takes out.
    for (uint64_t i = 0; i < 4; ++i) {
      IndexSegment segment;
      segment.packs = {pack(gone[i])};
      segment.removed = {gone[(i + 1) % 4]};
      ASSERT_OK(protocol.PutSegment(segment));
    }
    CrashStore store(memory);
    Machine dying(store, 2);
    Protocol through(*dying.repository, dying.context.job);
    store.CrashAt(store.calls() + n, CrashStore::When::kAfter);
    const auto merged = MergeSegments(dying.context.job, *dying.repository, through,
                                      dying.context.random.NewId<SessionId>(), {std::begin(gone), std::end(gone)}, {});
    store.Revive();
    Machine reader(memory, 3);
    const auto index = reader.repository->LoadIndex(reader.context.job);
    ASSERT_OK(index);
    EXPECT_TRUE((*index)->Packs().empty()) << "died at call " << n;
    if (merged) {
      EXPECT_EQ(merged->covered, 4u);
      EXPECT_EQ(merged->names_dropped, 0u) << "each had an entry";
      EXPECT_EQ((*index)->RemovedWithoutEntry().size(), 4u) << "the next merge may";
      break;
    }
  }
}

}  // namespace
}  // namespace cairn
