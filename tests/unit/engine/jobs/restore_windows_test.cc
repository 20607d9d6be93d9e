#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "engine/jobs/restore.h"
#include "frontends/files/file_sink.h"
#include "frontends/files/file_source.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class RestoreWindows : public testing::Test {
 protected:
  static constexpr int kFolders = 30, kFiles = 500;

  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  // Of several blobs, with one that follows itself, and a hole.
  static std::string LargeText(int seed) {
    const std::string text = RandomText(seed, 3 * kMiB);
    return text + std::string(2 * kMiB, 'x') + std::string(kMiB, '\0') + RandomText(seed + 1, 3 * kMiB);
  }

  RestoreWindows() {
    InitForTests(memory_);
    const fs::path root = source_.path() + "/src";
    fs::create_directory(root);
    for (int d = 0; d < kFolders; ++d) {
      const fs::path folder = root / ("d" + std::to_string(d));
      fs::create_directory(folder);
      for (int f = 0; f < kFiles; ++f) {
        const fs::path file = folder / ("f" + std::to_string(f));
        if (d > 0 && f % 5 == 0) {
          fs::create_hard_link(root / ("d" + std::to_string(d - 1)) / ("f" + std::to_string(f)), file);
        } else {
          Write(file, f % 7 == 0 ? "" : RandomText(d * kFiles + f, 20));
        }
      }
      if (d % 10 == 0) Write(folder / "large", LargeText(d));
      fs::permissions(folder, d % 2 ? fs::perms(0500) : fs::perms(0700));
    }
    Machine machine(memory_, 1, 2);
    machine.context.job.limits.pack_bytes = 256 * kKiB;
    machine.context.job.limits.segment_blobs_max = 100'000;
    machine.context.job.limits.frame_bytes_metadata = 16 * kKiB;
    std::vector<std::unique_ptr<Source>> sources;
    auto made = FileSource::Make({.paths = {root.string()}});
    EXPECT_OK(made);
    sources.push_back(*std::move(made));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    const auto report = RunBackup(machine.context.job, *machine.repository, std::move(sources), options, {});
    EXPECT_OK(report);
    id_ = *report->id;
  }

  Result<RestoreReport> Restore(Machine& machine, const std::string& target, const RestoreOptions& options) {
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = target}));
    return Restore(machine, *sink, options);
  }
  Result<RestoreReport> Restore(Machine& machine, Sink& sink, const RestoreOptions& options) {
    machine.context.job.limits.gets = gets_;
    machine.context.job.limits.window_blobs = window_blobs_;
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
    ASSIGN_OR_RETURN(const LoadedSnapshot* snapshot, ResolveSnapshot(set, id_.ToHex(), {}));
    ASSIGN_OR_RETURN(const auto index, machine.repository->LoadIndex(machine.context.job));
    ready_ = true;
    return RunRestore(machine.context.job, *machine.repository, *index, *snapshot, sink, options,
                      [](const Finding& f) { std::cout << f.object << ": " << f.detail << "\n"; });
  }

  struct Seen {
    std::string text;
    ino_t inode;
    nlink_t links;
    mode_t mode;
    int64_t sec, nsec;
  };
  static std::map<std::string, Seen> Read(const fs::path& root) {
    std::map<std::string, Seen> all;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      struct stat s{};
      EXPECT_EQ(::lstat(entry.path().c_str(), &s), 0);
      std::string text;
      if (entry.is_regular_file()) {
        std::ifstream in(entry.path(), std::ios::binary);
        text.assign(std::istreambuf_iterator<char>(in), {});
      }
      all[entry.path().lexically_relative(root).string()] = {text,      s.st_ino,         s.st_nlink,
                                                             s.st_mode, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
    }
    return all;
  }
  void Compare(const std::string& target) {
    fs::path restored;
    for (const auto& entry : fs::recursive_directory_iterator(target)) {
      if (entry.path().filename() == "src") restored = entry.path();
    }
    ASSERT_FALSE(restored.empty());
    const auto want = Read(source_.path() + "/src"), got = Read(restored);
    EXPECT_EQ(want.size(), got.size());
    std::map<ino_t, ino_t> inodes;
    int wrong = 0;
    for (const auto& [name, w] : want) {
      const auto found = got.find(name);
      if (found == got.end()) {
        ++wrong;
        continue;
      }
      const Seen& g = found->second;
      const bool is_folder = S_ISDIR(w.mode);
      const auto [place, fresh] = inodes.emplace(w.inode, g.inode);
      if (w.text != g.text || w.mode != g.mode || w.sec != g.sec || w.nsec != g.nsec ||
          (!is_folder && w.links != g.links) || place->second != g.inode) {
        if (++wrong < 5) ADD_FAILURE() << name << " " << w.links << " " << g.links;
      }
    }
    EXPECT_EQ(wrong, 0);
  }
  static void Open(const fs::path& root) {
    for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
      if (it->is_directory()) fs::permissions(it->path(), fs::perms(0700));
    }
  }
  ~RestoreWindows() override { Open(source_.path()); }

  MemoryStore memory_;
  TempFolder source_ = TempFolder::InMemory();
  SnapshotId id_;
  unsigned gets_ = 8;
  uint64_t window_blobs_ = 32'768;
  static constexpr int kLarge = 3;
  std::atomic<bool> ready_ = false;
};

