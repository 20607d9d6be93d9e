// What an SFTP store says and does when server, network or disk fail; against a real sshd.
#include <chrono>
#include <filesystem>
#include <thread>

#include "engine/store/retry_store.h"
#include "engine/store/sftp/sftp_store.h"
#include "tests/support/matchers.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"
#include "tests/support/ssh_server.h"
#include "tests/support/tiny_disk.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using Store = std::unique_ptr<SftpStore>;

Result<Store> Create(const SftpPlace& place, const SftpOptions& options, std::stop_token stop = {}) {
  return SftpStore::Create(place, options, SystemRandom(), SystemClock(), std::move(stop));
}

// How long `call` takes.
template <class Call>
std::chrono::nanoseconds TimeOf(const Call& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::steady_clock::now() - begin;
}

template <class T>
void ExpectTransient(const Result<T>& result) {
  ASSERT_THAT(result, ErrorCodeIs(ErrorCode::kIo));
  EXPECT_TRUE(result.error().transient()) << result.error().message();
}

// Which of the words people read is in it; printed, so that they are looked at.
template <class T, class Matcher>
void ExpectTold(const Result<T>& result, ErrorCode code, bool transient, const Matcher& words) {
  ASSERT_THAT(result, ErrorIs(code, words));
  EXPECT_EQ(result.error().transient(), transient);
  std::cout << "  " << result.error().message() << "\n";
}

TEST(SftpLogin, AnUnknownHostKeyIsToldWithTheWayOut) {
  const SshServer server({.is_known = false});
  ExpectTold(Create(server.Place(server / "r"), server.Client()), ErrorCode::kPermission, false,
             AllOf(HasSubstr("is not known"), HasSubstr("ssh -p " + std::to_string(server.port()))));
}

TEST(SftpLogin, AChangedHostKeyIsToldWithTheWayOut) {
  SshServer server;
  server.ChangeHostKey();
  ExpectTold(Create(server.Place(server / "r"), server.Client()), ErrorCode::kPermission, false,
             AllOf(HasSubstr("another host key"), HasSubstr("somebody stands between"), HasSubstr("ssh-keygen -R")));
}

TEST(SftpLogin, AKeyThatIsNotTakenIsToldWithTheWayOut) {
  const SshServer server({.accepts_key = false});
  ExpectTold(Create(server.Place(server / "r"), server.Client()), ErrorCode::kPermission, false,
             AllOf(HasSubstr("takes none of your keys"), HasSubstr("ssh-copy-id")));
}

TEST(SftpLogin, AServerWithoutSftpIsTold) {
  const SshServer server({.has_sftp = false});
  ExpectTold(Create(server.Place(server / "r"), server.Client()), ErrorCode::kUnsupported, false,
             HasSubstr("offers no SFTP"));
}

TEST(SftpLogin, AServerThatIsDownIsTransient) {
  SshServer server;
  server.Kill();
  ExpectTold(Create(server.Place(server / "r"), server.Client()), ErrorCode::kIo, true,
             HasSubstr("no ssh server answers"));
}

TEST(SftpLogin, AHostThatIsNotThereIsTold) {
  const SshServer server;
  EXPECT_THAT(Create(SftpPlace::Parse("sftp:no-such-host.invalid:/r").value(), server.Client()),
              ErrorIs(ErrorCode::kIo, AllOf(HasSubstr("no-such-host.invalid"), HasSubstr("?"))));
}

// An address of the documentation's, where nobody answers; a system without a network says so at once.
TEST(SftpLogin, AHostThatCannotBeReachedIsGivenUpInTime) {
  const SshServer server;
  SftpOptions options = server.Client();
  options.connect_max = seconds(1);
  EXPECT_LT(TimeOf([&] {
              ExpectTold(Create(SftpPlace::Parse("sftp:192.0.2.1:/r").value(), options), ErrorCode::kIo, true,
                         HasSubstr("192.0.2.1"));
            }),
            seconds(6));
}

// It takes the connection, and says nothing.
TEST(SftpLogin, ASilentHostIsGivenUpInTime) {
  SshServer server;
  server.FreezeListener();
  SftpOptions options = server.Client();
  options.connect_max = seconds(1);
  EXPECT_LT(TimeOf([&] {
              ExpectTold(Create(server.Place(server / "r"), options), ErrorCode::kIo, true,
                         AllOf(HasSubstr("127.0.0.1"), HasSubstr("is it up, and the network?")));
            }),
            seconds(6));
}

