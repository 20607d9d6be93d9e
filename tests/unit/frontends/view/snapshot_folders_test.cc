#include "frontends/view/snapshot_folders.h"

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn::view {
namespace {

using testing::ElementsAre;

struct Said {
  int64_t seconds = 0;
  std::string host = "web1";
  std::vector<std::string> tags = {};
  std::vector<std::string> paths = {"/home"};
  SnapshotClass snapshot_class = SnapshotClass::kOrdinary;
};

ShownSnapshot Make(const SeededRandom& random, const Said& said) {
  auto snapshot = std::make_shared<LoadedSnapshot>();
  snapshot->id = random.NewId<SnapshotId>();
  snapshot->opened = true;
  snapshot->inner.start.seconds = said.seconds;
  snapshot->inner.host = ToBytes(AsBytes(said.host));
  snapshot->inner.snapshot_class = said.snapshot_class;
  snapshot->tags = said.tags;
  SnapshotItem item;
  item.name = "files";
  for (const std::string& path : said.paths) item.paths.push_back(ToBytes(AsBytes(path)));
  snapshot->inner.items.push_back(item);
  return snapshot;
}

std::vector<std::string> Names(const SnapshotFolders& folders, std::string_view path) {
  std::vector<std::string> names;
  const auto* folder = folders.Find(path);
  if (folder == nullptr) return {"(none)"};
  for (const auto& [name, entry] : folder->entries) names.push_back(name);
  return names;
}

class SnapshotFoldersTest : public testing::Test {
 protected:
  const SeededRandom random_{5};
  SnapshotNames names_{[](const WireTime& time) { return fmt::format("t{:03}", time.seconds); }};
};

TEST_F(SnapshotFoldersTest, ShowsEachSnapshotInEachOfItsFolders) {
  const std::vector<ShownSnapshot> all = {
      Make(random_, {.seconds = 1, .tags = {"daily"}}),
      Make(random_, {.seconds = 2, .host = "db", .tags = {"daily", "kept"}, .paths = {"/home/ann", "/etc"}})};
  const SnapshotFolders folders(all, names_);
  EXPECT_THAT(Names(folders, ""), ElementsAre("by-host", "by-id", "by-path", "by-tag", "by-time"));
  EXPECT_THAT(Names(folders, "by-time"), ElementsAre("latest", "t001", "t002"));
  EXPECT_THAT(Names(folders, "by-host"), ElementsAre("db", "web1"));
  EXPECT_THAT(Names(folders, "by-host/db"), ElementsAre("latest", "t002"));
  EXPECT_THAT(Names(folders, "by-tag/daily"), ElementsAre("latest", "t001", "t002"));
  EXPECT_THAT(Names(folders, "by-tag/kept"), ElementsAre("latest", "t002"));
  EXPECT_THAT(Names(folders, "by-path"), ElementsAre("etc", "home"));
  EXPECT_THAT(Names(folders, "by-path/home"), ElementsAre("ann", "latest", "t001"));
  EXPECT_THAT(Names(folders, "by-path/home/ann"), ElementsAre("latest", "t002"));
  EXPECT_EQ(Names(folders, "by-id").size(), 2);
  EXPECT_EQ(folders.Find("by-time")->entries.find("latest")->second.target, "t002");
  EXPECT_EQ(folders.Find("by-path/home")->entries.find("latest")->second.target, "t001");
  EXPECT_EQ(folders.Find("by-path/home")->modified.seconds, 2);  // of what is below
  EXPECT_EQ(folders.Find("by-host/web1")->modified.seconds, 1);
  EXPECT_EQ(folders.Find("by-host/none"), nullptr);
}

// A snapshot says of itself which paths it is of; a record of it may have megabytes.
TEST_F(SnapshotFoldersTest, MakesNoFoldersOfAPathThatIsLongerThanAny) {
  std::string endless;
  for (int i = 0; i < 2'500; ++i) endless += "/a";
  const SnapshotFolders folders({Make(random_, {.seconds = 1, .paths = {endless, "/etc"}})}, names_);
  EXPECT_THAT(Names(folders, "by-path"), ElementsAre("etc"));
  EXPECT_THAT(Names(folders, "by-time"), ElementsAre("latest", "t001"));
}

TEST_F(SnapshotFoldersTest, ASafetySnapshotIsNeverTheLatest) {
  const std::vector<ShownSnapshot> all = {Make(random_, {.seconds = 1}),
                                          Make(random_, {.seconds = 2, .snapshot_class = SnapshotClass::kSafety})};
  const SnapshotFolders folders(all, names_);
  EXPECT_THAT(Names(folders, "by-time"), ElementsAre("latest", "t001", "t002"));
  EXPECT_EQ(folders.Find("by-time")->entries.find("latest")->second.target, "t001");
}

TEST_F(SnapshotFoldersTest, ANameStaysAndIsNobodyElsesAfterwards) {
  const ShownSnapshot a = Make(random_, {.seconds = 7}), b = Make(random_, {.seconds = 7}),
                      c = Make(random_, {.seconds = 7});
  const SnapshotFolders both({a, b}, names_);
  EXPECT_EQ(both.Find("by-time")->entries.find("t007")->second.snapshot, a);
  const std::string of_b = "t007_" + b->id.Short();
  ASSERT_TRUE(both.Find("by-time")->entries.contains(of_b));
  const SnapshotFolders later({b, c}, names_);  // a was forgotten
  EXPECT_FALSE(later.Find("by-time")->entries.contains("t007"));
  EXPECT_EQ(later.Find("by-time")->entries.find(of_b)->second.snapshot, b);
  EXPECT_FALSE(later.Has(a->id));
  EXPECT_TRUE(later.Has(c->id));
}

TEST_F(SnapshotFoldersTest, NamesOfFoldersAreOneNameEach) {
  EXPECT_EQ(FolderName(AsBytes("web1.example")), "web1.example");
  EXPECT_EQ(FolderName(AsBytes("a/b%")), "a%2Fb%25");
  EXPECT_EQ(FolderName(AsBytes(std::string_view("a\0b", 3))), "a%00b");
  EXPECT_EQ(FolderName(AsBytes("..")), "%2E%2E");
  EXPECT_EQ(FolderName(ByteSpan()), "%");
  const std::vector<ShownSnapshot> all = {
      Make(random_, {.seconds = 1, .host = "a/b", .tags = {".."}, .paths = {"/", "//x/../y/"}})};
  const SnapshotFolders folders(all, names_);
  EXPECT_THAT(Names(folders, "by-host"), ElementsAre("a%2Fb"));
  EXPECT_THAT(Names(folders, "by-tag"), ElementsAre("%2E%2E"));
  EXPECT_THAT(Names(folders, "by-path"), ElementsAre("latest", "t001", "x"));
  EXPECT_THAT(Names(folders, "by-path/x/%2E%2E/y"), ElementsAre("latest", "t001"));
}

TEST_F(SnapshotFoldersTest, AFolderStandsWhereASnapshotWouldHaveItsName) {
  const std::vector<ShownSnapshot> all = {Make(random_, {.seconds = 1, .paths = {"/x", "/x/t001", "/x/latest"}})};
  const SnapshotFolders folders(all, names_);
  const auto& entries = folders.Find("by-path/x")->entries;
  EXPECT_EQ(entries.find("t001")->second.kind, SnapshotFolders::Kind::kFolder);
  EXPECT_EQ(entries.find("latest")->second.kind, SnapshotFolders::Kind::kFolder);
  EXPECT_TRUE(entries.contains("t001_" + all[0]->id.Short()));
}

TEST_F(SnapshotFoldersTest, TenThousandSnapshotsAreFoldersAtOnce) {
  std::vector<ShownSnapshot> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(Make(random_, {.seconds = i, .host = fmt::format("h{}", i % 50), .tags = {"a", "b"}}));
  }
  const auto begin = SystemClock().Steady();
  const SnapshotFolders folders(all, names_);
  EXPECT_LT(SystemClock().Steady() - begin, std::chrono::seconds(10));  // some 60 ms where nothing else runs
  EXPECT_EQ(folders.Find("by-time")->entries.size(), 10'001);
}

}  // namespace
}  // namespace cairn::view
