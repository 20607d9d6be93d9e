#include "frontends/view/csv_view.h"

#include <gmock/gmock.h>

#include <random>

#include "frontends/postgres/copy_csv.h"
#include "frontends/view/joined_view.h"
#include "tests/support/matchers.h"

namespace cairn::view {
namespace {

std::string Read(const FileView& view, uint64_t offset, size_t size) {
  Bytes bytes(size);
  const auto got = view.Read(offset, bytes);
  EXPECT_OK(got);
  return got ? ToString(ByteSpan(bytes).first(*got)) : "";
}

std::shared_ptr<const FileView> TextView(std::string text) {
  return std::make_shared<const JoinedView>(std::move(text), nullptr, "");
}

TEST(JoinedView, ReadsEveryRangeOfItsThreeParts) {
  const std::string whole = "headbody bytestail";
  const JoinedView view("head", TextView("body bytes"), "tail");
  EXPECT_EQ(view.size(), whole.size());
  for (size_t begin = 0; begin <= whole.size() + 1; ++begin) {
    for (size_t size = 0; size <= whole.size() + 1; ++size) {
      EXPECT_EQ(Read(view, begin, size), begin < whole.size() ? whole.substr(begin, size) : "") << begin << " " << size;
    }
  }
  EXPECT_OK(view.Touch(0, UINT64_MAX));
  EXPECT_EQ(view.NextData(3).value(), 3);
  EXPECT_EQ(view.NextHole(3).value(), whole.size());
  EXPECT_EQ(view.NextData(whole.size()).value(), std::nullopt);
}

class CsvViewTest : public testing::Test {
 protected:
  CsvViewTest() {
    const std::vector<std::string> names = {"id", "odd, name"};
    csv_ = "id,\"odd, name\"\n";
    std::string rows;
    for (int i = 0; i < 60'000; ++i) {
      const std::string text(static_cast<size_t>(dice_() % 120), i % 3 == 0 ? '"' : 'x');
      rows += fmt::format("{}\t{}\n", i, text);
      postgres::AppendCsvLine(std::vector<std::optional<std::string>>{fmt::format("{}", i), text}, csv_);
    }
    rows_ = TextView(std::move(rows));
    plan_ = CsvPlan::Make(*rows_, names, {}).value();
  }
  std::mt19937 dice_{7};
  std::string csv_;
  std::shared_ptr<const FileView> rows_;
  std::shared_ptr<const CsvPlan> plan_;
};

TEST_F(CsvViewTest, KnowsItsSizeAndReadsOn) {
  const CsvView view(rows_, plan_);
  ASSERT_EQ(view.size(), csv_.size());
  ASSERT_GT(plan_->marks.size(), 3);
  std::string read;
  while (read.size() < csv_.size()) read += Read(view, read.size(), 131'072);
  EXPECT_TRUE(read == csv_);
  EXPECT_EQ(Read(view, view.size(), 10), "");
}

TEST_F(CsvViewTest, ReadsAnyRangeInAnyOrder) {
  const CsvView view(rows_, plan_);
  for (int i = 0; i < 300; ++i) {
    const size_t begin = dice_() % csv_.size(), size = dice_() % (i % 5 == 0 ? 2'000'000 : 5'000);
    ASSERT_TRUE(Read(view, begin, size) == csv_.substr(begin, size)) << begin << " " << size;
    EXPECT_OK(view.Touch(begin, size));
  }
}

TEST_F(CsvViewTest, RowsThatAreNoneAreDamage) {
  EXPECT_EQ(CsvPlan::Make(*TextView("1\t2\n3\n"), {"a", "b"}, {}).error().code(), ErrorCode::kCorrupt);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(CsvPlan::Make(*rows_, {"a", "b"}, stop.get_token()).error().code(), ErrorCode::kInterrupted);
  // Rows that are fewer than when they were counted.
  const CsvView view(TextView("1\t2\n"), plan_);
  Bytes bytes(100);
  EXPECT_EQ(view.Read(1'000, bytes).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace cairn::view
