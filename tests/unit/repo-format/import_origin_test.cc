#include "repo-format/import_origin.h"

#include <gtest/gtest.h>

#include "repo-format/files_parameters.h"
#include "repo-format/wire_writer.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

ImportOrigin Full() {
  ImportOrigin origin;
  origin.fingerprint.mutable_bytes()[0] = 7;
  origin.path = ToBytes(AsBytes("/mnt/nas/shop_20260102.sql.gz"));
  origin.size = 1'000'000;
  origin.modified = WireTime{1'700'000'000, 5};
  origin.written_time = "2026-01-02";
  origin.format = "pg_dump, gzip";
  return origin;
}

TEST(ImportOrigin, ComesBack) {
  ImportOrigin least;
  EXPECT_EQ(ImportOrigin::Parse(least.Encode()).value(), least);
  ImportOrigin full = Full();
  full.unknown = {{20, {1, 2}}};
  EXPECT_EQ(ImportOrigin::Parse(full.Encode()).value(), full);
}

TEST(ImportOrigin, RejectsWhatIsWrong) {
  EXPECT_THAT(ImportOrigin::Parse(Bytes()), ErrorCodeIs(ErrorCode::kCorrupt)) << "no fingerprint";
  RecordWriter less;
  less.Add(1, Bytes(31, 0));
  EXPECT_THAT(ImportOrigin::Parse(std::move(less).Take()), ErrorCodeIs(ErrorCode::kCorrupt));
  RecordWriter more;
  more.Add(1, Bytes(33, 0));
  EXPECT_THAT(ImportOrigin::Parse(std::move(more).Take()), ErrorCodeIs(ErrorCode::kCorrupt));
  RecordWriter critical;
  critical.Add(1, Bytes(32, 0));
  critical.AddU8(3, 0);
  EXPECT_THAT(ImportOrigin::Parse(std::move(critical).Take()), ErrorCodeIs(ErrorCode::kUnsupported));
}

TEST(ImportOrigin, StandsInTheSourceParametersOfEveryKind) {
  for (const ItemKind kind : {ItemKind::kFiles, ItemKind::kStream, ItemKind::kSqlite}) {
    SnapshotItem item;
    item.kind = kind;
    EXPECT_FALSE(ImportOriginOf(item).has_value());
    item.source_parameters = ImportParameters(kind, Full());
    EXPECT_EQ(ImportOriginOf(item), Full());
  }
}

TEST(ImportOrigin, OfALaterVersionIsNoOrigin) {
  RecordWriter critical;
  critical.Add(1, Bytes(32, 0));
  critical.AddU8(3, 0);
  RecordWriter parameters;
  parameters.Add(ImportOrigin::kTag, std::move(critical).Take());
  SnapshotItem item;
  item.source_parameters = std::move(parameters).Take();
  EXPECT_FALSE(ImportOriginOf(item).has_value());
}

// A restore that deletes asks what was left out: of an import, nothing.
TEST(ImportOrigin, IsNoRuleThatIsNotKnown) {
  const auto parameters = FilesParameters::Parse(ImportParameters(ItemKind::kFiles, Full()));
  ASSERT_TRUE(parameters.has_value());
  EXPECT_TRUE(parameters.value().unknown.empty());
  EXPECT_EQ(FilesParameters::Parse(parameters.value().Encode()).value(), parameters.value());
}

}  // namespace
}  // namespace cairn
