#include "frontends/view/view_tree.h"

#include <sys/sysmacros.h>

#include <cerrno>

#include "frontends/mount/inode_table.h"
#include "frontends/postgres/description.h"
#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::view {
namespace {

using mount::InodeTable;
using tree_test::Build;
using tree_test::File;
using tree_test::Folder;
using tree_test::Symlink;
using tree_test::Text;

// Blobs of a store that may be away; folders have been read before.
class AwayBlobs final : public BlobSource {
 public:
  explicit AwayBlobs(BlobSource& blobs) : blobs_(blobs) {}
  Result<std::shared_ptr<const Bytes>> ReadBlob(BlobKind kind, const BlobId& id) override {
    if (is_away && kind == BlobKind::kData) return Error(ErrorCode::kIo, "the store does not answer");
    return blobs_.ReadBlob(kind, id);
  }
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override {
    return blobs_.MetadataHash(label, parts);
  }
  bool is_away = true;

 private:
  BlobSource& blobs_;
};

Node LinkedFile(std::string_view name, uint8_t group) {
  Node node = File(name, 10);
  node.link_group = std::array<uint8_t, 8>{group};
  return node;
}

// Two snapshots of one item, and one of two items.
class ViewTreeTest : public testing::Test {
 protected:
  ViewTreeTest() {
    const Subtree inner = Build(blobs_, {LinkedFile("x", 1), LinkedFile("y", 2)});
    Node sparse = File("sparse", 100'000);
    Node odd = File("odd", 0);
    odd.attributes = {{Text("user.big"), std::nullopt, BlobReference{Blob("a long value"), 12}},
                      {Text("user.small"), Text("v"), std::nullopt}};
    odd.modified = {-5, 7};
    Node device = File("device");
    device.type = NodeType::kBlockDevice;
    device.content.reset();
    device.device = Device{8, 17};
    const Subtree root = Build(blobs_, {device, Folder("inner", inner), LinkedFile("l1", 1), LinkedFile("l2", 1),
                                        LinkedFile("l3", 1), odd, Symlink("s", "inner/x"), sparse});
    AddSnapshot({root.root});
    AddSnapshot({root.root, Build(blobs_, {File("app.db", 5)}).root});
    Renew();
  }

  BlobId Blob(std::string_view text) { return blobs_.AddBlob(BlobKind::kData, AsBytes(text)).value(); }
  void AddSnapshot(const std::vector<BlobId>& roots) {
    auto snapshot = std::make_shared<LoadedSnapshot>();
    snapshot->id = random_.NewId<SnapshotId>();
    snapshot->inner.start.seconds = static_cast<int64_t>(shown_.size()) + 1;
    snapshot->inner.host = Text("h");
    for (const BlobId& root : roots) {
      SnapshotItem item;
      item.name = snapshot->inner.items.empty() ? "files" : "app";
      item.root = root;
      snapshot->inner.items.push_back(item);
    }
    shown_.push_back(std::move(snapshot));
  }
  void Renew() { folders_ = std::make_shared<const SnapshotFolders>(shown_, names_); }

  std::optional<FoundPlace> TryAt(std::string_view path) {
    FoundPlace at{.name = {}, .place = ViewTree::Root()};
    for (std::string_view rest = path; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find('/'));
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
      auto found = tree_.Find(at.place, AsBytes(name));
      EXPECT_OK(found);
      if (!found || !*found) return std::nullopt;
      at = **found;
    }
    return at;
  }
  FoundPlace At(std::string_view path) {
    auto found = TryAt(path);
    EXPECT_TRUE(found) << path;
    return found.value_or(FoundPlace{});
  }
  std::vector<std::string> List(const Place& folder, Result<void>* end = nullptr) {
    std::vector<std::string> names;
    auto list = tree_.OpenFolder(folder);
    EXPECT_OK(list);
    for (;;) {
      auto found = (*list)->Next();
      if (!found && end != nullptr) *end = found.error();
      if (!found || !*found) return names;
      names.push_back(ToString((*found)->name));
      const auto again = tree_.Find(folder, (*found)->name);
      EXPECT_EQ((*found)->place.number, (*again)->place.number) << names.back();
    }
  }

