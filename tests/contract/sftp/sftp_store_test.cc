// What an SFTP store does beside the contract, against a real sshd.
#include "engine/store/sftp/sftp_store.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/store/local_store.h"
#include "engine/store/retry_store.h"
#include "tests/support/matchers.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"
#include "tests/support/ssh_server.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Store = std::unique_ptr<SftpStore>;

Result<Store> Create(const SftpPlace& place, const SftpOptions& options) {
  return SftpStore::Create(place, options, SystemRandom(), SystemClock(), {});
}
Result<Store> Open(const SftpPlace& place, const SftpOptions& options) {
  return SftpStore::Open(place, options, SystemRandom(), SystemClock(), {});
}

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
size_t CountFiles(const std::string& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}
// What is removed later is so soon.
bool BecomesEmpty(const std::string& folder) {
  for (int i = 0; i < 200 && CountFiles(folder) > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return CountFiles(folder) == 0;
}

class SftpStoreTest : public testing::Test {
 protected:
  Store Make() { return Create(server_.Place(root_), server_.Client()).value(); }

  SshServer server_;
  const std::string root_ = server_ / "repository";
};

TEST_F(SftpStoreTest, LiesOnDiskAsALocalStoreDoes) {
  const Store store = Make();
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("by sftp")));
  ASSERT_OK_AND_ASSIGN(const auto local, LocalStore::Open(PosixFileSystem(), SystemRandom(), root_));
  EXPECT_THAT(local->Get(Named("data/ab/cd"), 100), IsOkAnd(BytesAre("by sftp")));
  ASSERT_OK(local->Put(Named("index/ef"), AsBytes("by path")));
  EXPECT_THAT(store->Get(Named("index/ef"), 100), IsOkAnd(BytesAre("by path")));
  EXPECT_THAT(local->PutIfAbsent(Named("data/ab/cd"), AsBytes("x")), IsOkAnd(false));
  EXPECT_THAT(store->PutIfAbsent(Named("index/ef"), AsBytes("x")), IsOkAnd(false));
  struct stat info;
  ASSERT_EQ(::stat((root_ + "/data/ab/cd").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(info.st_nlink, 1U);
  ASSERT_EQ(::stat((root_ + "/data/ab").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  EXPECT_TRUE(BecomesEmpty(root_ + "/tmp"));
}

TEST_F(SftpStoreTest, OneOfEightThreadsFillsAName) {
  const Store store = Make();
  constexpr int kThreads = 8;
  constexpr int kRounds = 50;
  std::vector<std::atomic<int>> winners(kRounds);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kRounds; ++i) {
          const auto won = store->PutIfAbsent(Named("snapshots/" + std::to_string(i)), AsBytes(std::to_string(thread)));
          ASSERT_OK(won);
          if (*won) ++winners[static_cast<size_t>(i)];
        }
      });
    }
  }
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(winners[static_cast<size_t>(i)], 1) << "of round " << i;
  EXPECT_TRUE(BecomesEmpty(root_ + "/tmp"));
}

// Large objects get connections of their own, as long as there are any; small ones do not wait for one to be opened.
TEST_F(SftpStoreTest, ThreadsShareAFewConnections) {
  SftpOptions options = server_.Client();
  options.connections_max = 3;
  ASSERT_OK_AND_ASSIGN(const Store store, Create(server_.Place(root_), options));
  const auto put = [&](const std::string& folder, size_t size) {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 20; ++i) {
          EXPECT_OK(store->Put(Named(folder + "/" + std::to_string(thread) + "/" + std::to_string(i)), Bytes(size)));
        }
      });
    }
  };
  put("index", 1'000);
  EXPECT_EQ(server_.CountSessions(), 1);
  put("data", 1'000'000);
  EXPECT_EQ(server_.CountSessions(), 3);
}

