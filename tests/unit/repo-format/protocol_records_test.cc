#include "repo-format/protocol_records.h"

#include "repo-format/deleted_record.h"
#include "repo-format/note.h"
#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

const WireTime kTime{1'767'225'600, 5};
const auto kCorrupt = ErrorCodeIs(ErrorCode::kCorrupt);
const auto kUnsupported = ErrorCodeIs(ErrorCode::kUnsupported);

SessionRecord Session() {
  SessionRecord record;
  record.start = kTime;
  record.purpose = SessionPurpose::kMaintenance;
  record.features = 3;
  record.program = "cairn 1";
  record.host = Text("host");
  record.machine = IdOf<ObjectId>(4);
  record.process = 77;
  return record;
}

TEST(SessionRecord, ComesBack) {
  const auto parsed = SessionRecord::Parse(Session().Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->start, kTime);
  EXPECT_EQ(parsed->purpose, SessionPurpose::kMaintenance);
  EXPECT_EQ(parsed->features, 3u);
  EXPECT_EQ(parsed->program, "cairn 1");
  EXPECT_EQ(parsed->host, Text("host"));
  EXPECT_EQ(parsed->machine, IdOf<ObjectId>(4));
  EXPECT_EQ(parsed->process, 77u);
  ExpectRecords(Session(), {1, 3, 5});
}

TEST(SessionRecord, RefusesAPurposeThatItDoesNotKnow) {
  for (const int purpose : {0, 4}) {
    EXPECT_THAT(Wrong<SessionRecord>(Session(), [&](auto& r) { r.purpose = static_cast<SessionPurpose>(purpose); }),
                kUnsupported);
  }
}

TEST(MomentRecord, OfAnEndAndOfASignOfLife) {
  MomentRecord end;
  end.time = kTime;
  ExpectRecords(end, {1});
  EXPECT_EQ(MomentRecord::Parse(end.Encode())->number, 0u);
  MomentRecord sign = end;
  sign.number = 12;
  ExpectRecords(sign, {1});
  EXPECT_EQ(MomentRecord::Parse(sign.Encode())->number, 12u);
  RecordWriter zero;
  zero.AddTime(1, kTime);
  zero.AddV(3, 0);
  EXPECT_THAT(MomentRecord::Parse(std::move(zero).Take()), kCorrupt);
}

TEST(FenceRecord, ComesBackAndRefusesAReasonThatItDoesNotKnow) {
  FenceRecord fence;
  fence.reason = FenceReason::kForgotten;
  fence.by = IdOf<SessionId>(9);
  fence.time = kTime;
  ExpectRecords(fence, {1, 3});
  EXPECT_EQ(FenceRecord::Parse(fence.Encode())->reason, FenceReason::kForgotten);
  EXPECT_EQ(FenceRecord::Parse(fence.Encode())->by, IdOf<SessionId>(9));
  for (const int reason : {0, 3}) {
    EXPECT_THAT(Wrong<FenceRecord>(fence, [&](auto& r) { r.reason = static_cast<FenceReason>(reason); }), kUnsupported);
  }
}

TEST(TombstoneRecord, ComesBackAndRefusesAKindThatItDoesNotKnow) {
  TombstoneRecord tombstone;
  tombstone.pack = PackOf(3);
  tombstone.run = IdOf<SessionId>(4);
  tombstone.kind = BlobKind::kMetadata;
  tombstone.time = kTime;
  ExpectRecords(tombstone, {1, 3, 5, 7});
  const auto parsed = TombstoneRecord::Parse(tombstone.Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->pack, PackOf(3));
  EXPECT_EQ(parsed->run, IdOf<SessionId>(4));
  EXPECT_EQ(parsed->kind, BlobKind::kMetadata);
  for (const int kind : {0, 3}) {
    EXPECT_THAT(Wrong<TombstoneRecord>(tombstone, [&](auto& r) { r.kind = static_cast<BlobKind>(kind); }),
                kUnsupported);
  }
}

TEST(SeenListRecord, ComesBackAndItsListsAscend) {
  SeenListRecord seen;
  seen.runs = {IdOf<SessionId>(1), IdOf<SessionId>(2)};
  seen.sessions = {IdOf<SessionId>(3), IdOf<SessionId>(4)};
  seen.time = kTime;
  ExpectRecords(seen, {5}, {1, 3});
  EXPECT_THAT(Wrong<SeenListRecord>(seen, [](auto& r) { r.runs.clear(); }), kCorrupt) << "of no run";
  EXPECT_THAT(Wrong<SeenListRecord>(seen, [](auto& r) { r.sessions.clear(); }), IsOk());
  EXPECT_THAT(Wrong<SeenListRecord>(seen, [](auto& r) { std::swap(r.runs[0], r.runs[1]); }), kCorrupt);
  EXPECT_THAT(Wrong<SeenListRecord>(seen, [](auto& r) { r.sessions[1] = r.sessions[0]; }), kCorrupt);
}

TEST(NoteRecord, ComesBack) {
  NoteRecord note;
  note.snapshot = IdOf<SnapshotId>(1);
  note.counter = 5;
  note.time = kTime;
  note.tags_added = {"a", "b"};
  note.tags_removed = {"c"};
  note.description = "said";
  note.protect = true;
  note.sets_expiry = true;
  note.expiry = kTime;
  ExpectRecords(note, {1, 3, 5}, {2, 4});
  const auto parsed = NoteRecord::Parse(note.Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->tags_added, note.tags_added);
  EXPECT_EQ(parsed->tags_removed, note.tags_removed);
  EXPECT_EQ(parsed->description, "said");
  EXPECT_EQ(parsed->protect, true);
  EXPECT_EQ(parsed->expiry, kTime);
}

TEST(NoteRecord, TellsWhatItDoesNotSayFromWhatItTakesAway) {
  NoteRecord note;
  note.snapshot = IdOf<SnapshotId>(1);
  EXPECT_FALSE(NoteRecord::Parse(note.Encode())->protect.has_value());
  EXPECT_FALSE(NoteRecord::Parse(note.Encode())->sets_expiry);
  note.protect = false;
  note.sets_expiry = true;
  note.description = "";
  const auto parsed = NoteRecord::Parse(note.Encode());
  EXPECT_EQ(parsed->protect, false);
  EXPECT_TRUE(parsed->sets_expiry);
  EXPECT_FALSE(parsed->expiry.has_value());
  EXPECT_EQ(parsed->description, "");
}

TEST(ForgottenRecord, ComesBackAscendsAndNamesAtLeastOne) {
  ForgottenRecord record;
  record.time = kTime;
  record.snapshots = {{IdOf<SnapshotId>(1), IdOf<SlotId>(2), 3, IdOf<Digest>(4), ForgottenWhy::kForgotten},
                      {IdOf<SnapshotId>(2), IdOf<SlotId>(2), 4, IdOf<Digest>(5), ForgottenWhy::kLost}};
  ExpectRecords(record, {3}, {1});
  EXPECT_EQ(ForgottenRecord::Parse(record.Encode())->snapshots, record.snapshots);
  EXPECT_THAT(Wrong<ForgottenRecord>(record, [](auto& r) { r.snapshots.clear(); }), kCorrupt);
  EXPECT_THAT(Wrong<ForgottenRecord>(record, [](auto& r) { std::swap(r.snapshots[0], r.snapshots[1]); }), kCorrupt);
  EXPECT_THAT(Wrong<ForgottenRecord>(record, [](auto& r) { r.snapshots[1] = r.snapshots[0]; }), kCorrupt);
  EXPECT_THAT(Wrong<ForgottenRecord>(record, [](auto& r) { r.snapshots[0].why = static_cast<ForgottenWhy>(3); }),
              kUnsupported);
}

TEST(DeletedRecord, ComesBackAndIsKeptForAWhile) {
  DeletedRecord record;
  record.object = Text("a whole object");
  record.keep_seconds = 14 * 86'400;
  record.time = kTime;
  record.by = IdOf<SessionId>(3);
  ExpectRecords(record, {1, 3, 5, 7});
  const auto parsed = DeletedRecord::Parse(record.Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->object, record.object);
  EXPECT_EQ(parsed->keep_seconds, record.keep_seconds);
  EXPECT_EQ(parsed->time, kTime);
  EXPECT_EQ(parsed->by, record.by);
  EXPECT_THAT(Wrong<DeletedRecord>(record, [](auto& r) { r.keep_seconds = 0; }), kCorrupt);
  RecordWriter too_long;
  too_long.Add(1, Text("a"));
  too_long.AddV(3, uint64_t{UINT32_MAX} + 1);
  too_long.AddTime(5, kTime);
  too_long.Add(7, record.by.bytes());
  EXPECT_THAT(DeletedRecord::Parse(std::move(too_long).Take()), kCorrupt);
}

}  // namespace
}  // namespace cairn::format_test
