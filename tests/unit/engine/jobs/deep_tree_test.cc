// Folders nested as deep as the format allows, on the stack of a small thread: no job may need more for a deeper tree.
#include <pthread.h>

#include <functional>

#include "engine/jobs/check.h"
#include "engine/jobs/copy.h"
#include "engine/jobs/repair.h"
#include "engine/jobs/rewrite.h"
#include "engine/repo/write_session.h"
#include "engine/tree/directory_builder.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

constexpr int kFolders = 4'090;

void RunOnSmallStack(std::function<void()> work) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 512 * 1024), 0);
  pthread_t thread{};
  const auto run = [](void* work_of_thread) -> void* {
    (*static_cast<std::function<void()>*>(work_of_thread))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &work), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

class DeepTree : public testing::Test {
 protected:
  DeepTree() {
    InitForTests(memory_);
    Machine machine(memory_, 1);
    auto index = machine.repository->LoadIndex(machine.context.job).value();
    auto session = WriteSession::Begin(*machine.repository, *index, machine.context.job, {}).value();
    const auto writer = session->NewBlobWriter(1 << 20);
    const std::string text = "at the bottom";
    Node node;
    node.name = ToBytes(AsBytes("file"));
    node.size = text.size();
    node.content = Content();
    node.content->entries.push_back({.type = ListEntry::Type::kBlob,
                                     .length = text.size(),
                                     .id = writer->AddBlob(BlobKind::kData, AsBytes(text)).value()});
    BlobId root;
    for (int i = 0; i <= kFolders; ++i) {
      DirectoryBuilder builder(*writer);
      EXPECT_OK(builder.Add(std::move(node)));
      const Subtree subtree = builder.Finish().value();
      root = subtree.root;
      node = Node();
      node.name = ToBytes(AsBytes("d"));
      node.type = NodeType::kFolder;
      node.subtree = subtree;
    }
    SnapshotInner inner;
    inner.host = ToBytes(AsBytes("machine"));
    inner.items.push_back({.name = "files", .root = root});
    EXPECT_OK(writer->Finish());
    id_ = session->Commit(inner, {}, 1).value();
  }

  MemoryStore memory_;
  SnapshotId id_;
};

TEST_F(DeepTree, IsChecked) {
  RunOnSmallStack([&] {
    Machine machine(memory_, 2);
    EXPECT_EQ(machine.Damages(), 0u);
  });
}

TEST_F(DeepTree, IsRewritten) {
  RunOnSmallStack([&] {
    Machine machine(memory_, 2);
    const auto set = LoadSnapshots(*machine.repository, machine.context.job, {}).value();
    RewriteOptions options;
    options.leave_out = [](const TreePath& path, const Node&) { return ToString(path).ends_with("/file"); };
    ASSERT_OK_AND_ASSIGN(const RewriteReport report,
                         RunRewrite(machine.context.job, *machine.repository, set.snapshots.at(0), options, {}));
    EXPECT_EQ(report.left_out, 1u);
    EXPECT_EQ(machine.Damages(), 0u);
  });
}

TEST_F(DeepTree, IsRepaired) {
  RunOnSmallStack([&] {
    for (const auto& [name, bytes] : memory_.Contents()) {
      if (name.starts_with("data/")) {
        ASSERT_OK(memory_.Remove(*ObjectName::Parse(name)));
      }
    }
    Machine machine(memory_, 2);
    ASSERT_OK(RepairIndex(machine.context.job, *machine.repository, {.drop_missing = true}, {}));
    ASSERT_OK_AND_ASSIGN(const RepairReport report,
                         RepairSnapshots(machine.context.job, *machine.repository, {.forget_broken = true}, {}));
    EXPECT_EQ(report.snapshots_rewritten.size(), 1u);
    EXPECT_EQ(machine.Damages(), 0u);
  });
}

TEST_F(DeepTree, IsCopied) {
  RunOnSmallStack([&] {
    MemoryStore other_keys;
    InitForTests(other_keys, 7);
    Machine source(memory_, 2), target(other_keys, 3);
    CopyOptions options;
    options.snapshots = {id_};
    ASSERT_OK_AND_ASSIGN(const CopyReport report,
                         RunCopy(source.context.job, *source.repository, *target.repository, options, {}));
    EXPECT_EQ(report.blobs_copied, 1u);
    EXPECT_EQ(target.Damages(), 0u);
  });
}

}  // namespace
}  // namespace cairn
