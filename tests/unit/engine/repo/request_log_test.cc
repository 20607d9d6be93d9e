#include "engine/repo/request_log.h"

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;

class RequestLogTest : public testing::Test {
 protected:
  Result<void> Add(std::string_view command, const RequestCounts& counts) {
    return RequestLog(PosixFileSystem(), folder_.path()).Add(command, counts, clock_, random_);
  }
  std::vector<RequestDay> Load() const { return RequestLog(PosixFileSystem(), folder_.path()).Load(); }

  TempFolder folder_ = TempFolder::InMemory();
  FakeClock clock_;
  SeededRandom random_;
};

TEST_F(RequestLogTest, AddsRunsOfOneDayAndCommand) {
  EXPECT_TRUE(Load().empty());
  ASSERT_OK(Add("backup", {.puts = 3, .bytes_up = 10}));
  ASSERT_OK(Add("backup", {.puts = 4, .lists = 1, .data_bytes_down = 9}));
  ASSERT_OK(Add("check", {.gets = 1}));
  clock_.Advance(24h);
  ASSERT_OK(Add("backup", {.heads = 5}));
  const auto days = Load();
  ASSERT_EQ(days.size(), 3u);
  EXPECT_EQ(days[0].day, "2026-01-01");
  EXPECT_EQ(days[0].command, "backup");
  EXPECT_EQ(days[0].runs, 2u);
  EXPECT_EQ(days[0].counts, (RequestCounts{.puts = 7, .lists = 1, .bytes_up = 10, .data_bytes_down = 9}));
  EXPECT_EQ(days[1].command, "check");
  EXPECT_EQ(days[2].day, "2026-01-02");
  EXPECT_EQ(days[2].counts.heads, 5u);
}

TEST_F(RequestLogTest, KeepsTheNewestDays) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(Add("backup", {.puts = 1}));
    ASSERT_OK(Add("prune", {.puts = 1}));
    clock_.Advance(24h);
  }
  const auto days = Load();
  EXPECT_EQ(days.size(), 2u * 62);
  EXPECT_EQ(days.front().day, "2026-02-08");
}

TEST_F(RequestLogTest, ADamagedOneCountsAsMissing) {
  for (const std::string_view text : {"requests 2\n", "requests 1\n2026-01-01 backup 1\n",
                                      "requests 1\n2026-01-01 backup 1 2 3 4 5 6 7 8 9 10 11 12\n",
                                      "requests 1\n2026-01-01 backup 1 2 3 4 5 6 7 8 9 10 x\n",
                                      "requests 1\n2026-01-01 backup 1 2 3 4 5 6 7 8 9 10 11"}) {
    IgnoreError(PosixFileSystem().Remove(folder_.path() + "/requests"), "the first time there is none");
    ASSERT_OK(PosixFileSystem().WriteNewFile(folder_.path() + "/requests", AsBytes(text)));
    EXPECT_TRUE(Load().empty()) << text;
    ASSERT_OK(Add("backup", {.puts = 1}));
    EXPECT_EQ(Load().size(), 1u) << text;
  }
}

}  // namespace
}  // namespace cairn
