#include "repo-format/snapshot.h"

#include "repo-format/limits.h"
#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

const auto kCorrupt = ErrorCodeIs(ErrorCode::kCorrupt);
const auto kUnsupported = ErrorCodeIs(ErrorCode::kUnsupported);

SnapshotOuter Outer() {
  SnapshotOuter outer;
  outer.counter = 7;
  outer.heads = {IdOf<Digest>(1), IdOf<Digest>(2)};
  outer.epoch = 3;
  outer.suite = Suite::kChaCha20Poly1305;
  outer.metadata_envelope = {kKemX25519, Bytes(80, 9)};
  outer.inner = Bytes(40, 8);
  return outer;
}

SnapshotInner Inner() {
  SnapshotInner inner;
  inner.host = Text("host\xFF");
  inner.user = Text("user");
  inner.start = {1'000, 1};
  inner.end = {-1'000, 999'999'999};
  inner.program = "cairn 1";
  inner.offset_minutes = -90;
  inner.zone = "Asia/Kathmandu";
  inner.snapshot_class = SnapshotClass::kSafety;
  SnapshotItem item;
  item.name = "files";
  item.root = IdOf<BlobId>(1);
  item.complete = false;
  item.paths = {Text("/home"), Text("/etc")};
  item.chunker = ChunkerSettings{SourceKind::kFiles, 2, 64, 128, 256};
  item.unread_nodes = 4;
  item.command_line = BlobReference{IdOf<BlobId>(2), 12};
  item.source_parameters = Text("");
  inner.items = {item, item};
  inner.items[1].name =
      "b\xc3\xbc"
      "cher";
  inner.parent = IdOf<SnapshotId>(1);
  inner.needs = {IdOf<SnapshotId>(2), IdOf<SnapshotId>(3)};
  inner.description = "said";
  inner.tags = {"a", "b"};
  inner.totals = {1, 2, 3, 4, 5, UINT64_MAX};
  inner.original = IdOf<SnapshotId>(4);
  return inner;
}

auto WithInner(const std::function<void(SnapshotInner&)>& change) { return Wrong<SnapshotInner>(Inner(), change); }
auto WithOuter(const std::function<void(SnapshotOuter&)>& change) { return Wrong<SnapshotOuter>(Outer(), change); }

TEST(SnapshotOuter, ComesBack) {
  ExpectRecords(Outer(), {1, 5, 7}, {3});
  const auto parsed = SnapshotOuter::Parse(Outer().Encode());
  EXPECT_EQ(parsed->counter, 7u);
  EXPECT_EQ(parsed->heads, Outer().heads);
  EXPECT_EQ(parsed->epoch, 3u);
  EXPECT_EQ(parsed->suite, Suite::kChaCha20Poly1305);
  EXPECT_EQ(parsed->metadata_envelope, Outer().metadata_envelope);
  EXPECT_EQ(parsed->inner, Outer().inner);
}

TEST(SnapshotOuter, RejectsWhatCannotBe) {
  EXPECT_THAT(WithOuter([](auto& o) { std::swap(o.heads[0], o.heads[1]); }), kCorrupt);
  EXPECT_THAT(WithOuter([](auto& o) { o.heads[1] = o.heads[0]; }), kCorrupt);
  EXPECT_THAT(WithOuter([](auto& o) { o.inner.resize(31); }), kCorrupt) << "less than salt and tag";
  EXPECT_THAT(WithOuter([](auto& o) { o.suite = static_cast<Suite>(3); }), kUnsupported);
  EXPECT_THAT(WithOuter([](auto& o) { o.metadata_envelope.kem = 0x4242; }), IsOk()) << "judged by who opens it";
}

TEST(SnapshotInner, ComesBack) {
  EXPECT_THAT(SnapshotInner::Parse(Inner().Encode()), IsOkAnd(Inner()));
  ExpectRecords(Inner(), {1, 3, 5, 7}, {9, 12, 16});
}

TEST(SnapshotInner, RejectsWhatCannotBe) {
  EXPECT_THAT(WithInner([](auto& i) { i.offset_minutes = 1'441; }), kCorrupt);
  EXPECT_THAT(WithInner([](auto& i) { i.offset_minutes = -1'440; }), IsOk());
  EXPECT_THAT(WithInner([](auto& i) { std::swap(i.tags[0], i.tags[1]); }), kCorrupt);
  EXPECT_THAT(WithInner([](auto& i) { i.tags[1] = i.tags[0]; }), kCorrupt);
  EXPECT_THAT(WithInner([](auto& i) { i.snapshot_class = static_cast<SnapshotClass>(5); }), kUnsupported);
  EXPECT_THAT(WithInner([](auto& i) {
                const SnapshotItem one = i.items[0];
                for (uint32_t n = 2; n <= limits::kItemsMax; ++n) {
                  i.items.push_back(one);
                  i.items.back().name = std::to_string(n);
                }
              }),
              ErrorIs(ErrorCode::kCorrupt, testing::HasSubstr("65536 items")));
}

TEST(SnapshotInner, RejectsItemsThatCannotBe) {
  EXPECT_THAT(WithInner([](auto& i) { i.items[0].kind = static_cast<ItemKind>(6); }), kUnsupported);
  EXPECT_THAT(WithInner([](auto& i) { i.items[0].unknown = {{9, {}}}; }), kUnsupported);
  EXPECT_THAT(WithInner([](auto& i) { i.items[0].unknown = {{12, Text("later")}}; }), IsOk());
  EXPECT_THAT(WithInner([](auto& i) { i.items[0].chunker->size_min = 300; }), kCorrupt) << "sizes that descend";
  EXPECT_THAT(WithInner([](auto& i) { i.items[0].command_line->length = 0; }), kCorrupt);
}

TEST(SnapshotInner, RejectsNamesOfItemsThatNoFolderCanHave) {
  const auto named = [](const std::string& name) {
    return WithInner([&](SnapshotInner& inner) { inner.items[0].name = name; });
  };
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("/"), std::string("a\0b", 3), std::string("\xff"), std::string("\xc3"),
                                  std::string("\xed\xa0\x80"), std::string(limits::kItemNameBytesMax + 1, 'x')}) {
    EXPECT_THAT(named(name), ErrorIs(ErrorCode::kCorrupt, testing::HasSubstr("is no name of an item"))) << name;
  }
  for (const std::string& name : {std::string("..."), std::string("a b"), std::string("\xe2\x82\xac"),
                                  std::string(limits::kItemNameBytesMax, 'x')}) {
    EXPECT_THAT(named(name), IsOk()) << name;
  }
}

TEST(SnapshotInner, RejectsTwoItemsOfOneName) {
  EXPECT_THAT(WithInner([](auto& i) { i.items[1].name = i.items[0].name; }),
              ErrorIs(ErrorCode::kCorrupt, testing::HasSubstr("two items have the name \"files\"")));
}

TEST(SnapshotInner, TheOnlyItemIsAtTheRootAndOthersInFoldersOfTheirNames) {
  SnapshotInner inner = Inner();
  EXPECT_EQ(inner.PlaceOf(inner.items[0]), Text("files"));
  inner.items.resize(1);
  EXPECT_EQ(inner.PlaceOf(inner.items[0]), TreePath());
}

}  // namespace
}  // namespace cairn::format_test