TEST_F(RestoreWindows, AllComesBack) {
  for (const bool is_far : {true, false}) {
    FaultStore store(memory_);
    store.set_far(is_far);
    Machine machine(store, 2, 2);
    TempFolder target = TempFolder::InMemory();
    const auto report = Restore(machine, target.path(), {});
    ASSERT_OK(report);
    EXPECT_EQ(report->failed, 0);
    EXPECT_EQ(report->files, kFolders * kFiles + kLarge);
    Compare(target.path());
    // Again, over it: half of the files are other ones.
    Open(target.path());
    int n = 0;
    for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
      if (entry.is_regular_file() && ++n % 3 == 0) Write(entry.path(), "other");
    }
    const auto again = Restore(machine, target.path(), {.overwrite = Overwrite::kIfChanged});
    ASSERT_OK(again);
    EXPECT_EQ(again->failed, 0);
    Compare(target.path());
    Open(target.path());
    const auto others =
        Restore(machine, target.path(), {.overwrite = Overwrite::kAlways, .remove_others = true, .verify = true});
    ASSERT_OK(others);
    EXPECT_EQ(others->failed, 0);
    Compare(target.path());
    Open(target.path());
  }
}

TEST_F(RestoreWindows, ALargeFileIsWrittenBeforeItIsPlannedToItsEnd) {
  window_blobs_ = 2;
  for (const unsigned gets : {1, 8}) {
    gets_ = gets;
    Machine machine(memory_, 2, 2);
    TempFolder target = TempFolder::InMemory();
    const auto report = Restore(machine, target.path(), {});
    ASSERT_OK(report);
    EXPECT_EQ(report->failed, 0);
    EXPECT_EQ(report->files, kFolders * kFiles + kLarge);
    Compare(target.path());
    Open(target.path());
    for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
      if (entry.path().filename() != "large") continue;
      std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(2 * kMiB);
      file << "not what it was";
      file.seekp(5 * kMiB + 7);  // in the hole
      file << "no hole any more";
    }
    const auto again = Restore(machine, target.path(), {.overwrite = Overwrite::kAlways, .verify = true});
    ASSERT_OK(again);
    EXPECT_EQ(again->failed, 0);
    Compare(target.path());
    Open(target.path());
  }
}

// Each large file loses some of its bytes: what there is of it is told as incomplete, with all the rest in its place.
TEST_F(RestoreWindows, ALargeFileThatLacksABlobIsIncomplete) {
  window_blobs_ = 2;
  for (const int damaged : {0, 3, 9, 15, 20}) {
    FaultStore store(memory_);
    std::set<std::string> packs;
    Machine machine(store, 2, 2);
    EXPECT_OK(memory_.List(kDataPrefix, [&](const ObjectInfo& info) -> Result<void> {
      packs.insert(std::string(info.name.text()));
      return {};
    }));
    ASSERT_GT(packs.size(), 20u);
    const std::string lost = *std::next(packs.begin(), damaged);
    store.FailWhere([&](const StoreCall& call) { return call.name == lost; }, FaultStore::Broken());
    TempFolder target = TempFolder::InMemory();
    const auto report = Restore(machine, target.path(), {});
    ASSERT_OK(report);
    EXPECT_GT(report->failed, 0);
    const auto want = Read(source_.path() + "/src");
    int incomplete = 0;
    for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
      if (entry.path().filename() != "large") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string got(std::istreambuf_iterator<char>(in), {});
      const std::string& text = want.at((entry.path().parent_path().filename() / "large").string()).text;
      ASSERT_EQ(got.size(), text.size());
      if (got == text) continue;
      ++incomplete;
      for (size_t i = 0; i < text.size(); ++i) ASSERT_TRUE(got[i] == text[i] || got[i] == 0) << i;
    }
    EXPECT_LE(incomplete, report->failed);
    Open(target.path());
  }
}

