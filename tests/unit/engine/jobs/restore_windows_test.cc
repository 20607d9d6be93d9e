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
  // Of some 100 blobs, with what follows itself and a hole.
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

  Result<RestoreReport> Restore(ObjectStore& store, Machine& machine, const std::string& target,
                                const RestoreOptions& options) {
    (void)store;
    machine.context.job.limits.gets = gets_;
    machine.context.job.limits.window_blobs = window_blobs_;
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
    ASSIGN_OR_RETURN(const LoadedSnapshot* snapshot, ResolveSnapshot(set, id_.ToHex(), {}));
    ASSIGN_OR_RETURN(const auto index, machine.repository->LoadIndex(machine.context.job));
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = target}));
    ready_ = true;
    return RunRestore(machine.context.job, *machine.repository, *index, *snapshot, *sink, options,
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
    const auto report = Restore(store, machine, target.path(), {});
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
    const auto again = Restore(store, machine, target.path(), {.overwrite = Overwrite::kIfChanged});
    ASSERT_OK(again);
    EXPECT_EQ(again->failed, 0);
    Compare(target.path());
    Open(target.path());
    const auto others = Restore(store, machine, target.path(),
                                {.overwrite = Overwrite::kAlways, .remove_others = true, .verify = true});
    ASSERT_OK(others);
    EXPECT_EQ(others->failed, 0);
    Compare(target.path());
    Open(target.path());
  }
}

TEST_F(RestoreWindows, ALargeFileIsWrittenBeforeItIsPlannedToItsEnd) {
  window_blobs_ = 16;
  for (const unsigned gets : {1, 8}) {
    gets_ = gets;
    Machine machine(memory_, 2, 2);
    TempFolder target = TempFolder::InMemory();
    const auto report = Restore(memory_, machine, target.path(), {});
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
    const auto again = Restore(memory_, machine, target.path(), {.overwrite = Overwrite::kAlways, .verify = true});
    ASSERT_OK(again);
    EXPECT_EQ(again->failed, 0);
    Compare(target.path());
    Open(target.path());
  }
}

// Each large file loses some of its bytes: what there is of it is told as incomplete, with all the rest in its place.
TEST_F(RestoreWindows, ALargeFileThatLacksABlobIsIncomplete) {
  window_blobs_ = 16;
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
    const auto report = Restore(store, machine, target.path(), {});
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
    const auto report = Restore(store, machine, target.path(), {});
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

}  // namespace
}  // namespace cairn
