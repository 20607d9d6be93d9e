#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "engine/store/sftp/sftp_pool.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

using std::chrono::milliseconds;

double RunThreads(unsigned threads, std::chrono::nanoseconds connect_max, std::chrono::nanoseconds stopped_max,
                  std::optional<milliseconds> stop_after) {
  const auto place = SftpPlace::Parse("sftp:host:/r").value();
  std::stop_source stop;
  SftpOptions options;
  options.command = {"sleep", "100"};
  options.connect_max = connect_max;
  options.stopped_max = stopped_max;
  sftp::ConnectionPool pool(place, options, SystemClock(), stop.get_token());
  auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < threads; ++i) {
      all.emplace_back([&] { EXPECT_FALSE(pool.Get(sftp::Traffic::kMany)); });
    }
    if (stop_after) {
      std::this_thread::sleep_for(*stop_after);
      stop.request_stop();
      begin = std::chrono::steady_clock::now();
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(SftpConnectionPool, ThreadsThatWaitForOneConnectionShareItsFailure) {
  const double seconds = RunThreads(8, milliseconds(500), milliseconds(500), std::nullopt);
  EXPECT_LT(seconds, 2);
}

TEST(SftpConnectionPool, AStopEndsAllWhoWaitForAConnection) {
  const double seconds = RunThreads(8, std::chrono::seconds(30), milliseconds(1000), milliseconds(200));
  EXPECT_LT(seconds, 2);
}

// As many as those who have many bytes lack, at the same time: one after the other they come too late.
TEST(SftpConnectionPool, OpensWhatIsLackingAtTheSameTime) {
  const TempFolder folder = TempFolder::InMemory();
  const auto place = SftpPlace::Parse("sftp:host:/r").value();
  SftpOptions options;
  options.connections_max = 4;
  options.command = {"sh", "-c",
                     "mktemp '" + folder.path() + "/XXXXXX' >&2; while [ -e '" + folder.path() +
                         "/wait' ]; do sleep 0.01; done; exec /usr/lib/openssh/sftp-server"};
  const auto begun = [&] {
    const std::filesystem::directory_iterator files(folder.path());
    return std::distance(begin(files), end(files));
  };
  sftp::ConnectionPool pool(place, options, SystemClock(), {});
  std::vector<sftp::Lease> leases;
  ASSERT_OK_AND_ASSIGN(sftp::Lease first, pool.Get(sftp::Traffic::kMany));
  leases.push_back(std::move(first));
  EXPECT_EQ(begun(), 1);
  std::ofstream(folder / "wait") << "x";
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK_AND_ASSIGN(sftp::Lease more, pool.Get(sftp::Traffic::kMany));  // shares the first
    leases.push_back(std::move(more));
  }
  for (int i = 0; i < 1000 && begun() < 4 + 1; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(begun(), 4 + 1) << "connections_max, and the file that they wait for";
  std::filesystem::remove(folder / "wait");
}

}  // namespace
}  // namespace cairn
