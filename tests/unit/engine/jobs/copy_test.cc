#include "engine/jobs/copy.h"

#include "engine/repo/protocol.h"
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

TEST_F(CopyTest, NothingIsCopiedIntoItself) {
  const SnapshotId id = Backup(1);
  Machine from(source_, 2), to(source_, 3);
  const auto copied = RunCopy(from.context.job, *from.repository, *to.repository, {.snapshots = {id}}, {});
  EXPECT_THAT(copied, ErrorCodeIs(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn
