// A prune beside packs and tombstones that do not read: what is needed stays, the rest goes, and the counts are true.
#include <gtest/gtest.h>

#include "engine/repo/protocol.h"
#include "tests/protocol/shared_repository.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

class DamagedPackPrune : public SharedRepository {
 protected:
  DamagedPackPrune() {
    Machine machine(memory_, 1);
    const auto report = machine.Backup(files_);
    CHECK(report.has_value());
    first_ = *report->id;
  }

  uint64_t PackBytes() const {
    uint64_t bytes = 0;
    for (const auto& [name, object] : memory_.Contents()) {
      if (name.starts_with("data/") || name.starts_with("meta/")) bytes += object.size();
    }
    return bytes;
  }
  static ObjectName Name(const std::string& text) { return *ObjectName::Parse(text); }

  // Every pack of now gets a tombstone, of a run that is gone.
  void PutTombstones() {
    Machine machine(memory_, 2);
    Protocol protocol(*machine.repository, machine.context.job);
    const auto run = machine.context.random.NewId<SessionId>();
    for (const std::string& name : Names("data/")) {
      ASSERT_OK(protocol.PutTombstone(ParseObjectName(name).pack, BlobKind::kData, run));
    }
    for (const std::string& name : Names("meta/")) {
      ASSERT_OK(protocol.PutTombstone(ParseObjectName(name).pack, BlobKind::kMetadata, run));
    }
  }
  void DamageFirstFrame(const std::string& pack) {
    ASSERT_TRUE(memory_.Damage(Name(pack), [](Bytes& bytes) { bytes.at(200) ^= 1; }));
  }

  const MemoryFiles files_ = MakeFiles({.count = 4});
  SnapshotId first_;
};

// A writer takes what is in packs with tombstones for absent, and stores it anew, in other frames.
TEST_F(DamagedPackPrune, APackOfWhichAllIsStoredAgainGoes) {
  for (const bool missing : {false, true}) {
    SCOPED_TRACE(missing);
    const std::vector<std::string> packs = Names("data/");
    PutTombstones();
    Machine writer(memory_, missing ? 3 : 33);
    const auto again = writer.Backup(files_);
    ASSERT_OK(again);
    for (const std::string& pack : packs) {
      if (missing) {
        ASSERT_OK(memory_.Remove(Name(pack)));
      } else {
        DamageFirstFrame(pack);
      }
    }
    const uint64_t before = PackBytes();
    Machine pruner(memory_, missing ? 4 : 44);
    const auto report = pruner.Prune(kNever);
    ASSERT_OK(report);
    EXPECT_EQ(report->bytes_removed, before + report->bytes_written - PackBytes()) << "nothing is freed by no pack";
    EXPECT_EQ(report->packs_damaged, 0u);
    EXPECT_EQ(CountOf("tombstones/"), 0u);
    for (const std::string& pack : packs) EXPECT_FALSE(memory_.Stat(Name(pack)).has_value()) << pack;
    ExpectGood(*again->id, files_);
    ExpectGood(first_, files_);
  }
}