TEST_F(RestoreWindows, AStopEndsIt) {
  for (const int at : {1, 5, 20, 40, 60}) {
    FaultStore store(memory_);
    store.set_far(true);
    Machine machine(store, 2, 2);
    std::atomic<int> ranges = 0;
    store.SetHook([&](const StoreCall& call) {
      if (!ready_ || !call.name.starts_with("data/")) return;
      if (++ranges == at) machine.context.stop.request_stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
    ready_ = false;
    TempFolder target = TempFolder::InMemory();
    const auto begin = std::chrono::steady_clock::now();
    const auto report = Restore(machine, target.path(), {});
    std::cout << at << ": " << ranges << " ranges, " << (report ? "done" : report.error().message()) << ", "
              << std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() << " s\n";
    if (ranges >= at) {
      EXPECT_THAT(report, ErrorCodeIs(ErrorCode::kInterrupted));
    }
    for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".cairn-")) << entry.path();
    }
    Open(target.path());
  }
}

TEST_F(RestoreWindows, AStopEndsItWhilePartsRun) {
  window_blobs_ = 2;
  for (const bool is_far : {false, true}) {
    for (const int at : {1, 3, 8, 20, 60}) {
      FaultStore store(memory_);
      store.set_far(is_far);
      Machine machine(store, 2, 2);
      std::atomic<int> ranges = 0;
      ready_ = false;
      store.SetHook([&](const StoreCall& call) {
        if (ready_ && call.name.starts_with("data/") && ++ranges == at) machine.context.stop.request_stop();
      });
      TempFolder target = TempFolder::InMemory();
      EXPECT_THAT(Restore(machine, target.path(), {}), ErrorCodeIs(ErrorCode::kInterrupted));
      for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
        EXPECT_FALSE(entry.path().filename().string().starts_with(".cairn-")) << entry.path();
      }
      Open(target.path());
    }
  }
}

// Tells when files are opened and read, and things removed; takes so many files, and is full then.
class WatchedSink : public Sink {
 public:
  explicit WatchedSink(Sink& base) : base_(base) {}
  Result<std::optional<SinkExisting>> Existing(const TreePath& path) override { return base_.Existing(path); }
  Result<std::vector<Bytes>> List(const TreePath& folder) override { return base_.List(folder); }
  Result<void> MakeFolder(const TreePath& path) override { return base_.MakeFolder(path); }
  Result<std::unique_ptr<SinkFile>> OpenFile(const TreePath& path, uint64_t size, bool in_place,
                                             const Node* node) override {
    if (++opened > opened_max) return Error(ErrorCode::kNoSpace, "full");
    ASSIGN_OR_RETURN(auto file, base_.OpenFile(path, size, in_place, node));
    return std::unique_ptr<SinkFile>(std::make_unique<File>(std::move(file), *this));
  }
  Result<void> MakeSpecial(const TreePath& path, const Node& node) override { return base_.MakeSpecial(path, node); }
  Result<void> MakeLink(const TreePath& path, const TreePath& first) override { return base_.MakeLink(path, first); }
  Result<void> SetMetadata(const TreePath& path, const Node& node,
                           const std::vector<std::pair<Bytes, Bytes>>& attributes) override {
    return base_.SetMetadata(path, node, attributes);
  }
  Result<void> Remove(const TreePath& path) override {
    if (PathForPeople(path).ends_with("extra")) opened_at_removal = opened.load();
    return base_.Remove(path);
  }
  Result<void> Close() override { return base_.Close(); }
  void SetFindingSink(FindingSink findings) override { base_.SetFindingSink(std::move(findings)); }

  std::atomic<int> opened = 0, opened_at_removal = -1, finished = 0;
  int opened_max = 1 << 30;
  std::function<void()> on_read = [] {}, on_write = [] {};

 private:
  class File : public SinkFile {
   public:
    File(std::unique_ptr<SinkFile> base, WatchedSink& sink) : base_(std::move(base)), sink_(sink) {}
    bool is_in_place() const override { return base_->is_in_place(); }
    Result<void> WriteAt(uint64_t offset, ByteSpan bytes) override {
      sink_.on_write();
      return base_->WriteAt(offset, bytes);
    }
    Result<size_t> ReadAt(uint64_t offset, MutableByteSpan target) override {
      if (target.size() > kKiB) sink_.on_read();  // of a large file
      return base_->ReadAt(offset, target);
    }
    Result<void> MakeHole(uint64_t offset, uint64_t length) override { return base_->MakeHole(offset, length); }
    Result<void> SetSize(uint64_t size) override { return base_->SetSize(size); }
    Result<void> SetMetadata(const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes) override {
      return base_->SetMetadata(node, attributes);
    }
    Result<void> Finish(uint64_t size) override {
      RETURN_IF_ERROR(base_->Finish(size));
      ++sink_.finished;
      return {};
    }

