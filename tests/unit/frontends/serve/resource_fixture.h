// Two snapshots, of which one has links of every kind and a folder and a file of several blobs.
#pragma once

#include <algorithm>

#include "frontends/serve/resource_tree.h"
#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::serve {

using tree_test::Build;
using tree_test::BuildList;
using tree_test::File;
using tree_test::Folder;
using tree_test::NumberedFiles;
using tree_test::Symlink;
using view::ShownSnapshot;
using view::SnapshotFolders;
using view::SnapshotNames;
using view::ViewTree;

class ResourceFixture : public testing::Test {
 protected:
  ResourceFixture() {
    Node fifo = File("fifo");
    fifo.type = NodeType::kFifo;
    fifo.content.reset();
    const Subtree d = Build(blobs_, {File("f", 7), Symlink("up", "../a b"), Symlink("way out", "../../x")});
    const Subtree root =
        Build(blobs_, {File("a b", 5), Symlink("abs", "/a b"), Folder("d", d), fifo, Symlink("gone", "none"),
                       Symlink("here", "."), Symlink("l1", "l2"), Symlink("l2", "./d/../d//f"), Symlink("loop", "loop"),
                       File("same", 5), Symlink("to d", "d"), Symlink("to fifo", "fifo")});
    Add(root.root);
    wide_ = Build(blobs_, NumberedFiles(3000));
    Node parts = File("parts");
    std::vector<ListEntry> entries;
    for (const char letter : {'a', 'b', 'c', 'd', 'e'}) {
      const std::string part(kPartBytes, letter);
      content_ += part;
      entries.push_back(tree_test::Blob(blobs_.AddBlob(BlobKind::kData, AsBytes(part)).value(), kPartBytes));
    }
    parts.size = content_.size();
    parts.content = BuildList(blobs_, entries);
    Add(Build(blobs_, {File("new", 1), parts, Folder("wide", wide_)}).root);
    folders_ = std::make_shared<const SnapshotFolders>(shown_, names_);
  }
  void Add(const BlobId& root) {
    auto snapshot = std::make_shared<LoadedSnapshot>();
    snapshot->id = random_.NewId<SnapshotId>();
    snapshot->inner.start.seconds = static_cast<int64_t>(shown_.size()) + 1;
    snapshot->inner.totals.bytes = 17;
    SnapshotItem item;
    item.root = root;
    snapshot->inner.items.push_back(item);
    shown_.push_back(std::move(snapshot));
  }

  std::optional<ResourceTree::Found> Find(std::string_view path) {
    std::vector<Bytes> names;
    for (std::string_view rest = path; !rest.empty();) {
      names.push_back(ToBytes(AsBytes(rest.substr(0, rest.find('/')))));
      rest.remove_prefix(std::min(names.back().size() + 1, rest.size()));
    }
    auto found = resources_.Find(names);
    EXPECT_OK(found);
    return found ? *found : std::nullopt;
  }
  std::vector<std::string> List(std::string_view path) {
    std::vector<std::string> hrefs;
    const auto folder = Find(path);
    EXPECT_TRUE(folder) << path;
    auto list = resources_.Open(*folder);
    EXPECT_OK(list);
    for (;;) {
      const auto next = (*list)->Next();
      EXPECT_OK(next);
      if (!next || !*next) return hrefs;
      hrefs.push_back((*next)->href);
    }
  }

  static constexpr size_t kPartBytes = 100'000;
  const SeededRandom random_{3};
  MemoryBlobs blobs_;
  std::vector<ShownSnapshot> shown_;
  SnapshotNames names_{[](const WireTime& time) { return fmt::format("t{}", time.seconds); }};
  std::shared_ptr<const SnapshotFolders> folders_;
  files::OwnerNames owners_;
  Subtree wide_;         // of the folder "wide"
  std::string content_;  // of the file "parts"
  std::vector<Finding> findings_;
  ViewTree tree_{[this](ViewTree::Look) -> Result<std::shared_ptr<const SnapshotFolders>> { return folders_; },
                 blobs_,
                 owners_,
                 {},
                 [this](const Finding& finding) { findings_.push_back(finding); }};
  ResourceTree resources_{tree_};
};

}  // namespace cairn::serve