  const SeededRandom random_{3};
  MemoryBlobs blobs_;
  std::vector<ShownSnapshot> shown_;
  SnapshotNames names_{[](const WireTime& time) { return fmt::format("t{}", time.seconds); }};
  std::shared_ptr<const SnapshotFolders> folders_;
  files::OwnerNames owners_;
  std::vector<Finding> findings_;
  ViewTree tree_{[this](ViewTree::Look) -> Result<std::shared_ptr<const SnapshotFolders>> { return folders_; },
                 blobs_,
                 owners_,
                 {.user = 12, .group = 13},
                 [this](const Finding& finding) { findings_.push_back(finding); }};
};

TEST_F(ViewTreeTest, ShowsFoldersOfSnapshotsAndTheirTrees) {
  EXPECT_THAT(List(ViewTree::Root()), testing::ElementsAre("by-host", "by-id", "by-path", "by-tag", "by-time"));
  EXPECT_THAT(List(At("by-time").place), testing::ElementsAre("latest", "t1", "t2"));
  EXPECT_THAT(List(At("by-time/t1").place),
              testing::ElementsAre("device", "inner", "l1", "l2", "l3", "odd", "s", "sparse"));
  EXPECT_THAT(List(At("by-time/t2").place), testing::ElementsAre("files", "app"));
  EXPECT_THAT(List(At("by-time/t2/files/inner").place), testing::ElementsAre("x", "y"));
  EXPECT_THAT(List(At("by-time/t2/app").place), testing::ElementsAre("app.db"));
  EXPECT_EQ(ToString(tree_.Target(At("by-time/latest").place).value()), "t2");
  EXPECT_EQ(At("by-id/" + shown_[0]->id.ToHex()).place.number, At("by-id/" + shown_[0]->id.Short()).place.number);
  EXPECT_FALSE(TryAt("by-time/t3"));
  EXPECT_FALSE(TryAt("by-time/t1/none"));
}

TEST_F(ViewTreeTest, ShowsWhatARestoreWouldGive) {
  const auto device = At("by-time/t1/device").status;
  EXPECT_EQ(device.st_mode, S_IFBLK | 0644);
  EXPECT_EQ(device.st_rdev, makedev(8, 17));
  const auto odd = At("by-time/t1/odd");
  EXPECT_EQ(odd.status.st_mtim.tv_sec, -5);
  EXPECT_EQ(odd.status.st_mtim.tv_nsec, 7);
  EXPECT_EQ(ToString(tree_.Attribute(odd.place, "user.big").value().value()), "a long value");
  EXPECT_EQ(ToString(tree_.Attribute(odd.place, "user.small").value().value()), "v");
  EXPECT_EQ(tree_.Attribute(odd.place, "user.none").value(), std::nullopt);
  const auto sparse = At("by-time/t1/sparse").status;
  EXPECT_EQ(sparse.st_size, 100'000);
  EXPECT_EQ(sparse.st_blocks, 0);
  const auto link = At("by-time/t1/s");
  EXPECT_EQ(link.status.st_size, 7);
  EXPECT_EQ(ToString(tree_.Target(link.place).value()), "inner/x");
  EXPECT_EQ(At("by-time").status.st_uid, 12);
}

TEST_F(ViewTreeTest, HardLinksAreOneInodeWithinTheirTree) {
  const auto l1 = At("by-time/t1/l1"), l2 = At("by-time/t1/l2"), x = At("by-time/t1/inner/x"),
             y = At("by-time/t1/inner/y");
  EXPECT_EQ(l1.place.number, l2.place.number);
  EXPECT_EQ(l1.place.number, x.place.number);
  EXPECT_EQ(l1.place.check, x.place.check);
  EXPECT_NE(l1.place.number, y.place.number);
  EXPECT_EQ(l1.status.st_nlink, 4);
  EXPECT_EQ(y.status.st_nlink, 1);
  EXPECT_NE(At("by-id/" + shown_[0]->id.Short() + "/l1").place.number, l1.place.number);
  EXPECT_NE(At("by-time/t2/files/l1").place.number, l1.place.number);
  EXPECT_EQ(At("by-time/t1/l2").place.number, l1.place.number);  // also when it is asked again
}

TEST_F(ViewTreeTest, WhoDoesNotAskForCountsReadsFoldersAlone) {
  ViewTree tree([this](ViewTree::Look) -> Result<std::shared_ptr<const SnapshotFolders>> { return folders_; }, blobs_,
                owners_, {.counts = false}, {});
  const auto read_for = [&](ViewTree& asked) {
    const uint64_t before = blobs_.reads();
    auto list = asked.OpenFolder(At("by-time/t1").place);
    for (;;) {
      const auto found = (*list)->Next();
      if (!found || !*found) return blobs_.reads() - before;
    }
  };
  EXPECT_EQ(read_for(tree), 1);
  EXPECT_GT(read_for(tree_), 1);
}

TEST_F(ViewTreeTest, AFolderThatIsDamagedIsToldAndTheRestIsShown) {
  std::vector<Node> many = tree_test::NumberedFiles(2000);
  const Subtree root = Build(blobs_, many);
  DirectoryBlob top = DirectoryBlob::Parse(**blobs_.ReadBlob(BlobKind::kMetadata, root.root)).value();
  ASSERT_GT(top.children.size(), 3);
  blobs_.Remove(top.children[1].id);
  AddSnapshot({root.root});
  Renew();
  Result<void> end;
  std::vector<std::string> names;
  auto list = tree_.OpenFolder(At("by-time/t3").place);
  for (;;) {
    auto found = (*list)->Next();
    if (!found) end = found.error();
    if (!found || !*found) break;
    names.push_back(ToString((*found)->name));
  }
  EXPECT_FALSE(end);
  EXPECT_EQ(names.size(), 2000 - top.children[1].leaf_entries);
  EXPECT_EQ(names.back(), tree_test::Numbered(1999));
}

TEST_F(ViewTreeTest, TheRootIsThereBeforeAnySnapshotIsLoaded) {
  ViewTree tree(
      [](ViewTree::Look look) -> Result<std::shared_ptr<const SnapshotFolders>> {
        if (look != ViewTree::Look::kAtOnce) return Error(ErrorCode::kBusy, "this would wait");
        return std::shared_ptr<const SnapshotFolders>();
      },
      blobs_, owners_, {.opened = {99, 0}}, {});
  EXPECT_EQ(tree.Status(ViewTree::Root())->st_mtim.tv_sec, 99);
  const auto found = tree.Find(ViewTree::Root(), AsBytes("by-time")).value();
  ASSERT_TRUE(found);
  EXPECT_OK(tree.Status(found->place));
  EXPECT_OK(tree.OpenFolder(ViewTree::Root()));
  EXPECT_FALSE(tree.OpenFolder(found->place));
}

TEST_F(ViewTreeTest, DamageIsToldOnceAndWhatWasForgottenIsStale) {
  const Place place = At("by-time/t1/odd").place;
  const Error lost = Corrupt("blob is gone");
  EXPECT_EQ(tree_.Judge(place, "/odd", lost).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(tree_.Judge(place, "/odd", lost).system_errno(), 0);
  ASSERT_EQ(findings_.size(), 1);
  EXPECT_EQ(findings_[0].object, "/odd");
  shown_.erase(shown_.begin());
  Renew();
  EXPECT_EQ(tree_.Judge(place, "/odd", Corrupt("another blob is gone")).system_errno(), ESTALE);
  ASSERT_EQ(findings_.size(), 2);
  EXPECT_EQ(findings_[1].severity, Finding::Severity::kWarning);
  EXPECT_FALSE(TryAt("by-time/t1"));
}

class ViewedDatabase : public ViewTreeTest {
 protected:
  ViewedDatabase() {
    postgres::DatabaseDescription description;
    description.server_version = 150000;
    description.has_schema = false;
    description.sequences = {{.name = {"public", "s"}, .last_value = 5}};
    const std::string text = description.Encode();
    description_ = Blob(text);
    Node file = File(postgres::kDescriptionFile);
    file.size = text.size();
    file.content->entries.push_back(tree_test::Blob(description_, text.size()));
    AddSnapshot({Build(blobs_, {file}).root});
    auto snapshot = std::make_shared<LoadedSnapshot>(*shown_.back());
    snapshot->inner.items[0].kind = ItemKind::kPostgres;
    shown_.back() = snapshot;
    Renew();
    database_ = At("by-time/t3").place;
  }
  Result<std::optional<FoundPlace>> Find(std::string_view name) { return away_tree_.Find(database_, AsBytes(name)); }

  BlobId description_;
  Place database_;
  AwayBlobs away_{blobs_};
  ViewTree away_tree_{[this](ViewTree::Look) -> Result<std::shared_ptr<const SnapshotFolders>> { return folders_; },
                      away_,
                      owners_,
                      {},
                      [this](const Finding& finding) { findings_.push_back(finding); }};
};

TEST_F(ViewedDatabase, WhatCannotBeReadNowIsNotAbsent) {
  EXPECT_THAT(Find("sequences.sql"), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(away_tree_.OpenFolder(database_), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_TRUE(Find("database.json").value());  // known without it
  away_.is_away = false;
  EXPECT_TRUE(Find("sequences.sql").value());
  EXPECT_FALSE(Find("none.sql").value());
  EXPECT_OK(away_tree_.OpenFolder(database_));
}

TEST_F(ViewedDatabase, ADescriptionThatIsDamagedIsToldAndTheRestIsShown) {
  away_.is_away = false;
  blobs_.Remove(description_);
  EXPECT_FALSE(Find("sequences.sql").value());
  ASSERT_EQ(findings_.size(), 1);
  EXPECT_EQ(findings_[0].severity, Finding::Severity::kDamage);
  EXPECT_OK(away_tree_.OpenFolder(database_));
  EXPECT_TRUE(Find("database.json").value());
  EXPECT_EQ(findings_.size(), 1);
}

TEST_F(ViewTreeTest, AllIsRootsWhereThatIsAskedFor) {
  ViewTree tree([this](ViewTree::Look) -> Result<std::shared_ptr<const SnapshotFolders>> { return folders_; }, blobs_,
                owners_, {.user = 12, .owner_is_root = true}, {});
  const auto folder = tree.Find(ViewTree::Root(), AsBytes("by-time")).value().value();
  EXPECT_EQ(folder.status.st_uid, 0);
}

TEST_F(ViewTreeTest, TheTableKnowsWhatTheKernelDoes) {
  InodeTable table(ViewTree::Root());
  const auto folder = At("by-time"), root = At("by-time/t2"), files = At("by-time/t2/files"),
             l1 = At("by-time/t2/files/l1"), l2 = At("by-time/t2/files/l2");
  const uint64_t folder_number = table.Remember(folder.place, 1);
  const uint64_t root_number = table.Remember(root.place, folder_number);
  const uint64_t files_number = table.Remember(files.place, root_number);
  const uint64_t number = table.Remember(l1.place, files_number);
  EXPECT_EQ(number, l1.status.st_ino);
  EXPECT_EQ(table.Remember(l2.place, files_number), number);
  EXPECT_EQ(table.size(), 5);
  EXPECT_EQ(table.PathOf(number), "/by-time/" + shown_[1]->id.Short() + "/files/l1");
  EXPECT_EQ(table.ParentOf(number), files_number);
  table.Forget(number, 1);
  EXPECT_TRUE(table.Find(number));
  table.Forget(number, 1);
  EXPECT_FALSE(table.Find(number));
  table.Forget(1, 100);
  EXPECT_TRUE(table.Find(1));
  table.Forget(files_number, 1);
  EXPECT_EQ(table.size(), 3);
}

TEST_F(ViewTreeTest, TwoPlacesOfOneNumberAreTwo) {
  InodeTable table(ViewTree::Root());
  Place one = At("by-time/t1/odd").place, other = one;
  other.check = one.check + 1;
  other.name = Text("other");
  const uint64_t a = table.Remember(one, 1), b = table.Remember(other, 1);
  EXPECT_NE(a, b);
  EXPECT_EQ(table.Find(b)->name, Text("other"));
  EXPECT_EQ(table.Remember(other, 1), b);
}

TEST_F(ViewTreeTest, TheTableNamesTheOldestFilesBeyondItsBound) {
  InodeTable table(ViewTree::Root());
  table.Remember(At("by-time/t1/inner").place, 1);
  for (const std::string name : {"odd", "sparse", "s", "device"}) table.Remember(At("by-time/t1/" + name).place, 1);
  EXPECT_TRUE(table.OldestBeyond(6, 10).empty());
  auto oldest = table.OldestBeyond(4, 10);
  ASSERT_EQ(oldest.size(), 2);
  EXPECT_EQ(oldest[0].name, Text("odd"));
  EXPECT_EQ(oldest[1].name, Text("sparse"));
  oldest = table.OldestBeyond(0, 3);
  ASSERT_EQ(oldest.size(), 3);
  EXPECT_EQ(oldest[0].name, Text("s"));
  EXPECT_EQ(oldest[2].name, Text("odd"));
  EXPECT_EQ(table.OldestBeyond(0, 100).size(), 4);  // not the folder, which was asked for just now
}

TEST_F(ViewTreeTest, TheTableNamesFoldersThatNobodyAskedForInAWhile) {
  InodeTable table(ViewTree::Root());
  const Place used = At("by-time/t1/inner").place;
  Place idle = used;
  ++idle.number;
  idle.name = Text("idle");
  const uint64_t top = table.Remember(At("by-time").place, 1), root = table.Remember(At("by-time/t1").place, top);
  const uint64_t number = table.Remember(used, root);
  table.Remember(idle, root);
  for (uint64_t i = 1; i < InodeTable::kIdleRounds; ++i) {
    EXPECT_TRUE(table.OldestBeyond(0, 100).empty()) << i;
    EXPECT_TRUE(table.Find(number));
  }
  const auto oldest = table.OldestBeyond(0, 100);
  ASSERT_EQ(oldest.size(), 1);
  EXPECT_EQ(oldest[0].name, Text("idle"));
  EXPECT_EQ(oldest[0].parent, root);
  EXPECT_TRUE(table.OldestBeyond(5, 100).empty());  // there are no more than that
}

}  // namespace
}  // namespace cairn::view
