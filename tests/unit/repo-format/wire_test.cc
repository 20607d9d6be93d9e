#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

using testing::HasSubstr;

Bytes Of(std::initializer_list<uint8_t> bytes) { return bytes; }

TEST(Wire, NumbersComeBack) {
  WireWriter writer;
  writer.U8(0xAB);
  writer.U16(0x1234);
  writer.U32(0x12345678);
  writer.U64(UINT64_MAX - 1);
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35, UINT64_MAX})
    writer.V(value);
  for (const int64_t seconds : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN}) writer.Time({seconds, 999'999'999});
  WireReader reader(writer.bytes(), "test");
  EXPECT_EQ(reader.U8(), 0xAB);
  EXPECT_EQ(reader.U16(), 0x1234);
  EXPECT_EQ(reader.U32(), 0x12345678u);
  EXPECT_EQ(reader.U64(), UINT64_MAX - 1);
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35, UINT64_MAX}) {
    EXPECT_EQ(reader.V(), value);
  }
  for (const int64_t seconds : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(reader.Time(), (WireTime{seconds, 999'999'999}));
  }
  EXPECT_THAT(reader.Finish(), IsOk());
}

TEST(Wire, NumbersAreLittleEndianAndVsAreLeb128) {
  WireWriter writer;
  writer.U32(0x01020304);
  writer.V(300);
  EXPECT_EQ(writer.bytes(), Of({4, 3, 2, 1, 0xAC, 0x02}));
}

TEST(Wire, AVHasOneForm) {
  for (const Bytes& wrong : {Of({0x80, 0x00}), Of({0xFF, 0x80, 0x00}), Of({0x80}), Of({}),
                             Of({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02}),
                             Of({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 0x01})}) {
    WireReader reader(wrong, "test");
    EXPECT_EQ(reader.V(), 0u) << ToHex(wrong);
    EXPECT_THAT(reader.status(), ErrorCodeIs(ErrorCode::kCorrupt)) << ToHex(wrong);
  }
}

TEST(Wire, ATimeHasFewerThanABillionNanoseconds) {
  WireWriter writer;
  writer.V(0);
  writer.V(1'000'000'000);
  WireReader reader(writer.bytes(), "test");
  EXPECT_EQ(reader.Time(), WireTime());
  EXPECT_THAT(reader.status(), ErrorIs(ErrorCode::kCorrupt, HasSubstr("1000000000 nanoseconds")));
}

TEST(Wire, AStringIsBoundedAndWhole) {
  const Bytes five = Of({5, 'h', 'e', 'l', 'l', 'o'});
  WireReader good(five, "test");
  EXPECT_EQ(AsText(good.String(5)), "hello");
  EXPECT_THAT(good.Finish(), IsOk());
  WireReader bounded(five, "test");
  bounded.String(4);
  EXPECT_THAT(bounded.status(), ErrorIs(ErrorCode::kCorrupt, HasSubstr("5 bytes, at most 4")));
  WireReader cut(ByteSpan(five).first(5), "test");
  cut.String(5);
  EXPECT_THAT(cut.status(), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(Wire, ACountFitsIntoWhatIsLeft) {
  const Bytes bytes = Of({3, 0, 0, 0, 0, 0, 0});  // three of two bytes each fit
  EXPECT_EQ(WireReader(bytes, "test").Count(2, 10), 3u);
  WireReader larger(bytes, "test");
  EXPECT_EQ(larger.Count(3, 10), 0u);
  EXPECT_THAT(larger.status(), ErrorIs(ErrorCode::kCorrupt, HasSubstr("only 6 bytes are left")));
  WireReader more(bytes, "test");
  EXPECT_EQ(more.Count(2, 2), 0u);
  EXPECT_THAT(more.status(), ErrorIs(ErrorCode::kCorrupt, HasSubstr("at most 2")));
}

TEST(Wire, AFailedReaderStaysFailed) {
  const Bytes bytes = Of({1, 2, 3});
  WireReader reader(bytes, "the thing");
  reader.U32();
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(reader.U8(), 0u);
  EXPECT_TRUE(reader.Raw(1).empty());
  EXPECT_EQ(reader.Get<SlotId>(), SlotId());
  EXPECT_THAT(reader.status(), ErrorIs(ErrorCode::kCorrupt, HasSubstr("the thing")));
}

TEST(Wire, LeftOverBytesAreCorrupt) {
  const Bytes bytes = Of({1, 2});
  WireReader reader(bytes, "test");
  reader.U8();
  EXPECT_THAT(reader.status(), IsOk());
  EXPECT_THAT(reader.Finish(), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(Records, ThoseThatAreNotKnownComeBetweenTheOthers) {
  RecordWriter writer;
  writer.Add(2, Text("b"));
  writer.Add(2, Text("a"));
  writer.AddU8(7, 1);
  writer.Add({{4, Text("unknown")}, {8, Bytes(200, 1)}});
  WireWriter expected;
  expected.Record(2, Text("b"));
  expected.Record(2, Text("a"));
  expected.Record(4, Text("unknown"));
  expected.Record(7, Of({1}));
  expected.Record(8, Bytes(200, 1));
  EXPECT_EQ(std::move(writer).Take(), expected.bytes());
}

TEST(Records, AValueIsReadToItsEnd) {
  WireWriter writer;
  writer.Record(2, Text("ab"));
  std::vector<UnknownRecord> unknown;
  const auto one_byte = [](uint64_t, WireReader& value) {
    value.U8();
    return true;
  };
  EXPECT_THAT(ReadRecords(
                  writer.bytes(), "test", unknown, [](uint64_t) { return false; }, one_byte),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("tag 2")));
}

}  // namespace
}  // namespace cairn::format_test