// Even where ssh itself would wait: a port that takes connections and says nothing.
TEST(SftpLogin, ASilentProgramIsGivenUpInTime) {
  const auto place = SftpPlace::Parse("sftp:host:/r").value();
  EXPECT_LT(TimeOf([&] {
              ExpectTold(Create(place, {.command = {"sleep", "100"}, .connect_max = milliseconds(300)}), ErrorCode::kIo,
                         true, HasSubstr("no SFTP session at host within"));
            }),
            seconds(5));
}

TEST(SftpLogin, StopEndsTheWaitForAConnection) {
  const auto place = SftpPlace::Parse("sftp:host:/r").value();
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop.request_stop();
  });
  EXPECT_LT(TimeOf([&] {
              EXPECT_THAT(Create(place, {.command = {"sleep", "100"}}, stop.get_token()),
                          ErrorCodeIs(ErrorCode::kInterrupted));
            }),
            seconds(5));
}

TEST(SftpLogin, AProgramThatIsMissingIsToldByName) {
  const auto place = SftpPlace::Parse("sftp:host:/r").value();
  ExpectTold(Create(place, {.ssh = {"no-such-ssh"}}), ErrorCode::kUnsupported, false,
             AllOf(HasSubstr("no-such-ssh"), HasSubstr("OpenSSH")));
}

TEST(SftpLogin, TextOfALoginShellIsTold) {
  const auto place = SftpPlace::Parse("sftp:host:/r").value();
  ExpectTold(Create(place, {.command = {"sh", "-c", "echo Welcome; exec sleep 100"}}), ErrorCode::kUnsupported, false,
             AllOf(HasSubstr("Welcome"), HasSubstr(".bashrc")));
}

class SftpBreak : public testing::Test {
 protected:
  SftpBreak() {
    SftpOptions options = server_.Client();
    options.silence_max = seconds(2);
    options.connect_max = seconds(5);
    store_ = Create(server_.Place(root_), options).value();
  }
  // Ends the server's sessions while `call` is under way.
  template <class Call>
  void KillDuring(const Call& call) {
    const std::jthread killer([&] {
      std::this_thread::sleep_for(milliseconds(SeededRandom(static_cast<uint64_t>(++kills_)).Below(40) + 5));
      server_.Kill();
    });
    call();
  }
  SshServer server_;
  const std::string root_ = server_ / "repository";
  const Bytes big_ = SeededRandom().SomeBytes(16 * kMiB);
  Store store_;
  int kills_ = 0;
};

TEST_F(SftpBreak, AKilledServerIsTransientAndTheNextCallWorks) {
  const ObjectName name = Named("data/ab/big");
  int broken = 0;
  const auto check = [&](const auto& call) {
    auto result = call();
    EXPECT_LT(TimeOf([&] { KillDuring([&] { result = call(); }); }), seconds(5));
    broken += result ? 0 : 1;
    if (!result) ExpectTransient(result);
    server_.Start();
    auto next = call();
    if (result && !next) {  // it was over before the kill: then this one is the first that notices
      ExpectTransient(next);
      next = call();
    }
    return next;
  };
  for (int round = 0; round < 10; ++round) {
    EXPECT_OK(check([&] { return store_->Put(name, big_); }));
    const auto got = check([&] { return store_->Get(name, big_.size()); });
    ASSERT_OK(got);
    EXPECT_TRUE(Equal(*got, big_));
  }
  EXPECT_GT(broken, 4) << "the kills came too late to break anything";
}

TEST_F(SftpBreak, ManyThreadsSurviveWithRetries) {
  RetryStore retry(std::move(store_), SystemClock(), SystemRandom(), {}, {.delay_first = milliseconds(50)});
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const SeededRandom random(static_cast<uint64_t>(thread));
      for (int i = 0; i < 10; ++i) {
        const Bytes bytes = random.SomeBytes(kMiB + 17);
        const ObjectName name = Named("data/ab/" + std::to_string(thread) + "-" + std::to_string(i));
        EXPECT_THAT(retry.PutIfAbsent(name, bytes), IsOkAnd(true));
        const auto got = retry.Get(name, bytes.size());
        ASSERT_OK(got);
        EXPECT_TRUE(Equal(*got, bytes));
      }
    });
  }
  for (int kill = 0; kill < 4; ++kill) {
    std::this_thread::sleep_for(milliseconds(250));
    server_.Kill();
    server_.Start();
  }
}

TEST_F(SftpBreak, AFrozenServerIsGivenUpInTime) {
  ASSERT_OK(store_->Put(Named("data/ab/cd"), AsBytes("x")));
  server_.Freeze();
  const auto took = TimeOf([&] {
    const auto got = store_->Get(Named("data/ab/cd"), 10);
    ExpectTold(got, ErrorCode::kIo, true, HasSubstr("has sent nothing for 2 s"));
  });
  EXPECT_GT(took, seconds(1));
  EXPECT_LT(took, seconds(6));
  server_.Thaw();
  EXPECT_THAT(store_->Get(Named("data/ab/cd"), 10), IsOkAnd(BytesAre("x")));
}

