#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "engine/store/sftp/sftp_pool.h"

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

}  // namespace
}  // namespace cairn