TEST_F(SftpStoreTest, MakesTheFoldersAboveIt) {
  const SftpPlace place = server_.Place(server_ / "a/b/c");
  ASSERT_OK_AND_ASSIGN(const Store store, Create(place, server_.Client()));
  ASSERT_OK(store->Put(ConfigName(1), AsBytes("config")));
  ASSERT_OK(Create(place, server_.Client()));  // a repository already
  EXPECT_THAT(Open(place, server_.Client()), IsOk());
}

TEST_F(SftpStoreTest, AFolderThatHoldsOtherThingsIsNotTaken) {
  fs::create_directories(root_);
  WriteFile(root_ + "/letter.txt", "x");
  EXPECT_THAT(Create(server_.Place(root_), server_.Client()),
              ErrorIs(ErrorCode::kAlreadyExists, AllOf(HasSubstr("letter.txt"), HasSubstr("repository"))));
  EXPECT_EQ(CountFiles(root_), 1U);
}

TEST_F(SftpStoreTest, AMissingFolderIsNoRepository) {
  EXPECT_THAT(Open(server_.Place(root_), server_.Client()),
              ErrorIs(ErrorCode::kNotFound, AllOf(HasSubstr("no repository at sftp://"), HasSubstr(root_))));
  WriteFile(root_, "x");
  EXPECT_THAT(Open(server_.Place(root_), server_.Client()),
              ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("is a file")));
}

