#include "engine/index/index_rows.h"

#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

using namespace index_rows;

// What is cut off anywhere, or has a byte too many, is damage.
template <class Parse>
void ExpectOnlyWhole(const Bytes& row, const Parse& parse) {
  EXPECT_TRUE(parse(row));
  for (size_t size = 0; size < row.size(); ++size) {
    const auto parsed = parse(ByteSpan(row).first(size));
    ASSERT_FALSE(parsed) << size;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kCorrupt);
  }
  Bytes longer = row;
  longer.push_back(0);
  EXPECT_FALSE(parse(longer));
}

TEST(IndexRows, PackRowComesBack) {
  const PackRow row{.name = Pack(5),
                    .kind = BlobKind::kMetadata,
                    .complete = true,
                    .size = uint64_t{1} << 30,
                    .frame_count = 300,
                    .blob_count = 70'000};
  const auto parsed = PackRow::Parse(row.Encode());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->name, row.name);
  EXPECT_EQ(parsed->kind, row.kind);
  EXPECT_TRUE(parsed->complete);
  EXPECT_EQ(parsed->size, row.size);
  EXPECT_EQ(parsed->frame_count, row.frame_count);
  EXPECT_EQ(parsed->blob_count, row.blob_count);
  ExpectOnlyWhole(row.Encode(), [](ByteSpan bytes) { return PackRow::Parse(bytes); });
}

TEST(IndexRows, FrameRowComesBack) {
  const FrameRow row{.offset = 1'000'000, .entry = Frame({{1, 2, 3}}, 2)};
  const auto parsed = FrameRow::Parse(row.Encode());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->offset, row.offset);
  EXPECT_EQ(parsed->entry, row.entry);
  ExpectOnlyWhole(row.Encode(), [](ByteSpan bytes) { return FrameRow::Parse(bytes); });
}

TEST(IndexRows, SegmentRowComesBack) {
  const SegmentRow row{
      .packs = {{Pack(1), {1, 2}}, {Pack(2), {3}}}, .removed = {Pack(3)}, .retired = {{Pack(4), 70'000}}};
  const auto parsed = SegmentRow::Parse(row.Encode());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->packs, row.packs);
  EXPECT_EQ(parsed->removed, row.removed);
  EXPECT_EQ(parsed->retired, row.retired);
  ExpectOnlyWhole(row.Encode(), [](ByteSpan bytes) { return SegmentRow::Parse(bytes); });
}

TEST(IndexRows, SessionsComeBack) {
  const std::vector<PackSession> sessions = SessionsForAdd(9);
  const auto parsed = ParseSessions(EncodeSessions(sessions));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, sessions);
  ExpectOnlyWhole(EncodeSessions(sessions), [](ByteSpan bytes) { return ParseSessions(bytes); });
}

TEST(IndexRows, BlobRowComesBackAndIsSortedByIdThenPack) {
  const BlobKey key = ToBlobKey(Blob(7), 0x01020304);
  const BlobValue value = ToBlobValue(UINT32_MAX, 65'534, 16 * 1024 * 1024);
  const auto parsed = ParseBlobRow(key, ByteSpan(value.bytes).first(value.size));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->id, Blob(7));
  EXPECT_EQ(parsed->place.pack, 0x01020304u);
  EXPECT_EQ(parsed->place.frame, UINT32_MAX);
  EXPECT_EQ(parsed->place.blob, 65'534u);
  EXPECT_EQ(parsed->place.length, 16u * 1024 * 1024);
  EXPECT_FALSE(ParseBlobRow(ByteSpan(key).first(35), ByteSpan(value.bytes).first(value.size)));
  EXPECT_FALSE(ParseBlobRow(key, ByteSpan(value.bytes).first(value.size - 1)));
  EXPECT_LT(ToBlobKey(Blob(7), 255), ToBlobKey(Blob(7), 256));
  EXPECT_LT(ToFrameKey(1, 0xffff), ToFrameKey(1, 0x10000));
  EXPECT_LT(ToFrameKey(255, kSessionsFrame), ToFrameKey(256, 0));
}

}  // namespace
}  // namespace cairn::index_test