TEST_F(DamagedPackPrune, APackWithTheOnlyCopyStaysAndTheRestGoes) {
  Machine writer(memory_, 3);
  const auto garbage = writer.Backup({{"garbage", RandomText(50, 9'000)}});
  ASSERT_OK(garbage);
  const std::string damaged = [&] {
    const auto index = writer.repository->LoadIndex(writer.context.job);
    CHECK(index.has_value());
    for (const IndexedPack& pack : (*index)->Packs()) {
      const auto frames = (*index)->Frames(pack.number);
      CHECK(frames.has_value());
      if (pack.kind == BlobKind::kData && frames->front().session.session == SessionId::FromBytes(first_.bytes())) {
        return PackObjectName(pack.kind, pack.name).text();
      }
    }
    return std::string();
  }();
  ASSERT_FALSE(damaged.empty());
  PutTombstones();
  ASSERT_OK(writer.Forget({*garbage->id}));
  DamageFirstFrame(damaged);
  const size_t tombstones = CountOf("tombstones/");
  Machine pruner(memory_, 4);
  for (int i = 0; i < 2; ++i) {
    std::vector<Finding> findings;
    const auto report = pruner.Prune(kNever, [&](const Finding& finding) { findings.push_back(finding); });
    ASSERT_OK(report);
    EXPECT_EQ(report->packs_damaged, 1u);
    EXPECT_EQ(std::ranges::count(findings, damaged, &Finding::object), 1);
    EXPECT_TRUE(memory_.Stat(Name(damaged)).has_value());
    EXPECT_EQ(CountOf("tombstones/"), 2u) << "that of the pack, and the list that it waits for";
    EXPECT_EQ(report->packs_removed, i == 0 ? tombstones - 1 : 0);
    EXPECT_EQ(report->blobs_rescued > 0, i == 0) << "what reads was moved at once";
  }
  // The way out: whoever finds the files stores them anew.
  Machine again(memory_, 5);
  const auto stored = again.Backup(files_);
  ASSERT_OK(stored);
  ASSERT_OK(pruner.Prune(kNever));
  EXPECT_EQ(CountOf("tombstones/"), 0u);
  ExpectGood(*stored->id, files_);
  ExpectGood(first_, files_);
}

TEST_F(DamagedPackPrune, AMissingPackIsToldAtOnceWithTheWayOutAndNoGarbageIsLeft) {
  PutTombstones();
  const std::string gone = Names("data/").back();
  ASSERT_OK(memory_.Remove(Name(gone)));
  std::set<std::string> before;
  for (int i = 0; i < 3; ++i) {
    Machine pruner(memory_, 4 + static_cast<uint64_t>(i));
    const auto report = pruner.Prune(kNever);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code(), ErrorCode::kCorrupt) << report.error().message();
    EXPECT_NE(report.error().message().find(gone), std::string::npos) << report.error().message();
    EXPECT_NE(report.error().message().find("--drop-missing"), std::string::npos) << report.error().message();
    const auto data = Names("data/");
    if (i > 0) {
      EXPECT_EQ(data.size(), before.size()) << "each try left a pack";
    }
    before = std::set(data.begin(), data.end());
  }
}

TEST_F(DamagedPackPrune, ADamagedTombstoneIsPutAgainAndFinished) {
  Machine writer(memory_, 3);
  const auto garbage = writer.Backup({{"garbage", RandomText(50, 9'000)}});
  ASSERT_OK(garbage);
  PutTombstones();
  ASSERT_OK(writer.Forget({*garbage->id}));
  for (const std::string& name : Names("tombstones/")) {
    ASSERT_TRUE(memory_.Damage(Name(name), [](Bytes& bytes) { bytes.back() ^= 1; }));
  }
  Machine pruner(memory_, 4);
  const auto report = pruner.Prune(kNever);
  ASSERT_OK(report);
  EXPECT_EQ(report->packs_waiting, 0u);
  EXPECT_TRUE(report->tombstones_unknown.empty());
  EXPECT_EQ(CountOf("tombstones/"), 0u);
  ExpectGood(first_, files_);
}

TEST_F(DamagedPackPrune, ATombstoneOfANewerProgramStaysAndIsToldApart) {
  PutTombstones();
  const std::string newer = Names("tombstones/").front();
  ASSERT_TRUE(memory_.Damage(Name(newer), [](Bytes& bytes) { bytes.at(8) = 0xee; }));
  Machine pruner(memory_, 4);
  const auto report = pruner.Prune(kNever);
  ASSERT_OK(report);
  EXPECT_EQ(report->tombstones_unknown, std::vector<std::string>{newer});
  EXPECT_EQ(report->packs_waiting, 0u);
  EXPECT_TRUE(memory_.Stat(Name(newer)).has_value());
}

TEST_F(DamagedPackPrune, CountsWhatIsFreedAndWritten) {
  Machine pruner(memory_, 4);
  {
    // A pack in no segment, whose session has ended.
    FaultStore store(memory_);
    Machine dead(store, 5);
    store.FailWhere([](const StoreCall& call) { return call.name.starts_with("index/") && Changes(call.operation); },
                    FaultStore::Broken());
    ASSERT_FALSE(dead.Backup({{"other", RandomText(60, 5'000)}}));
    Protocol protocol(*pruner.repository, pruner.context.job);
    const auto sessions = protocol.ListSessions();
    ASSERT_OK(sessions);
    for (const SessionSeen& seen : *sessions) ASSERT_OK(protocol.EndSession(seen.id));
  }
  const uint64_t before = PackBytes();
  const auto freed = pruner.Prune(kNever);
  ASSERT_OK(freed);
  EXPECT_GT(freed->packs_removed, 0u);
  EXPECT_EQ(freed->bytes_removed, before - PackBytes());
  EXPECT_EQ(freed->plan.bytes_removed, before - PackBytes());

  // Packs of both rounds are written: what is rescued in the first, and what is repacked in the second.
  PutTombstones();
  const MemoryFiles all = MakeFiles({.count = 20, .number_first = 100, .seed_first = 100});
  Machine writer(memory_, 6);
  BackUpAndKeepLast(writer, {all, EveryOther(all)});
  std::set<std::string> old;
  for (const auto& [name, bytes] : memory_.Contents()) old.insert(name);
  const auto rescued = pruner.Prune(kNever);
  ASSERT_OK(rescued);
  EXPECT_GT(rescued->blobs_rescued, 0u);
  EXPECT_GT(rescued->plan.bytes_repacked, 0u);
  uint64_t packs = 0, bytes = 0;
  for (const auto& [name, object] : memory_.Contents()) {
    if (old.contains(name) || !(name.starts_with("data/") || name.starts_with("meta/"))) continue;
    ++packs;
    bytes += object.size();
  }
  EXPECT_EQ(rescued->packs_written, packs);
  EXPECT_EQ(rescued->bytes_written, bytes);
}

TEST_F(DamagedPackPrune, NothingIsFreedByWhatIsNotThere) {
  Machine writer(memory_, 3);
  const auto garbage = writer.Backup({{"garbage", RandomText(50, 9'000)}});
  ASSERT_OK(garbage);
  ASSERT_OK(writer.Forget({*garbage->id}));
  const auto index = writer.repository->LoadIndex(writer.context.job);
  ASSERT_OK(index);
  for (const IndexedPack& pack : (*index)->Packs()) {
    const auto frames = (*index)->Frames(pack.number);
    ASSERT_OK(frames);
    if (frames->front().session.session == SessionId::FromBytes(garbage->id->bytes())) {
      ASSERT_OK(memory_.Remove(PackObjectName(pack.kind, pack.name)));
    }
  }
  const uint64_t before = PackBytes();
  Machine pruner(memory_, 4);
  const auto report = pruner.Prune(kNever);
  ASSERT_OK(report);
  EXPECT_FALSE(report->plan.missing.empty());
  EXPECT_EQ(report->plan.bytes_before, before);
  EXPECT_EQ(report->plan.bytes_removed, 0u);
  EXPECT_EQ(report->plan.bytes_after, before);
  EXPECT_EQ(report->bytes_removed, 0u);
  ExpectGood(first_, files_);
}

}  // namespace
}  // namespace cairn