TEST_F(SftpStoreTest, OpensAndReadsWithoutWriting) {
  {
    const Store store = Make();
    ASSERT_OK(store->Put(ConfigName(1), AsBytes("config")));
  }
  fs::remove_all(root_ + "/tmp");
  ASSERT_OK_AND_ASSIGN(const Store store, Open(server_.Place(root_), server_.Client()));
  EXPECT_THAT(store->Get(ConfigName(1), 100), IsOkAnd(BytesAre("config")));
  EXPECT_THAT(store->Get(Named("absent"), 100), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_FALSE(fs::exists(root_ + "/tmp"));
}

// The mount point under a disk that is gone is an empty folder.
TEST_F(SftpStoreTest, AnUnmountedDiskIsNoEmptyRepository) {
  const Store store = Make();
  ASSERT_OK(store->Put(ConfigName(1), AsBytes("config")));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  ASSERT_OK_AND_ASSIGN(const Store fresh, Open(server_.Place(root_), server_.Client()));
  fs::rename(root_, root_ + ".away");
  fs::create_directory(root_);
  for (SftpStore* one : {store.get(), fresh.get()}) {
    const auto gone = [](const auto& result) { EXPECT_THAT(result, ErrorIs(ErrorCode::kIo, HasSubstr("mounted"))); };
    gone(one->Put(Named("data/ab/ef"), AsBytes("x")));
    gone(one->PutIfAbsent(Named("snapshots/ab"), AsBytes("x")));
    gone(one->Get(Named("data/ab/cd"), 10));
    gone(one->GetRange(Named("data/ab/cd"), 0, 1));
    gone(one->Stat(Named("data/ab/cd")));
    gone(one->Remove(Named("data/ab/cd")));
    gone(one->List("", [](const ObjectInfo&) -> Result<void> { return {}; }));
  }
  EXPECT_EQ(CountFiles(root_), 0U);
  fs::remove(root_);
  EXPECT_THAT(store->List("", [](const ObjectInfo&) -> Result<void> { return {}; }),
              ErrorIs(ErrorCode::kIo, HasSubstr("gone")));
  fs::rename(root_ + ".away", root_);
  EXPECT_OK(store->Put(Named("data/ab/ef"), AsBytes("x")));
}

TEST_F(SftpStoreTest, AFolderThatWasThereIsNotMadeAnew) {
  const Store store = Make();
  ASSERT_OK(store->Put(ConfigName(1), AsBytes("config")));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  fs::remove_all(root_ + "/data");
  EXPECT_THAT(store->Put(Named("data/ab/cd"), AsBytes("x")), ErrorIs(ErrorCode::kIo, HasSubstr("was there is gone")));
  EXPECT_FALSE(fs::exists(root_ + "/data"));
  EXPECT_TRUE(BecomesEmpty(root_ + "/tmp"));
}

TEST_F(SftpStoreTest, CleansWhatIsOlderThanADay) {
  const Store store = Make();
  ASSERT_OK(store->Put(Named("index/ab"), AsBytes("x")));
  WriteFile(root_ + "/tmp/old", "x");
  WriteFile(root_ + "/tmp/new", "x");
  fs::last_write_time(root_ + "/tmp/old", fs::file_time_type::clock::now() - std::chrono::hours(25));
  fs::last_write_time(root_ + "/tmp/new", fs::file_time_type::clock::now() - std::chrono::hours(23));
  ASSERT_OK(store->CleanTemporary());
  EXPECT_FALSE(fs::exists(root_ + "/tmp/old"));
  EXPECT_TRUE(fs::exists(root_ + "/tmp/new"));
  EXPECT_TRUE(fs::exists(root_ + "/index/ab"));
}

TEST_F(SftpStoreTest, StrangersAreTold) {
  const Store store = Make();
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  WriteFile(root_ + "/data/Thumbs.db", "x");
  fs::create_directory(root_ + "/Folder");
  fs::create_symlink(root_ + "/nowhere", root_ + "/data/ab/broken");
  fs::create_directory_symlink(root_ + "/data", root_ + "/linked");
  std::set<std::string> strangers;
  std::set<std::string> objects;
  ASSERT_OK(store->List(
      "",
      [&](const ObjectInfo& info) -> Result<void> {
        objects.insert(info.name.text());
        return {};
      },
      [&](const std::string& name) -> Result<void> {
        strangers.insert(name);
        return {};
      }));
  EXPECT_EQ(strangers, (std::set<std::string>{"data/Thumbs.db", "Folder/", "data/ab/broken", "linked/Thumbs.db",
                                              "linked/ab/broken"}));
  EXPECT_EQ(objects, (std::set<std::string>{"data/ab/cd", "linked/ab/cd"}));
}

TEST_F(SftpStoreTest, ManyFoldersAreListed) {
  const Store store = Make();
  std::set<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    const std::string name = fmt::format("data/{:02x}/{}", i % 60, i);
    fs::create_directories(fs::path(root_ + "/" + name).parent_path());
    WriteFile(root_ + "/" + name, "x");
    expected.insert(name);
  }
  std::set<std::string> seen;
  ASSERT_OK(store->List("data/", [&](const ObjectInfo& info) -> Result<void> {
    EXPECT_GT(info.modified, 0);
    EXPECT_TRUE(seen.insert(info.name.text()).second);
    return {};
  }));
  EXPECT_EQ(seen, expected);
}

TEST_F(SftpStoreTest, AnObjectThatIsNoFileIsCorrupt) {
  const Store store = Make();
  fs::create_directories(root_ + "/data/ab");
  EXPECT_THAT(store->Stat(Named("data/ab")), ErrorIs(ErrorCode::kCorrupt, HasSubstr("no regular file")));
  EXPECT_THAT(store->Get(Named("data/ab"), 100), ErrorIs(ErrorCode::kCorrupt, HasSubstr("no regular file")));
}

TEST(SftpServers, WithoutAtomicReplaceKeepWhatIsThere) {
  SshServer server({.denied = "posix-rename"});
  ASSERT_OK_AND_ASSIGN(const Store store, Create(server.Place(server / "repository"), server.Client()));
  EXPECT_OK(store->Put(Named("snapshots/ab"), AsBytes("first")));
  EXPECT_THAT(store->Put(Named("snapshots/ab"), AsBytes("second")),
              ErrorIs(ErrorCode::kUnsupported, HasSubstr("posix-rename@openssh.com")));
  EXPECT_THAT(store->Get(Named("snapshots/ab"), 100), IsOkAnd(BytesAre("first")));
  EXPECT_TRUE(BecomesEmpty(server / "repository/tmp"));
}