   private:
    const std::unique_ptr<SinkFile> base_;
    WatchedSink& sink_;
  };

  Sink& base_;
};

TEST_F(RestoreWindows, WhatDoesNotBelongGoesBeforeManyFilesHaveCome) {
  window_blobs_ = 16;
  TempFolder target = TempFolder::InMemory();
  const fs::path folder = target.path() + source_.path() + "/src/d0";
  fs::create_directories(folder);
  Write(folder / "extra", "x");
  Machine machine(memory_, 2, 2);
  const auto sink = FileSink::Make({.target = target.path()});
  ASSERT_OK(sink);
  WatchedSink watched(**sink);
  ASSERT_OK(Restore(machine, watched, {.overwrite = Overwrite::kAlways, .remove_others = true}));
  EXPECT_GT(watched.opened_at_removal.load(), 0);
  EXPECT_LT(watched.opened_at_removal.load(), 1'000);
  Compare(target.path());
  Open(target.path());
}

TEST_F(RestoreWindows, WhatIsWholeGetsItsPlaceInATargetThatIsFull) {
  window_blobs_ = 2;
  for (const unsigned gets : {1, 8}) {
    gets_ = gets;
    for (const int opened_max : {1, 2, 50, 383, 500, 4'000}) {
      TempFolder target = TempFolder::InMemory();
      Machine machine(memory_, 2, 2);
      const auto sink = FileSink::Make({.target = target.path()});
      ASSERT_OK(sink);
      WatchedSink watched(**sink);
      watched.opened_max = opened_max;
      EXPECT_THAT(Restore(machine, watched, {}), ErrorIs(ErrorCode::kNoSpace, testing::HasSubstr("full")));
      EXPECT_LE(watched.finished.load(), opened_max);
      EXPECT_GE(watched.finished.load(), opened_max - kLarge);  // a large one may lack its end
      for (const auto& entry : fs::recursive_directory_iterator(target.path())) {
        EXPECT_FALSE(entry.path().filename().string().starts_with(".cairn-")) << entry.path();
      }
      Open(target.path());
    }
  }
}

TEST_F(RestoreWindows, AStopEndsThePlanAndTheVerifyingOfALargeFile) {
  window_blobs_ = 2;
  for (const bool in_place : {true, false}) {
    TempFolder target = TempFolder::InMemory();
    if (in_place) {
      Machine machine(memory_, 2, 2);
      ASSERT_OK(Restore(machine, target.path(), {}));
      Open(target.path());
    }
    Machine machine(memory_, 2, 2);
    const auto sink = FileSink::Make({.target = target.path()});
    ASSERT_OK(sink);
    WatchedSink watched(**sink);
    std::atomic<int> reads = 0;
    watched.on_read = [&] {
      ++reads;
      machine.context.stop.request_stop();
    };
    const RestoreOptions options{.overwrite = Overwrite::kAlways, .verify = !in_place};
    EXPECT_THAT(Restore(machine, watched, options), ErrorCodeIs(ErrorCode::kInterrupted));
    EXPECT_GE(reads.load(), 1);
    EXPECT_LE(reads.load(), 3);  // one a thread
    Open(target.path());
  }
}

// What is one blob again and again is one write for who plans, and may be as long as the disk.
TEST(RestoreRuns, AStopEndsTheWritingOfWhatFollowsItself) {
  MemoryStore memory;
  InitForTests(memory);
  Machine machine(memory, 1, 2);
  const auto report = machine.Backup({{"file", std::string(64 * kMiB, 'x')}});
  ASSERT_OK(report);
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  ASSERT_OK_AND_ASSIGN(const auto index, machine.repository->LoadIndex(machine.context.job));
  TempFolder target = TempFolder::InMemory();
  const auto sink = FileSink::Make({.target = target.path()});
  ASSERT_OK(sink);
  WatchedSink watched(**sink);
  std::atomic<int> writes = 0;
  watched.on_write = [&] {
    ++writes;
    machine.context.stop.request_stop();
  };
  EXPECT_THAT(RunRestore(machine.context.job, *machine.repository, *index, set.snapshots.front(), watched, {}, {}),
              ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_EQ(writes.load(), 1);
}

}  // namespace
}  // namespace cairn
