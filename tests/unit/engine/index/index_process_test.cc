// Several processes at one folder. Each other process is this program again, with one of the DISABLED_ tests below.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/engine/index/index_fixture.h"

extern char** environ;

namespace cairn::index_test {
namespace {

using Numbers = std::vector<uint64_t>;

constexpr int kDied = 9;
constexpr uint64_t kSegments = 12;

// The same segments in every process.
void PutSegments(Segments& segments) {
  for (uint64_t n = 0; n < kSegments; ++n) {
    std::vector<Blobs> frames(40);
    for (uint64_t f = 0; f < frames.size(); ++f) {
      for (uint64_t b = 0; b < 25; ++b) frames[f].numbers.push_back(n * 1000 + f * 25 + b);
    }
    segments.Put(n, SegmentOf({PackOf(n, frames)}));
  }
}

class IndexProcess : public IndexTest {
 protected:
  IndexProcess() {
    PutSegments(segments_);
    if (const char* given = getenv("CAIRN_INDEX_TEST_FOLDER")) {
      std::filesystem::remove_all(folder_);
      folder_ = given;
      is_child_ = true;
    }
  }
  ~IndexProcess() override {
    if (is_child_) folder_ = "/nonexistent";  // the parent's to remove
  }

  // Runs a DISABLED_ test in a process of its own, over this test's folder.
  pid_t Start(const std::string& test) {
    const std::string folder = "CAIRN_INDEX_TEST_FOLDER=" + folder_;
    const std::string filter = "--gtest_filter=IndexProcess.DISABLED_" + test;
    std::vector<char*> environment;
    for (char** each = environ; *each != nullptr; ++each) environment.push_back(*each);
    environment.push_back(const_cast<char*>(folder.c_str()));
    environment.push_back(nullptr);
    const char* arguments[] = {"unit", filter.c_str(), "--gtest_also_run_disabled_tests", nullptr};
    pid_t child = 0;
    EXPECT_EQ(
        posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, const_cast<char**>(arguments), environment.data()), 0);
    return child;
  }
  static int Wait(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // A word from one process to the other.
  void Say(const std::string& word) const { std::filesystem::create_directory(folder_ + "/" + word); }
  void Await(const std::string& word) const {
    for (int i = 0; i < 3'000 && !std::filesystem::exists(folder_ + "/" + word); ++i) usleep(10'000);
    ASSERT_TRUE(std::filesystem::exists(folder_ + "/" + word)) << word;
  }
  std::vector<std::string> PrivateFolders() const {
    std::vector<std::string> folders;
    for (const std::string& name : NamesIn(folder_ + "/index")) {
      if (name.starts_with("private-")) folders.push_back(name);
    }
    return folders;
  }

  bool is_child_ = false;
};

TEST_F(IndexProcess, DISABLED_DieInTheMiddleOfSync) {
  const auto index = Open(kMiB);  // so small that much of it is on disk already
  Segments& segments = segments_;
  const auto load = [&](const SegmentId& id) -> Result<IndexSegment> {
    if (++segments.loads == static_cast<int>(kSegments) - 2) _exit(kDied);
    return segments.all.at(id);
  };
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
  const auto listing = segments_.Listing();
  IgnoreError(index->Sync(listing, load, context), "it does not come back");
}

TEST_F(IndexProcess, DISABLED_HoldTheSharedCopy) {
  const auto index = Open();
  ASSERT_FALSE(index->is_private());
  Sync(*index);
  Say("held");
  Await("done");
  ASSERT_TRUE(HasForWriter(*index, 5));
}

TEST_F(IndexProcess, DISABLED_DieWithAPrivateCopy) {
  const auto index = Open();
  Sync(*index);
  _exit(index->is_private() ? kDied : 1);
}

// Adds, syncs to changing listings and looks up for a while, whatever the others do.
TEST_F(IndexProcess, DISABLED_WorkForAWhile) {
  for (uint64_t round = 0; round < 6; ++round) {
    const auto index = Open(kMiB);
    ASSERT_NE(index, nullptr);
    for (uint64_t step = 0; step < 4; ++step) {
      auto listing = segments_.Listing();
      listing.resize(kSegments - (round + step + static_cast<uint64_t>(getpid())) % 5);
      ASSERT_TRUE(SyncTo(*index, listing));
      const uint64_t added = 1000 + round;
      ASSERT_TRUE(index->AddPack(PackOf(added, {{{100'000 + added}}}), SessionsForAdd()));
      uint64_t count = 1;
      for (const SegmentId& id : listing) count += segments_.all.at(id).packs.size();
      ASSERT_EQ(index->Packs().size(), count);
      for (const SegmentId& id : listing) {
        const uint64_t pack = NumberOf(segments_.all.at(id).packs[0].name);
        ASSERT_EQ(PacksOf(*index, pack * 1000 + 7), Numbers{pack});
      }
    }
  }
}

TEST_F(IndexProcess, CrashInTheMiddleOfSyncIsMended) {
  ASSERT_EQ(Wait(Start("DieInTheMiddleOfSync")), kDied);
  const auto index = Open();
  EXPECT_FALSE(index->is_private());
  EXPECT_FALSE(HasForWriter(*index, 7));  // nothing counts before a listing says so
  Sync(*index);
  EXPECT_EQ(index->Packs().size(), kSegments);
  EXPECT_EQ(index->blob_count(), kSegments * 1000);
  for (uint64_t blob = 0; blob < kSegments * 1000; blob += 17) {
    ASSERT_EQ(PacksOf(*index, blob), Numbers{blob / 1000});
  }
  uint64_t walked = 0;
  ASSERT_TRUE(index->ForEachBlob([&](const BlobId&, BlobKind, std::span<const BlobPlace> places) {
    walked += places.size();
    return Result<void>();
  }));
  EXPECT_EQ(walked, kSegments * 1000);
}

TEST_F(IndexProcess, CrashLeavesNothingOfWhatIsNotListedAnyMore) {
  ASSERT_EQ(Wait(Start("DieInTheMiddleOfSync")), kDied);
  const auto index = Open();
  ASSERT_TRUE(SyncTo(*index, {Segment(3)}));
  EXPECT_EQ(PackNumbers(*index), Numbers{3});
  EXPECT_EQ(PacksOf(*index, 2005), Numbers{});
  EXPECT_EQ(PacksOf(*index, 3005), Numbers{3});
}

TEST_F(IndexProcess, SecondProcessReadsTheSharedCopy) {
  const pid_t holder = Start("HoldTheSharedCopy");
  Await("held");
  {
    const auto index = Open();
    EXPECT_TRUE(index->is_private());
    EXPECT_EQ(PrivateFolders().size(), 1u);
    segments_.Put(kSegments, SegmentOf({PackOf(kSegments, {{{77'777}}})}));
    Sync(*index);
    EXPECT_EQ(segments_.loads, 1);  // what the shared copy lacks
    EXPECT_EQ(PacksOf(*index, 5'005), Numbers{5});
    EXPECT_TRUE(HasForWriter(*index, 77'777));
    ASSERT_TRUE(index->AddPack(PackOf(500, {{{88'888}}}), SessionsForAdd()));
    EXPECT_TRUE(HasForWriter(*index, 88'888));
    ASSERT_TRUE(SyncTo(*index, {}));  // removes every row, of its own copy
  }
  EXPECT_EQ(PrivateFolders().size(), 0u);
  Say("done");
  EXPECT_EQ(Wait(holder), 0);
  const auto index = Open();
  EXPECT_FALSE(index->is_private());
  segments_.all.erase(Segment(kSegments));
  segments_.loads = 0;
  Sync(*index);
  EXPECT_EQ(segments_.loads, 0);
  EXPECT_EQ(index->blob_count(), kSegments * 1000);
}

TEST_F(IndexProcess, PrivateFolderOfADeadProcessIsRemoved) {
  const auto holder = Open();
  Sync(*holder);
  ASSERT_EQ(Wait(Start("DieWithAPrivateCopy")), kDied);
  ASSERT_EQ(PrivateFolders().size(), 1u);
  const std::string dead = PrivateFolders()[0];
  const auto living = Open();
  ASSERT_EQ(PrivateFolders().size(), 1u);
  EXPECT_NE(PrivateFolders()[0], dead);
  const auto third = Open();  // does not take the living for dead
  EXPECT_EQ(PrivateFolders().size(), 2u);
}

TEST_F(IndexProcess, SharedCopyIsTakenOverFromADeadProcess) {
  const pid_t holder = Start("HoldTheSharedCopy");
  Await("held");
  kill(holder, SIGKILL);
  EXPECT_EQ(Wait(holder), -1);
  const auto index = Open();
  EXPECT_FALSE(index->is_private());
  Sync(*index);
  EXPECT_EQ(segments_.loads, 0);
  EXPECT_EQ(index->blob_count(), kSegments * 1000);
}

TEST_F(IndexProcess, TwoInOneProcess) {
  const auto first = Open();
  Sync(*first);
  const auto second = Open();
  EXPECT_FALSE(first->is_private());
  EXPECT_TRUE(second->is_private());
  segments_.loads = 0;
  Sync(*second);
  EXPECT_EQ(segments_.loads, 0);
  ASSERT_TRUE(first->AddPack(PackOf(500, {{{88'888}}}), SessionsForAdd()));
  EXPECT_TRUE(HasForWriter(*first, 88'888));
  EXPECT_FALSE(HasForWriter(*second, 88'888));
  EXPECT_EQ(PacksOf(*second, 5'005), Numbers{5});
}

TEST_F(IndexProcess, ManyAtOnceAreAllRight) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) children.push_back(Start("WorkForAWhile"));
  for (const pid_t child : children) EXPECT_EQ(Wait(child), 0);
  const auto index = Open();
  EXPECT_FALSE(index->is_private());
  EXPECT_EQ(PrivateFolders().size(), 0u);
  Sync(*index);
  EXPECT_EQ(index->blob_count(), kSegments * 1000);
}

}  // namespace
}  // namespace cairn::index_test