class RelayTest : public testing::Test {
 protected:
  SftpOptions Relay(const std::string& mode) const {
    return {.command = {CAIRN_SOURCE_DIR "/tests/support/sftp_relay.py", mode}};
  }
  const TempFolder folder_ = TempFolder::InMemory();
  const SftpPlace place_ = SftpPlace::Parse("sftp:relay:" + folder_ / "repository").value();
};

TEST_F(RelayTest, AServerWhoseRenameReplacesIsRefused) {
  EXPECT_THAT(Create(place_, Relay("replacing-rename")),
              ErrorIs(ErrorCode::kUnsupported, AllOf(HasSubstr("one writer only"), HasSubstr("hardlink@openssh.com"))));
  ASSERT_OK(LocalStore::Create(PosixFileSystem(), SystemRandom(), folder_ / "repository"));
  ASSERT_OK_AND_ASSIGN(const Store store, Open(place_, Relay("replacing-rename")));
  EXPECT_THAT(store->PutIfAbsent(Named("snapshots/ab"), AsBytes("x")), ErrorCodeIs(ErrorCode::kUnsupported));
  EXPECT_OK(store->Put(Named("snapshots/ab"), AsBytes("x")));  // and is read
  EXPECT_THAT(store->Get(Named("snapshots/ab"), 10), IsOkAnd(BytesAre("x")));
}

TEST_F(RelayTest, ADiskWithoutHardLinksIsRefused) {
  EXPECT_THAT(Create(place_, Relay("no-links")),
              ErrorIs(ErrorCode::kUnsupported, AllOf(HasSubstr("hard links"), HasSubstr("another disk"))));
  ASSERT_OK(LocalStore::Create(PosixFileSystem(), SystemRandom(), folder_ / "repository"));
  ASSERT_OK_AND_ASSIGN(const Store store, Open(place_, Relay("no-links")));
  EXPECT_THAT(store->PutIfAbsent(Named("snapshots/ab"), AsBytes("x")),
              ErrorIs(ErrorCode::kUnsupported, HasSubstr("hard links")));
}

TEST_F(RelayTest, FoldersThatCannotBeSyncedAreNotMissed) {
  ASSERT_OK_AND_ASSIGN(const Store store, Create(place_, Relay("no-folder-sync")));
  EXPECT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  EXPECT_THAT(store->PutIfAbsent(Named("data/ab/cd"), AsBytes("y")), IsOkAnd(false));
  EXPECT_OK(store->Remove(Named("data/ab/cd")));
}

// The bytes before the name, and the name before the return; what belongs together goes in one go.
TEST_F(RelayTest, SyncsTheFileThenItsNameThenTheFolder) {
  const std::string notes = folder_ / "notes";
  ASSERT_OK_AND_ASSIGN(const Store store,
                       Create(place_, {.command = {CAIRN_SOURCE_DIR "/tests/support/sftp_relay.py", "record", notes}}));
  const auto asked = [&](const std::function<void()>& call) {
    fs::resize_file(notes, 0);
    call();
    std::vector<std::string> lines;
    std::ifstream file(notes);
    for (std::string line; std::getline(file, line);) {
      if (line != "4") lines.push_back(line);  // closing is not waited for
    }
    return lines;
  };
  ASSERT_OK(store->Put(Named("index/ab"), AsBytes("x")));
  const std::string sync = "fsync@openssh.com";
  const std::string open = "3", write = "6", remove = "13";
  EXPECT_THAT(asked([&] { ASSERT_OK(store->Put(Named("index/cd"), AsBytes("x"))); }),
              ElementsAre(open, write, sync, open, "posix-rename@openssh.com", sync));
  EXPECT_THAT(asked([&] { EXPECT_THAT(store->PutIfAbsent(Named("index/ef"), AsBytes("x")), IsOkAnd(true)); }),
              ElementsAre(open, write, sync, open, "hardlink@openssh.com", remove, sync));
  EXPECT_THAT(asked([&] { EXPECT_OK(store->Remove(Named("index/ef"))); }), ElementsAre(open, remove, sync));
}

