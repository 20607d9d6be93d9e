#include "frontends/export/pgdump_toc.h"

#include <gtest/gtest.h>

#include <limits>

namespace cairn::exports {
namespace {

PgdumpToc Example(uint8_t minor) {
  PgdumpToc toc;
  toc.minor = minor;
  toc.time = {26, 19, 3, 22, 10, 126, 0};
  toc.database = "shop";
  toc.server_version = "15.18";
  PgdumpEntry table;
  table.id = 217;
  table.catalog = "1259";
  table.oid = "16396";
  table.tag = "Odd T";
  table.kind = "TABLE";
  table.section = kSectionPreData;
  table.definition = "CREATE TABLE public.\"Odd T\" ();\n";
  table.drop = "";
  table.schema = "public";
  table.relation_kind = minor >= 16 ? 'r' : 0;
  table.dependencies = {3, 900};
  toc.entries = {table};
  return toc;
}

ErrorCode ErrorOf(ByteSpan bytes) {
  const auto toc = PgdumpToc::Parse(bytes);
  EXPECT_FALSE(toc);
  return toc ? ErrorCode::kIo : toc.error().code();
}

TEST(PgdumpToc, ParseIsTheInverseOfEncode) {
  for (const uint8_t minor : {14, 15, 16}) {
    const Bytes bytes = Example(minor).EncodeCustom(false, nullptr);
    const auto toc = PgdumpToc::Parse(bytes);
    ASSERT_TRUE(toc) << toc.error().message();
    EXPECT_TRUE(Equal(toc->EncodeCustom(false, nullptr), bytes));
    const PgdumpEntry& entry = toc->entries.at(0);
    EXPECT_EQ(entry.tag, "Odd T");
    EXPECT_EQ(entry.drop, "");
    EXPECT_EQ(entry.owner, std::nullopt);
    EXPECT_EQ(entry.dependencies, (std::vector<int>{3, 900}));
    EXPECT_EQ(toc->HighestId(), 900);
    EXPECT_EQ(toc->dump_version, std::nullopt);
  }
}

TEST(PgdumpToc, RejectsNumbersThatLeaveNoneAbove) {
  for (const int number : {std::numeric_limits<int>::max(), (1 << 30) + 1}) {
    PgdumpToc toc = Example(16);
    toc.entries[0].id = number;
    EXPECT_EQ(ErrorOf(toc.EncodeCustom(false, nullptr)), ErrorCode::kCorrupt);
    toc = Example(16);
    toc.entries[0].dependencies = {number};
    EXPECT_EQ(ErrorOf(toc.EncodeCustom(false, nullptr)), ErrorCode::kCorrupt);
  }
}

TEST(PgdumpToc, PlaceOfAnOffsetIsWhereItStands) {
  std::vector<uint64_t> places;
  Bytes bytes = Example(16).EncodeCustom(true, &places);
  const Bytes field = OffsetField(0x1234);
  ASSERT_EQ(places.size(), 1U);
  ASSERT_EQ(places[0] + field.size(), bytes.size()) << "the last entry ends with it";
  EXPECT_EQ(field, (Bytes{2, 0x34, 0x12, 0, 0, 0, 0, 0, 0}));
}

TEST(PgdumpToc, RejectsWhatIsCutShort) {
  const Bytes bytes = Example(15).EncodeCustom(false, nullptr);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteSpan(bytes).first(size)), ErrorCode::kCorrupt) << size;
  }
}

TEST(PgdumpToc, VersionsOfTomorrowAreUnsupportedAndNotCorrupt) {
  Bytes bytes = Example(16).EncodeCustom(false, nullptr);
  for (const auto& [place, value] : {std::pair<size_t, uint8_t>{5, 2}, {6, 17}, {6, 13}, {8, 8}, {9, 4}, {10, 3}}) {
    Bytes other = bytes;
    other[place] = value;
    EXPECT_EQ(ErrorOf(other), ErrorCode::kUnsupported) << place;
  }
  bytes[0] = 'X';
  EXPECT_EQ(ErrorOf(bytes), ErrorCode::kCorrupt);
}

TEST(PgdumpToc, RejectsEntriesThatCannotBe) {
  PgdumpToc toc = Example(14);
  toc.entries[0].has_data = true;
  EXPECT_EQ(ErrorOf(toc.EncodeCustom(false, nullptr)), ErrorCode::kCorrupt);
  toc = Example(14);
  toc.entries[0].id = 0;
  EXPECT_EQ(ErrorOf(toc.EncodeCustom(false, nullptr)), ErrorCode::kCorrupt);
  toc = Example(14);
  toc.entries.clear();
  Bytes bytes = toc.EncodeCustom(false, nullptr);
  bytes[bytes.size() - 2] = 0x7f;  // of the number of entries
  EXPECT_EQ(ErrorOf(bytes), ErrorCode::kCorrupt);
  bytes[bytes.size() - 2] = 0;
  bytes[bytes.size() - 4] = 1;
  bytes[bytes.size() - 5] = 1;  // -1 of them
  EXPECT_EQ(ErrorOf(bytes), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace cairn::exports
