#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/jobs/restore.h"
#include "frontends/files/file_sink.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

// What lies between the frames that are wanted is read over, where that is a small part of what is got.
class RestoreRanges : public testing::Test {
 protected:
  static constexpr size_t kFiles = 100, kFileBytes = 128 * kKiB;

  RestoreRanges() {
    InitForTests(memory_);
    Machine machine(memory_, 1);  // in one thread, so that frames are in the order of the files
    machine.context.job.limits.pack_bytes = 16 * kMiB;
    machine.context.job.limits.pack_blobs_max = 2 * kFiles;
    machine.context.job.limits.frame_bytes_files = 64 * kKiB;
    MemoryFiles files;
    for (size_t i = 0; i < kFiles; ++i) {
      files[fmt::format("f{:03}", i)] = RandomText(static_cast<uint32_t>(i), kFileBytes);
    }
    const auto report = machine.Backup(files);
    EXPECT_OK(report);
    id_ = *report->id;
  }
  struct Got {
    uint64_t requests = 0, bytes = 0;
  };
  // Of all files but those whose number has this rest.
  Got RestoreWithout(bool is_far, size_t divisor, size_t rest) {
    FaultStore store(memory_);
    store.set_far(is_far);
    Machine machine(store, 2, 2);
    machine.context.job.limits.gets = 8;
    machine.context.job.limits.memory_bytes = 256 * kMiB;
    machine.context.job.limits.window_blobs = 2 * kFiles;
    const auto set = LoadSnapshots(*machine.repository, machine.context.job, {});
    const auto index = machine.repository->LoadIndex(machine.context.job);
    const TempFolder target = TempFolder::InMemory();
    const auto sink = FileSink::Make({.target = target.path()});
    EXPECT_TRUE(set && index && sink);
    RestoreOptions options;
    size_t wanted = 0;
    options.take = [&](const TreePath&, const Node& node) {
      if (node.type != NodeType::kFile) return true;
      const bool is_taken = std::stoul(ToString(node.name).substr(1)) % divisor != rest;
      wanted += is_taken ? 1 : 0;
      return is_taken;
    };
    const size_t begin = store.History().size();
    const auto report = RunRestore(machine.context.job, *machine.repository, **index,
                                   **ResolveSnapshot(*set, id_.ToHex(), {}), **sink, options, {});
    EXPECT_OK(report);
    EXPECT_EQ(report->files, wanted);
    EXPECT_GE(report->bytes_fetched, wanted * kFileBytes);
    const std::vector<StoreCall> history = store.History();
    const auto is_data = [](const StoreCall& call) { return call.name.starts_with("data/"); };
    const auto requests = std::count_if(history.begin() + static_cast<ptrdiff_t>(begin), history.end(), is_data);
    return {static_cast<uint64_t>(requests), report->bytes_fetched};
  }

  MemoryStore memory_;
  SnapshotId id_;
};

TEST_F(RestoreRanges, NeighboursOfAPackAreOneRequestToAFarStore) {
  EXPECT_EQ(RestoreWithout(true, kFiles + 1, kFiles).requests, 1);  // all
  EXPECT_EQ(RestoreWithout(false, 20, 7).requests, 6);
  EXPECT_EQ(RestoreWithout(true, 20, 7).requests, 2) << "the first gap is a large part of what is before it";
}

TEST_F(RestoreRanges, LittleIsReadOver) {
  constexpr uint64_t kWanted = kFiles / 4 * 3 * kFileBytes;
  EXPECT_LE(RestoreWithout(true, 4, 3).bytes, kWanted / 15 * 16);
}

// Frames that are wanted by turns, with room for what the index says of all of them, and of few.
TEST(RestoreMemory, FramesThatAreNotHeldAreAskedForAgain) {
  constexpr size_t kFiles = 400;
  MemoryStore memory;
  InitForTests(memory);
  MemoryFiles files;
  for (size_t i = 0; i < kFiles; ++i) {
    const std::string text = RandomText(static_cast<uint32_t>(i), 200);
    files[fmt::format("a{:03}", i)] = text;
    files[fmt::format("b{:03}", (i * 37) % kFiles)] = text;  // in another order
  }
  Machine machine(memory, 1);
  machine.context.job.limits.pack_bytes = kMiB;
  machine.context.job.limits.pack_blobs_max = 2 * kFiles;
  machine.context.job.limits.frame_bytes_files = 2 * kKiB;  // of ten blobs
  const auto backup = machine.Backup(files);
  ASSERT_OK(backup);
  uint64_t bytes_fetched = 0;
  for (const uint64_t memory_bytes : {256 * kMiB, 64 * kKiB}) {
    Machine reader(memory, 2);
    reader.context.job.limits.memory_bytes = memory_bytes;
    reader.context.job.limits.window_blobs = 4 * kFiles;
    const auto set = LoadSnapshots(*reader.repository, reader.context.job, {});
    const auto index = reader.repository->LoadIndex(reader.context.job);
    const TempFolder target = TempFolder::InMemory();
    const auto sink = FileSink::Make({.target = target.path()});
    ASSERT_TRUE(set && index && sink);
    const auto report = RunRestore(reader.context.job, *reader.repository, **index,
                                   **ResolveSnapshot(*set, backup->id->ToHex(), {}), **sink, {}, {});
    ASSERT_OK(report);
    EXPECT_EQ(report->files, 2 * kFiles);
    if (bytes_fetched == 0) bytes_fetched = report->bytes_fetched;
    EXPECT_EQ(report->bytes_fetched, bytes_fetched) << memory_bytes;
    for (const auto& [name, text] : files) {
      std::ifstream in(target.path() + "/" + name, std::ios::binary);
      const std::string got(std::istreambuf_iterator<char>(in), {});
      ASSERT_EQ(got, text) << name << " with " << memory_bytes;
    }
  }
}

}  // namespace
}  // namespace cairn
