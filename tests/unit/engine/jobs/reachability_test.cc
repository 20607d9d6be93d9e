// What snapshots need is the same whichever threads look.
#include "engine/jobs/reachability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "engine/repo/write_session.h"
#include "engine/tree/directory_builder.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

struct Marked {
  std::vector<BlobId> ids;
  std::set<std::string> failed;  // "<path>: <code>"
  Result<void> result;
};

Marked Mark(Machine& machine, const std::optional<Error>& end_with = std::nullopt) {
  JobContext& job = machine.context.job;
  auto index = machine.repository->LoadIndex(job).value();
  const auto set = LoadSnapshots(*machine.repository, job, {}).value();
  std::vector<const LoadedSnapshot*> snapshots;
  for (const LoadedSnapshot& snapshot : set.snapshots) snapshots.push_back(&snapshot);
  BlobReader reader(*machine.repository, *index, job, 1 << 20);
  IdSorter ids(machine.folder.path(), 1 << 20);
  Marked marked;
  marked.result = MarkReachable(job, reader, snapshots, ids,
                                [&](const LoadedSnapshot&, const std::string& path, const Error& error) {
                                  marked.failed.insert(fmt::format("{}: {}", path, Name(error.code())));
                                  return end_with ? Result<void>(*end_with) : Result<void>();
                                });
  EXPECT_OK(ids.StartReading());
  for (;;) {
    const auto id = ids.Next().value();
    if (!id) return marked;
    marked.ids.push_back(*id);
  }
}

// Puts snapshots whose trees it is told how to make.
class Planter {
 public:
  Planter(MemoryStore& store, uint64_t seed)
      : machine_(store, seed),
        index_(machine_.repository->LoadIndex(machine_.context.job).value()),
        session_(WriteSession::Begin(*machine_.repository, *index_, machine_.context.job, {}).value()),
        writer_(session_->NewBlobWriter(1 << 20)) {}

  Node File(const std::string& name, const std::string& text) {
    Node node;
    node.name = ToBytes(AsBytes(name));
    node.size = text.size();
    node.content = Content();
    node.content->entries.push_back({.type = ListEntry::Type::kBlob,
                                     .length = text.size(),
                                     .id = writer_->AddBlob(BlobKind::kData, AsBytes(text)).value()});
    return node;
  }
  Node Folder(const std::string& name, std::vector<Node> nodes) {
    std::ranges::sort(nodes, {}, &Node::name);
    DirectoryBuilder builder(*writer_);
    for (const Node& node : nodes) EXPECT_OK(builder.Add(node));
    Node folder;
    folder.name = ToBytes(AsBytes(name));
    folder.type = NodeType::kFolder;
    folder.subtree = builder.Finish().value();
    return folder;
  }
  void Commit(const Node& root, uint64_t files) {
    SnapshotInner inner;
    inner.host = ToBytes(AsBytes("machine"));
    inner.items.push_back({.name = "files", .root = root.subtree->root});
    EXPECT_OK(writer_->Finish());
    EXPECT_OK(session_->Commit(inner, {}, files));
  }

 private:
  Machine machine_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<WriteSession> session_;
  std::unique_ptr<BlobWriter> writer_;
};

void PlantForest(MemoryStore& store, int generation) {
  Planter planter(store, 10 + static_cast<uint64_t>(generation));
  std::vector<Node> trees;
  for (int tree = 0; tree < 40; ++tree) {
    std::vector<Node> below;
    for (int leaf = 0; leaf < 5; ++leaf) {
      const std::string text = RandomText(static_cast<uint32_t>(tree * 100 + leaf), 700);
      below.push_back(
          planter.Folder(fmt::format("g{}", leaf), {planter.File("text", text), planter.File("a", "same")}));
    }
    if (tree == generation) below.push_back(planter.File("new", RandomText(9'000 + tree, 30'000)));
    trees.push_back(planter.Folder(fmt::format("f{}", tree), std::move(below)));
  }
  planter.Commit(planter.Folder("", std::move(trees)), 400);
}

class Reachability : public testing::Test {
 protected:
  Reachability() {
    InitForTests(store_);
    for (int generation = 0; generation < 3; ++generation) PlantForest(store_, generation);
  }

  // A snapshot of a folder "there", and beside it of "gone", whose directory nobody has stored.
  void PutBroken() {
    Planter planter(store_, 2);
    Node gone = planter.Folder("gone", {});
    gone.subtree->root.mutable_bytes()[0] ^= 1;
    planter.Commit(planter.Folder("", {gone, planter.Folder("there", {planter.File("x", "only here")})}), 1);
  }

  MemoryStore store_;
};

TEST_F(Reachability, ManyThreadsFindWhatOneDoes) {
  Machine alone(store_, 3), many(store_, 4, 4);
  const Marked one = Mark(alone), four = Mark(many);
  ASSERT_OK(one.result);
  ASSERT_OK(four.result);
  EXPECT_GT(one.ids.size(), 200u);
  EXPECT_EQ(one.ids, four.ids);
  EXPECT_EQ(alone.context.progress.items_done, 3u);
  EXPECT_EQ(many.context.progress.items_done, 3u);
}

TEST_F(Reachability, WhatCannotBeReadIsToldByItsPathAndTheRestIsMarked) {
  const size_t before = [&] {
    Machine machine(store_, 3);
    return Mark(machine).ids.size();
  }();
  PutBroken();
  for (const unsigned workers : {0u, 4u}) {
    Machine machine(store_, 5, workers);
    const Marked marked = Mark(machine);
    ASSERT_OK(marked.result);
    EXPECT_EQ(marked.failed, std::set<std::string>{"gone: not found"});
    EXPECT_EQ(marked.ids.size(), before + 4);  // its root, the one that is gone, "there" and its file
  }
}

TEST_F(Reachability, AnErrorOfWhoIsToldEndsIt) {
  PutBroken();
  for (const unsigned workers : {0u, 4u}) {
    Machine machine(store_, 6, workers);
    EXPECT_THAT(Mark(machine, Error(ErrorCode::kBusy, "enough")).result, ErrorCodeIs(ErrorCode::kBusy));
  }
}

TEST_F(Reachability, StopsWhenItIsAskedTo) {
  for (const unsigned workers : {0u, 4u}) {
    Machine machine(store_, 7, workers);
    auto index = machine.repository->LoadIndex(machine.context.job).value();
    const auto set = LoadSnapshots(*machine.repository, machine.context.job, {}).value();
    BlobReader reader(*machine.repository, *index, machine.context.job, 1 << 20);
    IdSorter ids(machine.folder.path(), 1 << 20);
    std::stop_source stop;
    stop.request_stop();
    JobContext job{*machine.context.executor, machine.context.clock, machine.context.random, machine.context.progress,
                   machine.context.log,       stop.get_token(),      Limits::ForTests()};
    EXPECT_THAT(MarkReachable(job, reader, {&set.snapshots.front()}, ids, {}), ErrorCodeIs(ErrorCode::kInterrupted));
  }
}

}  // namespace
}  // namespace cairn