// Of what takes long, the bytes go first; the name waits for both.
TEST_F(RelayTest, AFolderIsMadeWhileALargeObjectIsOnItsWay) {
  const std::string notes = folder_ / "notes";
  ASSERT_OK_AND_ASSIGN(const Store store,
                       Create(place_, {.command = {CAIRN_SOURCE_DIR "/tests/support/sftp_relay.py", "record", notes}}));
  ASSERT_OK(store->Put(Named("data/ab/first"), AsBytes("x")));
  fs::resize_file(notes, 0);
  ASSERT_OK(store->Put(Named("data/cd/second"), Bytes(kMiB)));
  std::vector<std::string> lines;
  std::ifstream file(notes);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  const std::string sync = "fsync@openssh.com";
  const auto at = [&](const std::string& line) { return std::ranges::find(lines, line); };
  EXPECT_LT(at("6"), at(sync)) << "a write comes before the name of the folder is synced";
  EXPECT_NE(at("14"), lines.end());
  EXPECT_EQ(std::count(lines.begin(), at("posix-rename@openssh.com"), sync), 2) << "of the file, and of the folder";
  EXPECT_EQ(std::count(at("posix-rename@openssh.com"), lines.end(), sync), 1) << "of the name";
  EXPECT_THAT(store->Get(Named("data/cd/second"), 2 * kMiB), IsOkAnd(testing::SizeIs(kMiB)));
}

TEST_F(RelayTest, AFolderThatCannotBeMadeIsToldOfALargeObject) {
  ASSERT_OK_AND_ASSIGN(const Store store, Create(place_, {.command = {"/usr/lib/openssh/sftp-server"}}));
  ASSERT_OK(store->Put(Named("data/ab/first"), AsBytes("x")));
  WriteFile(folder_ / "repository/data/cd", "a file");
  EXPECT_THAT(store->Put(Named("data/cd/second"), Bytes(kMiB)), ErrorIs(ErrorCode::kIo, HasSubstr("is a file")));
  EXPECT_TRUE(BecomesEmpty(folder_ / "repository/tmp"));
}

TEST_F(SftpStoreTest, OpenSshSyncsFolders) {
  fs::create_directory(root_);
  sftp::ConnectionPool pool(server_.Place(root_), server_.Client(), SystemClock(), {});
  ASSERT_OK_AND_ASSIGN(sftp::Lease lease, pool.Get(sftp::Traffic::kFew));
  const std::string host = "host";
  sftp::RemoteFiles files(std::move(lease), host);
  const auto nothing = []() -> Result<void> { return {}; };
  EXPECT_THAT(files.ChangeAndSync(root_, nothing), IsOkAnd(sftp::FolderSync::kDone));
  EXPECT_THAT(files.ChangeAndSync(root_ + "/absent", nothing), IsOkAnd(sftp::FolderSync::kNoFolder));
}

// Some servers, and accounts, give one session only.
TEST_F(RelayTest, AServerThatRefusesASecondSessionServesWithOne) {
  const std::string script = "mkdir '" + folder_ / "first" + "' || exit 1; exec /usr/lib/openssh/sftp-server";
  ASSERT_OK_AND_ASSIGN(const Store store, Create(place_, {.command = {"sh", "-c", script}}));
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_OK(store->Put(Named("data/" + std::to_string(thread) + "/" + std::to_string(i)), Bytes(50'000)));
      }
    });
  }
}

}  // namespace
}  // namespace cairn
