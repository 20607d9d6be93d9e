#include "engine/env/record_sorter.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

constexpr size_t kRecordBytes = 12;
using Record = std::array<uint8_t, kRecordBytes>;
using Records = std::set<Record>;

// Few different heads, so that what is behind the first eight bytes decides as well.
Record RandomRecord(std::mt19937_64& random, uint64_t heads) {
  Record record{};
  const uint64_t head = random() % heads * (UINT64_MAX / heads);
  for (size_t i = 0; i < 8; ++i) record[i] = static_cast<uint8_t>(head >> (56 - 8 * i));
  record[11] = static_cast<uint8_t>(random() % 4);
  return record;
}

std::vector<Record> All(RecordSorter& sorter, ByteSpan first = {}, ByteSpan end = {}) {
  EXPECT_OK(sorter.EndAdding());
  auto reader = sorter.Read(first, end, 1 << 20);
  EXPECT_OK(reader);
  std::vector<Record> all;
  for (;;) {
    const auto record = (*reader)->Next();
    EXPECT_OK(record);
    if (!record || record->empty()) return all;
    all.emplace_back();
    std::ranges::copy(*record, all.back().begin());
  }
}

class RecordSorterTest : public testing::TestWithParam<bool> {
 protected:
  // 1,024 records in memory, or twice as many.
  RecordSorter::Options Options() {
    return {.folder = folder_.path(),
            .record_bytes = kRecordBytes,
            .memory_bytes = 1,
            .thread = GetParam() ? thread_.get() : nullptr};
  }
  TempFolder folder_;
  std::unique_ptr<Executor> thread_ = MakeThreadPool(1);
};

TEST_P(RecordSorterTest, GivesEachRecordOnceInOrder) {
  for (const size_t count : {0, 1, 1023, 1024, 1025, 30'000}) {
    for (const uint64_t heads : {uint64_t{1}, uint64_t{300}, uint64_t{1} << 40}) {
      SCOPED_TRACE(fmt::format("{} records, {} heads", count, heads));
      RecordSorter sorter(Options());
      std::mt19937_64 random(count + heads);
      Records expected;
      for (size_t i = 0; i < count; ++i) {
        const Record record = RandomRecord(random, heads);
        expected.insert(record);
        ASSERT_OK(sorter.Add(record));
      }
      EXPECT_EQ(sorter.added(), count);
      EXPECT_EQ(All(sorter), std::vector<Record>(expected.begin(), expected.end()));
      EXPECT_EQ(All(sorter), std::vector<Record>(expected.begin(), expected.end())) << "read again";
      EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "its file has no name";
    }
  }
}

TEST_P(RecordSorterTest, RangesMeetWithoutGapOrOverlap) {
  RecordSorter sorter(Options());
  std::mt19937_64 random(7);
  Records expected;
  for (size_t i = 0; i < 20'000; ++i) {
    const Record record = RandomRecord(random, 5000);
    expected.insert(record);
    ASSERT_OK(sorter.Add(record));
  }
  ASSERT_OK(sorter.EndAdding());
  const Bytes third(8, 0x55), two_thirds(8, 0xaa), last(8, 0xff);
  std::vector<std::vector<Record>> parts(3);
  const std::vector<std::pair<ByteSpan, ByteSpan>> bounds = {{{}, third}, {third, two_thirds}, {two_thirds, {}}};
  {
    std::vector<std::unique_ptr<RecordSorter::Reader>> readers;
    std::vector<std::jthread> threads;  // each reads its own
    for (const auto& [first, end] : bounds) {
      auto reader = sorter.Read(first, end, 1);
      ASSERT_OK(reader);
      readers.push_back(*std::move(reader));
    }
    for (size_t part = 0; part < parts.size(); ++part) {
      threads.emplace_back([&, part] {
        for (auto record = readers[part]->Next(); record && !record->empty(); record = readers[part]->Next()) {
          parts[part].emplace_back();
          std::ranges::copy(*record, parts[part].back().begin());
        }
      });
    }
  }
  std::vector<Record> together;
  for (const auto& part : parts) {
    EXPECT_FALSE(part.empty());
    together.insert(together.end(), part.begin(), part.end());
  }
  EXPECT_EQ(together, std::vector<Record>(expected.begin(), expected.end()));
  // A bound that is a record: included below, excluded above.
  const Record middle = *std::next(expected.begin(), 100);
  EXPECT_EQ(All(sorter, middle).front(), middle);
  EXPECT_EQ(All(sorter, {}, middle).size(), 100u);
  EXPECT_TRUE(All(sorter, two_thirds, third).empty());
}

TEST_P(RecordSorterTest, FolderThatIsGoneIsToldByItsName) {
  auto options = Options();
  options.folder += "/gone";
  RecordSorter sorter(options);
  Result<void> result;
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000 && result; ++i) result = sorter.Add(RandomRecord(random, uint64_t{1} << 40));
  ASSERT_FALSE(result);
  EXPECT_THAT(std::string(result.error().message()), testing::HasSubstr("/gone"));
}

// Files may have so many bytes and no more: a disk that is full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) : former_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit limit{bytes, former_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &former_);
    std::signal(SIGXFSZ, former_handler_);
  }

 private:
  void (*former_handler_)(int);
  rlimit former_{};
};

TEST_P(RecordSorterTest, AfterAFailureNothingIsGivenAsIfItWereAll) {
  RecordSorter sorter(Options());
  std::mt19937_64 random(3);
  Result<void> failure;
  {
    const FileSizeLimit limit(20'000);
    for (int i = 0; i < 10'000 && failure; ++i) failure = sorter.Add(RandomRecord(random, 700));
  }
  ASSERT_FALSE(failure);
  EXPECT_THAT(std::string(failure.error().message()), testing::HasSubstr(folder_.path()));
  const Result<void> later = sorter.Add(RandomRecord(random, 700));
  ASSERT_FALSE(later) << "there is room again, but what was to be written is lost";
  EXPECT_EQ(later.error().message(), failure.error().message());
  EXPECT_EQ(sorter.Add(RandomRecord(random, 700)).error().message(), failure.error().message());
  EXPECT_EQ(sorter.EndAdding().error().message(), failure.error().message());
  EXPECT_EQ(sorter.failure().error().message(), failure.error().message());
}

TEST_P(RecordSorterTest, AFailureOfTheLastRunIsToldAtTheEnd) {
  RecordSorter sorter(Options());
  std::mt19937_64 random(3);
  {
    const FileSizeLimit limit(5'000);
    Result<void> failure;
    for (int i = 0; i < 1025 && failure; ++i) failure = sorter.Add(RandomRecord(random, uint64_t{1} << 40));
    EXPECT_EQ(failure.has_value(), GetParam()) << "a thread is still at it";
    EXPECT_FALSE(sorter.EndAdding());
  }
  EXPECT_FALSE(sorter.EndAdding());
}

INSTANTIATE_TEST_SUITE_P(, RecordSorterTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "WithAThread" : "Alone"; });

}  // namespace
}  // namespace cairn
