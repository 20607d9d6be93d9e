#include "engine/jobs/repair.h"

#include <set>

#include "engine/crypto/hash.h"
#include "engine/jobs/check.h"
#include "engine/jobs/rewrite.h"
#include "engine/pack/pack_reader.h"
#include "engine/repo/write_session.h"
#include "engine/tree/directory_builder.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

using testing::HasSubstr;

class RepairTest : public testing::Test {
 protected:
  RepairTest() {
    InitForTests(memory_);
    Machine machine(memory_, 1);
    files_["file"] = RandomText(1, 3'000);
    files_["other"] = RandomText(2, 3'000);
    const auto report = machine.Backup(files_);
    EXPECT_TRUE(report);
    id_ = *report->id;
  }

  std::vector<ParsedName> Packs(BlobKind kind) const {
    std::vector<ParsedName> packs;
    for (const auto& [name, bytes] : memory_.Contents()) {
      const ParsedName parsed = ParseObjectName(name);
      if (parsed.kind == ParsedName::Kind::kPack && parsed.pack_kind == kind) packs.push_back(parsed);
    }
    return packs;
  }
  ObjectName DataPack() const { return PackObjectName(BlobKind::kData, Packs(BlobKind::kData).at(0).pack); }

  void Flip(const ObjectName& name, size_t place) {
    ASSERT_TRUE(memory_.Damage(name, [&](Bytes& bytes) { bytes.at(place) ^= 1; }));
  }

  // Puts each segment anew as `change` leaves it, in place of the old one.
  void ChangeSegments(const std::function<void(IndexSegment&)>& change) {
    Machine machine(memory_, 50);
    Protocol protocol(*machine.repository, machine.context.job);
    const auto ids = protocol.ListSegments();
    ASSERT_TRUE(ids);
    for (const SegmentId& id : *ids) {
      auto segment = machine.repository->LoadSegment(id);
      ASSERT_TRUE(segment);
      change(*segment);
      ASSERT_OK(protocol.PutSegment(*segment));
      ASSERT_OK(protocol.RemoveSegment(id));
    }
  }

  FindingSink Sink() {
    return [this](const Finding& finding) { told_.push_back(finding.object + ": " + finding.detail); };
  }

  Result<RepairReport> RepairAllPacks(Machine& machine) {
    return RepairPacks(machine.context.job, *machine.repository, {}, false, Sink());
  }

  MemoryStore memory_;
  MemoryFiles files_;
  SnapshotId id_;
  std::vector<std::string> told_;
};

// --- index ---

// The entry of a pack whose own directory is damaged is the only description of its good frames.
TEST_F(RepairTest, WhatAWrongSegmentSaysOfAPackThatCannotBeAskedIsKept) {
  ChangeSegments([&](IndexSegment& segment) {
    for (SegmentPack& pack : segment.packs) {
      if (pack.kind == BlobKind::kData) segment.retired.push_back({pack.name, 0});
      if (pack.kind != BlobKind::kMetadata) continue;
      pack.frames.front().blobs.front().id = BlobId::FromBytes(Bytes(BlobId::kSize, 7));
    }
  });
  Flip(DataPack(), memory_.Contents().at(DataPack().text()).size() - 1);
  Machine machine(memory_, 2);
  ASSERT_OK(RepairIndex(machine.context.job, *machine.repository, {}, {}));
  ASSERT_OK_AND_ASSIGN(const auto index, machine.repository->LoadIndex(machine.context.job));
  const auto pack = index->FindPack(Packs(BlobKind::kData).at(0).pack);
  ASSERT_TRUE(pack);
  ASSERT_OK_AND_ASSIGN(const auto frames, index->Frames(pack->number));
  EXPECT_TRUE(frames.at(0).retired) << "what a maintainer retired stays so";
  ASSERT_OK_AND_ASSIGN(const RepairReport report, RepairAllPacks(machine));
  EXPECT_EQ(report.packs_salvaged, 1u);
  EXPECT_EQ(report.blobs_lost, 0u);
  Machine after(memory_, 3);
  EXPECT_TRUE(after.Read(id_) == files_);
}

TEST_F(RepairTest, MissingPacksOfAWrongSegmentStayInTheIndex) {
  ChangeSegments([](IndexSegment& segment) {
    for (SegmentPack& pack : segment.packs) {
      if (pack.kind != BlobKind::kMetadata) continue;
      pack.frames.front().blobs.front().id = BlobId::FromBytes(Bytes(BlobId::kSize, 7));
    }
  });
  const ObjectName name = DataPack();
  const Bytes away = memory_.Contents().at(name.text());
  ASSERT_OK(memory_.Remove(name));
  Machine machine(memory_, 2);
  ASSERT_OK_AND_ASSIGN(const RepairReport report, RepairIndex(machine.context.job, *machine.repository, {}, {}));
  EXPECT_EQ(report.packs_missing, 1u);
  ASSERT_OK(memory_.Put(name, away));
  Machine after(memory_, 3);
  EXPECT_EQ(after.Damages(), 0u);
  EXPECT_TRUE(after.Read(id_) == files_);
}

// The prune runs after the segments were judged: by what they say its packs are there still.
TEST_F(RepairTest, WhatAPruneHasRemovedMeanwhileIsNotMissing) {
  FaultStore store(memory_);
  Machine machine(store, 2), pruner(memory_, 3);
  MemoryFiles less = files_;
  less.erase("other");
  ASSERT_OK_AND_ASSIGN(const BackupReport kept, pruner.Backup(less));
  ASSERT_OK(pruner.Forget({id_}));
  int listings = 0;
  store.SetHook([&](const StoreCall& call) {
    if (call.operation != StoreOperation::kList || call.name != "data/" || ++listings != 2) return;
    ASSERT_OK_AND_ASSIGN(const PruneReport pruned, pruner.Prune(0));
    EXPECT_GT(pruned.packs_removed, 0u);
  });
  ASSERT_OK_AND_ASSIGN(const RepairReport report,
                       RepairIndex(machine.context.job, *machine.repository, {.drop_missing = true}, Sink()));
  ASSERT_GE(listings, 2);
  EXPECT_EQ(report.packs_missing + report.packs_removed_from_index, 0u);
  EXPECT_TRUE(told_.empty()) << told_.front();
  Machine after(memory_, 4);
  EXPECT_EQ(after.Damages(), 0u);
  EXPECT_TRUE(after.Read(*kept.id) == less);
}

TEST_F(RepairTest, APackThatCouldNotBeReadIsPassedOverAndTheIndexIsRepaired) {
  Machine writer(memory_, 5);
  files_["more"] = RandomText(3, 3'000);
  ASSERT_OK_AND_ASSIGN(const BackupReport second, writer.Backup(files_));
  Protocol protocol(*writer.repository, writer.context.job);
  ASSERT_OK_AND_ASSIGN(const auto segments, protocol.ListSegments());
  ASSERT_EQ(segments.size(), 2u);
  const ObjectName unread = DataPack();
  for (const SegmentId& id : segments) {  // the one without the pack that cannot be read goes
    ASSERT_OK_AND_ASSIGN(const IndexSegment segment, writer.repository->LoadSegment(id));
    const bool has_it = std::ranges::any_of(
        segment.packs, [&](const SegmentPack& pack) { return pack.name == ParseObjectName(unread.text()).pack; });
    if (has_it) continue;
    ASSERT_OK(memory_.Remove(SegmentName(id)));
  }
  FaultStore store(memory_);
  Machine machine(store, 2);
  store.FailWhere([&](const StoreCall& call) { return call.name == unread.text(); },
                  Error(ErrorCode::kIo, "the disk is slow"));
  EXPECT_THAT(RepairIndex(machine.context.job, *machine.repository, {}, {}),
              ErrorIs(ErrorCode::kIo, HasSubstr(unread.text())));
  Machine after(memory_, 4);
  EXPECT_EQ(after.Damages(), 0u);
  EXPECT_TRUE(after.Read(*second.id) == files_);
}

// --- packs ---

TEST_F(RepairTest, AnUnknownPackIsNotFound) {
  Machine machine(memory_, 2);
  PackName name;
  EXPECT_THAT(RepairPacks(machine.context.job, *machine.repository, {name}, false, {}),
              ErrorIs(ErrorCode::kNotFound, HasSubstr(name.ToString())));
}

TEST_F(RepairTest, OneBadReadIsNoProof) {
  FaultStore store(memory_);
  Machine machine(store, 2);
  const ObjectName name = DataPack();
  int reads = 0;
  store.SetHook([&](const StoreCall& call) {
    if (call.operation != StoreOperation::kGet || call.name != name.text()) return;
    if (++reads <= 2) Flip(name, 200);  // the first read sees another byte, the second the right one again
  });
  ASSERT_OK_AND_ASSIGN(const RepairReport report, RepairAllPacks(machine));
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(report.packs_salvaged, 0u);
  EXPECT_TRUE(told_.empty()) << told_.front();
}

// By the index that was read first, what the prune has moved is gone.
TEST_F(RepairTest, WhatAPruneHasMovedIsNotLost) {
  FaultStore store(memory_);
  Machine machine(store, 2), pruner(memory_, 3);
  MemoryFiles less = files_;
  less.erase("other");
  ASSERT_OK_AND_ASSIGN(const BackupReport kept, pruner.Backup(less));
  bool pruned = false;
  store.SetHook([&](const StoreCall& call) {
    if (pruned || call.operation != StoreOperation::kGet || !call.name.starts_with("data/")) return;
    pruned = true;
    ASSERT_OK(pruner.Forget({id_}));
    ASSERT_OK(pruner.Prune(0));
  });
  const std::set<std::string> before = [&] {
    std::set<std::string> names;
    for (const ParsedName& pack : Packs(BlobKind::kData)) names.insert(pack.pack.ToString());
    return names;
  }();
  ASSERT_OK_AND_ASSIGN(const RepairReport report, RepairAllPacks(machine));
  ASSERT_TRUE(pruned);
  EXPECT_FALSE(before.contains(Packs(BlobKind::kData).at(0).pack.ToString())) << "else nothing was moved";
  EXPECT_EQ(report.packs_salvaged + report.packs_missing + report.blobs_lost, 0u);
  EXPECT_TRUE(told_.empty()) << told_.front();
  Machine after(memory_, 4);
  EXPECT_TRUE(after.Read(*kept.id) == less);
}

TEST_F(RepairTest, APackUnderTheOtherPrefixIsNotGone) {
  ChangeSegments([](IndexSegment& segment) {
    for (SegmentPack& pack : segment.packs) {
      if (pack.kind == BlobKind::kMetadata) pack.kind = BlobKind::kData;
    }
    for (SegmentSession& session : segment.sessions) {
      if (!session.content) session.content = session.metadata;
    }
  });
  Machine machine(memory_, 2);
  EXPECT_THAT(RepairAllPacks(machine), ErrorIs(ErrorCode::kCorrupt, HasSubstr("repair index")));
  ASSERT_OK(RepairIndex(machine.context.job, *machine.repository, {}, {}));
  Machine after(memory_, 3);
  EXPECT_EQ(after.Damages(), 0u);
  EXPECT_TRUE(after.Read(id_) == files_);
}

// Its frames may be good, and nothing that can be read says how they are opened.
TEST_F(RepairTest, ADamagedPackUnderTheOtherPrefixIsLeft) {
  ChangeSegments([](IndexSegment& segment) {
    for (SegmentPack& pack : segment.packs) {
      if (pack.kind == BlobKind::kMetadata) pack.kind = BlobKind::kData;
    }
    for (SegmentSession& session : segment.sessions) {
      if (!session.content) session.content = session.metadata;
    }
  });
  const PackName name = Packs(BlobKind::kMetadata).at(0).pack;
  const ObjectName object = PackObjectName(BlobKind::kMetadata, name);
  Flip(object, memory_.Contents().at(object.text()).size() - 1);
  Machine machine(memory_, 2);
  EXPECT_THAT(RepairAllPacks(machine), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr(name.ToString())));
  ASSERT_OK_AND_ASSIGN(const auto index, machine.repository->LoadIndex(machine.context.job));
  EXPECT_TRUE(index->FindPack(name));
}

// The frame opens, but who copies it as it is goes by the check, and would refuse it: it is a bad one.
TEST_F(RepairTest, AFrameWithAWrongCheckIsFoundAndRepaired) {
  Machine writer(memory_, 5);
  {
    ASSERT_OK_AND_ASSIGN(const auto index, writer.repository->LoadIndex(writer.context.job));
    const PackName name = Packs(BlobKind::kData).at(0).pack;
    const auto pack = index->FindPack(name);
    ASSERT_TRUE(pack);
    ASSERT_OK_AND_ASSIGN(const auto frames, index->Frames(pack->number));
    FrameEntry entry = *frames.front().entry;
    ASSERT_OK_AND_ASSIGN(const Bytes sealed, ReadFrame(memory_, BlobKind::kData, name, frames.front().offset, entry));
    entry.check[0] ^= 1;
    ASSERT_OK_AND_ASSIGN(const auto session, WriteSession::Begin(*writer.repository, *index, writer.context.job, {}));
    ASSERT_OK(session->AddSealedFrame(BlobKind::kData, frames.front().session, entry, sealed));
    ASSERT_OK(session->End());
  }
  Machine machine(memory_, 2);
  ASSERT_OK_AND_ASSIGN(const RepairReport report, RepairAllPacks(machine));
  EXPECT_EQ(report.packs_salvaged, 1u);
  Machine after(memory_, 3);
  EXPECT_EQ(after.Damages(), 0u);
  EXPECT_TRUE(after.Read(id_) == files_);
}

TEST_F(RepairTest, APackThatCouldNotBeReadIsLeftAndTheOthersAreRepaired) {
  Machine writer(memory_, 5);
  files_["more"] = RandomText(3, 3'000);
  ASSERT_OK_AND_ASSIGN(const BackupReport second, writer.Backup(files_));
  const ObjectName unread = PackObjectName(BlobKind::kData, Packs(BlobKind::kData).at(0).pack);
  const ObjectName damaged = PackObjectName(BlobKind::kData, Packs(BlobKind::kData).at(1).pack);
  Flip(damaged, memory_.Contents().at(damaged.text()).size() - 1);  // all frames are good
  FaultStore store(memory_);
  Machine machine(store, 2);
  store.FailWhere([&](const StoreCall& call) { return call.name == unread.text(); },
                  Error(ErrorCode::kIo, "the disk is slow"));
  EXPECT_THAT(RepairAllPacks(machine), ErrorIs(ErrorCode::kIo, HasSubstr(unread.text())));
  Machine after(memory_, 4);
  EXPECT_EQ(after.Damages(), 0u);
  EXPECT_TRUE(after.Read(*second.id) == files_);
}

// --- snapshots ---

// A snapshot of a folder with one file, of which `change` makes what it likes. Its data blobs are put.
SnapshotId CommitOne(Machine& machine, const std::function<void(BlobSink&, Node&, SnapshotItem&)>& change,
                     const std::vector<Digest>& heads = {}) {
  auto index = machine.repository->LoadIndex(machine.context.job).value();
  auto session = WriteSession::Begin(*machine.repository, *index, machine.context.job, {}).value();
  const auto writer = session->NewBlobWriter(1 << 20);
  SnapshotInner inner;
  inner.host = ToBytes(AsBytes("machine"));
  SnapshotItem item;
  item.name = "files";
  Node node;
  node.name = ToBytes(AsBytes("file"));
  node.content = Content();
  change(*writer, node, item);
  DirectoryBuilder builder(*writer);
  EXPECT_OK(builder.Add(std::move(node)));
  item.root = builder.Finish().value().root;
  inner.items.push_back(item);
  EXPECT_OK(writer->Finish());
  const auto set = LoadSnapshots(*machine.repository, machine.context.job, {}).value();
  const SlotHeads own = HeadsOfSlot(set, machine.repository->keyring().slot());
  return session->Commit(inner, heads.empty() ? own.heads : heads, own.counter_next).value();
}

TEST_F(RepairTest, ALostCommandLineIsNamedAndDropped) {
  const std::set<std::string> before = [&] {
    std::set<std::string> names;
    for (const ParsedName& pack : Packs(BlobKind::kData)) names.insert(pack.pack.ToString());
    return names;
  }();
  Machine machine(memory_, 2);
  const SnapshotId broken = CommitOne(machine, [](BlobSink& sink, Node&, SnapshotItem& item) {
    const std::string text = "pg_dumpall";
    item.command_line = BlobReference{sink.AddBlob(BlobKind::kData, AsBytes(text)).value(), 10};
  });
  for (const ParsedName& pack : Packs(BlobKind::kData)) {
    if (!before.contains(pack.pack.ToString())) {
      ASSERT_OK(memory_.Remove(PackObjectName(BlobKind::kData, pack.pack)));
    }
  }
  ASSERT_OK(RepairIndex(machine.context.job, *machine.repository, {.drop_missing = true}, {}));
  ASSERT_OK_AND_ASSIGN(const RepairReport report,
                       RepairSnapshots(machine.context.job, *machine.repository, {.forget_broken = true}, Sink()));
  EXPECT_EQ(report.snapshots_rewritten, std::vector<SnapshotId>{broken});
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_THAT(told_.front(), HasSubstr("command line is lost"));
  Machine after(memory_, 3);
  EXPECT_EQ(after.Damages(), 0u);
}

// A prune has put a tombstone: by the protocol nothing new may refer to what is in that pack alone.
TEST_F(RepairTest, NothingIsRewrittenOntoAPackWithATombstone) {
  Machine machine(memory_, 2);
  Protocol protocol(*machine.repository, machine.context.job);
  const auto run = machine.context.random.NewId<SessionId>();
  ASSERT_OK(protocol.PutTombstone(Packs(BlobKind::kData).at(0).pack, BlobKind::kData, run));
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  RewriteOptions options;
  options.host = ToBytes(AsBytes("another"));
  EXPECT_THAT(RunRewrite(machine.context.job, *machine.repository, set.snapshots.at(0), options, {}),
              ErrorIs(ErrorCode::kBusy, HasSubstr("/file")));
  options.leave_out = [](const TreePath& path, const Node&) { return ToString(path) == "other"; };
  EXPECT_THAT(RunRewrite(machine.context.job, *machine.repository, set.snapshots.at(0), options, {}),
              ErrorCodeIs(ErrorCode::kBusy));
  ASSERT_OK(machine.Prune(0));  // it finishes the tombstone: what is needed has moved
  EXPECT_OK(RunRewrite(machine.context.job, *machine.repository, set.snapshots.at(0), options, {}));
  EXPECT_EQ(machine.Damages(), 0u);
}

TEST_F(RepairTest, NothingIsRepairedOntoAPackWithATombstone) {
  Machine machine(memory_, 2);
  const ObjectName kept = DataPack();
  files_["more"] = RandomText(3, 3'000);
  ASSERT_OK(machine.Backup(files_));
  for (const ParsedName& pack : Packs(BlobKind::kData)) {
    const ObjectName name = PackObjectName(BlobKind::kData, pack.pack);
    if (name != kept) {
      ASSERT_OK(memory_.Remove(name));
    }
  }
  ASSERT_OK(RepairIndex(machine.context.job, *machine.repository, {.drop_missing = true}, {}));
  Protocol protocol(*machine.repository, machine.context.job);
  const PackName tombstoned = ParseObjectName(kept.text()).pack;
  ASSERT_OK(protocol.PutTombstone(tombstoned, BlobKind::kData, machine.context.random.NewId<SessionId>()));
  EXPECT_THAT(RepairSnapshots(machine.context.job, *machine.repository, {}, {}), ErrorCodeIs(ErrorCode::kBusy));
}

// A later version's snapshot is there, and a head names it.
TEST_F(RepairTest, ASnapshotOfALaterVersionIsNotPutOnRecordAsLost) {
  const ObjectName name = SnapshotName(id_);
  ASSERT_TRUE(memory_.Damage(name, [](Bytes& bytes) { bytes.at(7) = 2; }));
  Machine machine(memory_, 2);
  CommitOne(machine, [](BlobSink&, Node&, SnapshotItem&) {}, {Sha256(memory_.Contents().at(name.text()))});
  Machine other(memory_, 3);
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*other.repository, other.context.job, {}));
  ASSERT_EQ(set.unexplained_records.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const RepairReport report,
                       RepairSnapshots(other.context.job, *other.repository, {.forget_broken = true}, {}));
  EXPECT_TRUE(report.losses_recorded.empty());
  EXPECT_TRUE(report.set_aside.empty());
}

}  // namespace
}  // namespace cairn