TEST_F(SftpBreak, AnIdleConnectionIsNotTakenForASilentOne) {
  ASSERT_OK(store_->Put(Named("data/ab/cd"), AsBytes("x")));
  std::this_thread::sleep_for(milliseconds(2'500));
  EXPECT_EQ(server_.CountSessions(), 1);
  EXPECT_THAT(store_->Get(Named("data/ab/cd"), 10), IsOkAnd(BytesAre("x")));
  EXPECT_EQ(server_.CountSessions(), 1);
}

// What ends a session must reach the store after a Ctrl-C, too.
TEST(SftpStop, CallsAfterAStopStillWork) {
  SshServer server;
  std::stop_source stop;
  ASSERT_OK_AND_ASSIGN(const Store store, Create(server.Place(server / "r"), server.Client(), stop.get_token()));
  ASSERT_OK(store->Put(Named("sessions/ab"), AsBytes("x")));
  stop.request_stop();
  EXPECT_OK(store->Remove(Named("sessions/ab")));
  server.Kill();
  server.Start();
  const auto put = store->Put(Named("index/ab"), AsBytes("x"));  // maybe by the connection that was
  if (!put) ExpectTransient(put);
  EXPECT_OK(store->Put(Named("index/ab"), AsBytes("x")));
}

TEST(SftpStop, AStopShortensTheWaitForASilentServer) {
  SshServer server;
  std::stop_source stop;
  SftpOptions options = server.Client();
  options.stopped_max = seconds(1);
  ASSERT_OK_AND_ASSIGN(const Store store, Create(server.Place(server / "r"), options, stop.get_token()));
  server.Freeze();
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop.request_stop();
  });
  EXPECT_LT(TimeOf([&] { ExpectTransient(store->Get(Named("index/ab"), 10)); }), seconds(5));
  server.Thaw();
}

// OpenSSH's SFTP server without the sshd before it, which does not serve whoever is root only in a world of his own.
const SftpOptions kServerOnly = {.command = {"/usr/lib/openssh/sftp-server"}};
SftpPlace PlaceOn(const std::string& path) { return SftpPlace::Parse("sftp:disk:" + path).value(); }

void ExpectNoSpace(const std::string& disk) {
  ASSERT_OK_AND_ASSIGN(const Store store, Create(PlaceOn(disk + "/repository"), kServerOnly));
  ASSERT_OK(store->Put(Named("data/ab/small"), Bytes(100'000)));
  ExpectTold(store->Put(Named("data/ab/big"), Bytes(16 * kMiB)), ErrorCode::kNoSpace, false,
             AllOf(HasSubstr("data/ab/big"), HasSubstr("disk is full")));
  ExpectTold(store->PutIfAbsent(Named("data/ab/big"), Bytes(16 * kMiB)), ErrorCode::kNoSpace, false,
             HasSubstr("disk is full"));
  EXPECT_THAT(store->Stat(Named("data/ab/big")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(store->Put(Named("data/ab/other"), Bytes(100'000)));  // what was begun is gone
}

void ExpectReadOnly(const std::string& disk) {
  ASSERT_OK_AND_ASSIGN(const Store store, Create(PlaceOn(disk + "/repository"), kServerOnly));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  ASSERT_TRUE(RemountReadOnly(disk));
  ExpectTold(store->Put(Named("data/ab/ef"), AsBytes("x")), ErrorCode::kPermission, false, HasSubstr("read-only"));
  ExpectTold(store->Remove(Named("data/ab/cd")), ErrorCode::kPermission, false, HasSubstr("read-only"));
  ExpectTold(Create(PlaceOn(disk + "/other"), kServerOnly), ErrorCode::kPermission, false, HasSubstr("read-only"));
  EXPECT_THAT(store->Get(Named("data/ab/cd"), 10), IsOkAnd(BytesAre("x")));
}

void RunOn(uint64_t bytes, const std::function<void(const std::string& disk)>& test) {
  const TinyDiskResult result = RunOnTinyDisk(bytes, test);
  if (result == TinyDiskResult::kNotAllowed) GTEST_SKIP() << "this system lets us mount nothing";
  EXPECT_EQ(result, TinyDiskResult::kPassed);
}

TEST(SftpDisk, AFullDiskIsTold) { RunOn(4 * kMiB, ExpectNoSpace); }
TEST(SftpDisk, AReadOnlyDiskIsTold) { RunOn(4 * kMiB, ExpectReadOnly); }

}  // namespace
}  // namespace cairn
