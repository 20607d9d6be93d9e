#include "engine/jobs/copy.h"

#include <gmock/gmock.h>

#include <atomic>

#include "engine/env/clock.h"
#include "engine/repo/protocol.h"
#include "engine/store/presence_store.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

class CopyTest : public testing::Test {
 protected:
  CopyTest() {
    InitForTests(source_, 1);
    InitForTests(target_, 2);
  }

  SnapshotId Backup(uint32_t seed) {
    Machine machine(source_, 10 + seed);
    files_["file" + std::to_string(seed)] = RandomText(seed, 3'000);
    const auto report = machine.Backup(files_);
    EXPECT_TRUE(report);
    return *report->id;
  }

  MemoryStore source_, target_;
  MemoryFiles files_;
};

// What a copy finds stored, it must not take for stored in the session of the next one.
TEST_F(CopyTest, WhatAPruneBeganToRemoveBetweenTwoCopiesIsStoredAnew) {
  const SnapshotId first = Backup(1), second = Backup(2);
  FaultStore store(target_);
  Machine from(source_, 2), to(store, 3), pruner(target_, 4);
  Protocol protocol(*pruner.repository, pruner.context.job);
  std::vector<PackName> tombstoned;
  int sessions = 0;
  store.SetHook([&](const StoreCall& call) {
    const bool begins =
        call.operation == StoreOperation::kPut && ParseObjectName(call.name).kind == ParsedName::Kind::kSession;
    if (!begins || ++sessions != 2) return;
    for (const auto& [name, bytes] : target_.Contents()) {
      const ParsedName parsed = ParseObjectName(name);
      if (parsed.kind != ParsedName::Kind::kPack) continue;
      ASSERT_OK(protocol.PutTombstone(parsed.pack, parsed.pack_kind, pruner.context.random.NewId<SessionId>()));
      tombstoned.push_back(parsed.pack);
    }
  });
  ASSERT_OK_AND_ASSIGN(const CopyReport report,
                       RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {first, second}}, {}));
  ASSERT_EQ(sessions, 2);
  ASSERT_FALSE(tombstoned.empty());
  for (const PackName& pack : tombstoned) {
    for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
      IgnoreError(target_.Remove(PackObjectName(kind, pack)), "of the other kind it is");
    }
  }
  Machine after(target_, 5);
  EXPECT_TRUE(after.Read(report.snapshots.at(1).target) == files_);
}

// Whichever of the two goes, and whenever: the copy ends, and tells no damage.
TEST_F(CopyTest, AStoreThatGoesAwayEndsIt) {
  const SnapshotId first = Backup(1), second = Backup(2);
  for (const bool is_source : {true, false}) {
    for (uint64_t n = 1;; ++n) {
      SCOPED_TRACE(n);
      ASSERT_LT(n, 500u);
      MemoryStore target;
      InitForTests(target, 2);
      FaultStore faults(is_source ? source_ : target);
      PresenceStore presence(faults);
      Machine from(is_source ? static_cast<ObjectStore&>(presence) : source_, 2);
      Machine to(is_source ? target : static_cast<ObjectStore&>(presence), 3);
      const uint64_t last = faults.InterceptedStore::calls() + n - 1;
      faults.FailWhere([&](const StoreCall& call) { return call.number > last; }, FaultStore::Transient());
      std::vector<Finding> findings;
      const auto report = RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {first, second}},
                                  [&](const Finding& finding) { findings.push_back(finding); });
      EXPECT_TRUE(findings.empty()) << findings.front().object << ": " << findings.front().detail;
      if (report) break;
      EXPECT_EQ(report.error().code(), ErrorCode::kStoreAway) << report.error().message();
    }
  }
}

TEST_F(CopyTest, NothingIsCopiedIntoItself) {
  const SnapshotId id = Backup(1);
  Machine from(source_, 2), to(source_, 3);
  const auto copied = RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {id}}, {});
  EXPECT_THAT(copied, ErrorCodeIs(ErrorCode::kInvalidArgument));
}

// Reads of packs of data, and how many were under way at once.
struct DataGets {
  std::atomic<unsigned> all = 0, now = 0, most = 0;

  explicit DataGets(FaultStore& store) {
    store.set_far(true);
    store.SetHook([this](const StoreCall& call) {
      if (call.operation != StoreOperation::kGetRange || !call.name.starts_with("data/")) return;
      ++all;
      const unsigned at_once = ++now;
      unsigned before = most;
      while (before < at_once && !most.compare_exchange_weak(before, at_once)) {
      }
      SystemClock().Sleep(std::chrono::milliseconds(5), std::stop_token());
      --now;
    });
  }
};

// From the other end of a long wire each of them takes its time.
TEST_F(CopyTest, BetweenOtherKeysFramesAreFetchedTogether) {
  for (uint32_t seed = 1; seed <= 60; ++seed) files_["file" + std::to_string(seed)] = RandomText(seed, 1'500);
  const SnapshotId id = Backup(61);
  FaultStore store(source_);
  Machine from(store, 2), to(target_, 3);
  from.context.job.limits.gets = 4;
  DataGets gets(store);
  ASSERT_OK_AND_ASSIGN(const CopyReport report,
                       RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {id}}, {}));
  EXPECT_EQ(report.frames_verbatim, 0U);
  EXPECT_GE(gets.most, 2U);
  EXPECT_LE(gets.most, 4U);
  EXPECT_LT(gets.all, 45U) << "60 files are as many frames: those side by side are one request";
  Machine after(target_, 5);
  EXPECT_TRUE(after.Read(report.snapshots.at(0).target) == files_);
  EXPECT_EQ(after.Damages(), 0U);
}

// Of a file that is longer than what is looked at ahead, the rest is fetched together, too.
TEST_F(CopyTest, BetweenOtherKeysALongFileIsFetchedPartByPart) {
  files_["long"] = RandomText(1, 400'000);
  files_["twice"] = files_["long"].substr(0, 300'000) + files_["long"];
  files_["holey+"] = std::string(300'000, '\0') + RandomText(2, 5'000);
  const SnapshotId first = Backup(2);
  files_["twice"] += "more";
  const SnapshotId second = Backup(3);
  FaultStore store(source_);
  Machine from(store, 2), to(target_, 3);
  from.context.job.limits.gets = 4;
  from.context.job.limits.memory_bytes = 256 * kKiB;
  DataGets gets(store);
  ASSERT_OK_AND_ASSIGN(const CopyReport report,
                       RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {first, second}}, {}));
  EXPECT_GE(gets.most, 2U);
  Machine after(target_, 5);
  EXPECT_TRUE(after.Read(report.snapshots.at(1).target) == files_);
  EXPECT_EQ(after.Damages(), 0U);
}

TEST_F(CopyTest, BetweenOtherKeysAFrameThatIsLostIsToldWithItsFile) {
  files_["a"] = RandomText(1, 3'000);
  files_["b"] = RandomText(2, 3'000);
  const SnapshotId id = Backup(3);
  for (const auto& [name, bytes] : source_.Contents()) {
    if (!name.starts_with("data/")) continue;
    ASSERT_TRUE(source_.Damage(*ObjectName::Parse(name), [](Bytes& object) { object[200] ^= 1; }));
  }
  Machine from(source_, 2), to(target_, 3);
  const auto copied = RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {id}}, {});
  ASSERT_FALSE(copied);
  EXPECT_TRUE(IsLoss(copied.error().code())) << copied.error().message();
  EXPECT_THAT(copied.error().message(), testing::HasSubstr("copying /"));
}

}  // namespace
}  // namespace cairn
