// Who holds a writer's key publishes a segment that says of a good pack what is not so. What it hides is told, nothing
// is removed on its word, and a repair brings everything back.
#include <gtest/gtest.h>

#include "engine/jobs/check.h"
#include "engine/jobs/repair.h"
#include "engine/jobs/segment_merge.h"
#include "engine/pack/pack_reader.h"
#include "engine/repo/protocol.h"
#include "engine/repo/write_session.h"
#include "tests/protocol/shared_repository.h"

namespace cairn {
namespace {

class LyingSegment : public SharedRepository {
 protected:
  LyingSegment() {
    files_["file"] = RandomText(1, 3'000);
    Machine machine(memory_, 1);
    const auto report = machine.Backup(files_);
    EXPECT_TRUE(report);
    id_ = *report->id;
  }

  // Replaces each segment by one that leaves out the first blob of each data pack.
  void Lie() {
    Machine liar(memory_, 2);
    Protocol protocol(*liar.repository, liar.context.job, {});
    const auto ids = protocol.ListSegments();
    ASSERT_TRUE(ids);
    for (const SegmentId& id : *ids) {
      auto segment = liar.repository->LoadSegment(id);
      ASSERT_TRUE(segment);
      for (SegmentPack& pack : segment->packs) {
        if (pack.kind != BlobKind::kData) continue;
        FrameEntry& frame = pack.frames.front();
        frame.blobs.front().id = BlobId::FromBytes(Bytes(BlobId::kSize, 7));
      }
      ASSERT_TRUE(protocol.PutSegment(*segment));
      if (!keep_the_right_ones_) {
        ASSERT_TRUE(protocol.RemoveSegment(id));
      }
    }
  }

  std::vector<Finding> Check() {
    std::vector<Finding> findings;
    Machine machine(memory_, 3);
    EXPECT_TRUE(RunCheck(machine.context.job, *machine.repository, {.data = CheckOptions::Data::kAll},
                         [&](const Finding& finding) { findings.push_back(finding); }));
    return findings;
  }

  MemoryFiles files_;
  SnapshotId id_;
  bool keep_the_right_ones_ = false;
};

TEST_F(LyingSegment, IsToldAndRepaired) {
  Lie();
  const auto findings = Check();
  EXPECT_TRUE(std::ranges::any_of(findings, [](const Finding& f) { return f.object.starts_with("blob "); }));
  EXPECT_TRUE(std::ranges::any_of(findings, [](const Finding& f) { return f.object.starts_with("data/"); }));
  Machine machine(memory_, 4);
  const auto repaired = RepairIndex(machine.context.job, *machine.repository, {}, {});
  ASSERT_TRUE(repaired) << repaired.error().message();
  EXPECT_EQ(CountOf("trash/index-"), 1u);
  EXPECT_TRUE(Check().empty());
  Machine after(memory_, 5);
  EXPECT_TRUE(after.Read(id_) == files_);
}

TEST_F(LyingSegment, NothingIsRemovedOnItsWord) {
  Machine writer(memory_, 6);
  MemoryFiles more = files_;
  more["more"] = RandomText(2, 3'000);
  const auto second = writer.Backup(more);
  ASSERT_TRUE(second);
  Lie();
  const uint64_t packs = CountOf("data/");
  Machine pruner(memory_, 4);
  ASSERT_TRUE(pruner.ForgetAll());  // by the index's word every pack is dead now
  const auto pruned = pruner.Prune(0);
  ASSERT_TRUE(pruned) << pruned.error().message();
  EXPECT_EQ(CountOf("data/"), packs) << "its entry and its directory differ";
  Machine repairer(memory_, 5);
  ASSERT_TRUE(RepairIndex(repairer.context.job, *repairer.repository, {}, {}));
  ASSERT_TRUE(repairer.Prune(0));
  EXPECT_EQ(CountOf("data/"), 0u) << "dead, and now known to be";
}

TEST_F(LyingSegment, RepairOfPacksDoesNotSalvageByAWrongEntry) {
  Lie();
  Machine machine(memory_, 4);
  const auto repaired = RepairPacks(machine.context.job, *machine.repository, {}, false, {});
  ASSERT_FALSE(repaired);
  EXPECT_NE(repaired.error().message().find("repair index"), std::string::npos) << repaired.error().message();
}

TEST_F(LyingSegment, IsNotMergedWithTheRightOnes) {
  keep_the_right_ones_ = true;
  Lie();
  Machine writer(memory_, 6);
  for (uint32_t i = 0; i < 20; ++i) {
    files_["more"] = RandomText(100 + i, 2'000);
    const auto report = writer.Backup(files_);
    ASSERT_TRUE(report);
    id_ = *report->id;
  }
  Protocol protocol(*writer.repository, writer.context.job, {});
  const uint64_t before = CountOf("index/");
  const auto merged =
      MergeSegments(writer.context.job, *writer.repository, protocol, writer.context.random.NewId<SessionId>(), {}, {});
  ASSERT_TRUE(merged) << merged.error().message();
  EXPECT_EQ(merged->covered, before - 1) << "all but one of the two that contradict each other";
  EXPECT_EQ(CountOf("index/"), 2u);
  Machine repairer(memory_, 7);
  ASSERT_TRUE(RepairIndex(repairer.context.job, *repairer.repository, {}, {}));
  EXPECT_GE(CountOf("trash/index-"), 1u);
  EXPECT_TRUE(Check().empty());
  Machine after(memory_, 8);
  EXPECT_TRUE(after.Read(id_) == files_);
}

// A pack whose directory and segment agree, and name a blob that is not what they say.
TEST(LyingPack, IsNotRescuedInPlaceOfTheRightOne) {
  for (uint64_t seed = 1, tries = 0; tries < 4; ++seed) {
    ASSERT_LT(seed, 60u);
    MemoryStore memory;
    InitForTests(memory);
    const MemoryFiles files{{"file", RandomText(1, 3'000)}};
    Machine other(memory, 100 + seed);
    const auto first = other.Backup(files);
    ASSERT_TRUE(first);

    // The liar stores something of the same length, and puts its frame once more under the id of the file's blob.
    Machine liar(memory, 200 + seed);
    const auto own = liar.Backup({{"own", RandomText(2, 3'000)}});
    ASSERT_TRUE(own);
    const auto index = liar.repository->LoadIndex(liar.context.job);
    ASSERT_TRUE(index);
    std::vector<IndexedPack> data;
    for (const IndexedPack& pack : (*index)->Packs()) {
      if (pack.kind == BlobKind::kData) data.push_back(pack);
    }
    ASSERT_EQ(data.size(), 2u);
    const auto number_of = [&](const IndexedPack& pack) { return (*index)->Frames(pack.number)->front(); };
    const bool swapped = number_of(data[0]).session.session == SessionId::FromBytes(own->id->bytes());
    const IndexedPack& right = data[swapped ? 1 : 0];
    const IndexedPack& lie = data[swapped ? 0 : 1];
    const IndexedFrame frame = number_of(lie);
    const auto sealed = ReadFrame(memory, BlobKind::kData, lie.name, frame.offset, *frame.entry);
    ASSERT_TRUE(sealed);
    FrameEntry entry = *frame.entry;
    entry.blobs.front().id = number_of(right).entry->blobs.front().id;
    const auto session = WriteSession::Begin(*liar.repository, **index, liar.context.job,
                                             {.purpose = SessionPurpose::kMaintenance, .compression = {}});
    ASSERT_TRUE(session);
    ASSERT_TRUE((*session)->AddSealedFrame(BlobKind::kData, frame.session, entry, *sealed));
    ASSERT_TRUE((*session)->End());
    ASSERT_TRUE(other.Forget({*own->id}));
    PackName garbage;
    for (const IndexedPack& pack : (*index)->Packs()) {
      if (pack.kind == BlobKind::kData && pack.name != right.name && pack.name != lie.name) garbage = pack.name;
    }
    if (!(garbage < right.name)) continue;  // else the right one would be preferred anyway
    ++tries;

    FaultStore store(memory);
    Machine writer(store, 300 + seed);
    const InsideCall prune(store, IsCommit, [&] {
      ASSERT_TRUE(other.ForgetAll());
      ASSERT_TRUE(other.Prune(kNever));  // both have tombstones now, and the writer reuses one of them
    });
    const auto report = writer.Backup(files);
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_TRUE(prune.ran());
    const auto after = other.Prune(kNever);
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(after->packs_waiting, 0u);
    Machine reader(memory, 400 + seed);
    EXPECT_TRUE(reader.Read(*report->id) == files) << "seed " << seed;
  }
}

// A segment of a pack of its own that gives another machine's session another envelope.
TEST(LyingSession, DoesNotGetItsEnvelopeIntoAMerge) {
  MemoryStore memory;
  InitForTests(memory);
  Machine writer(memory, 1);
  MemoryFiles files;
  SnapshotId id;
  for (uint32_t i = 0; i < 12; ++i) {
    files["file" + std::to_string(i)] = RandomText(i, 2'000);
    const auto report = writer.Backup(files);
    ASSERT_TRUE(report);
    id = *report->id;
  }
  Machine liar(memory, 2);
  Protocol protocol(*liar.repository, liar.context.job);
  const auto ids = protocol.ListSegments();
  ASSERT_TRUE(ids && ids->size() > 10);
  for (const SegmentId& one : *ids) {
    auto segment = liar.repository->LoadSegment(one);
    ASSERT_TRUE(segment);
    if (segment->packs.empty()) continue;
    IndexSegment lie = *segment;
    for (SegmentPack& pack : lie.packs) pack.name.digest = liar.context.random.NewId<Digest>();
    for (SegmentSession& session : lie.sessions) {
      if (session.content) session.content->sealed.back() ^= 1;
      if (session.metadata) session.metadata->sealed.back() ^= 1;
    }
    ASSERT_TRUE(protocol.PutSegment(lie));
  }
  ASSERT_TRUE(MergeSegments(writer.context.job, *writer.repository, protocol, writer.context.random.NewId<SessionId>(),
                            {}, {}));
  Machine reader(memory, 3);
  EXPECT_TRUE(reader.Read(id) == files);
}

}  // namespace
}  // namespace cairn
