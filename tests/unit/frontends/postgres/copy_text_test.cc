#include "frontends/postgres/copy_text.h"

#include <gmock/gmock.h>

#include "frontends/postgres/copy_csv.h"
#include "tests/support/matchers.h"

namespace cairn::postgres {
namespace {

using Values = std::vector<std::optional<std::string>>;

// In pieces of `piece_bytes`.
Result<std::vector<Values>> RowsOf(std::string_view text, size_t columns, size_t piece_bytes) {
  std::vector<Values> rows;
  std::vector<uint64_t> begins;
  const CopyRows* reading = nullptr;
  CopyRows reader(columns, [&](std::span<const std::optional<std::string>> values) -> Result<void> {
    rows.emplace_back(values.begin(), values.end());
    begins.push_back(reading->row_begin());
    return {};
  });
  reading = &reader;
  for (size_t i = 0; i < text.size(); i += piece_bytes) {
    RETURN_IF_ERROR(reader.Take(AsBytes(text.substr(i, piece_bytes))));
  }
  RETURN_IF_ERROR(reader.End());
  EXPECT_EQ(reader.rows(), rows.size());
  for (const uint64_t begin : begins) EXPECT_TRUE(begin == 0 || text[begin - 1] == '\n') << begin;
  return rows;
}

TEST(CopyRows, ReadsValuesHoweverTheBytesAreCut) {
  constexpr std::string_view kText = "1\t\\N\tplain\n2\t\ta\\tb\\nc\\\\d\\re\n\\\\N\t\\b\\f\\v\tend\n";
  const std::vector<Values> wanted = {
      {"1", std::nullopt, "plain"}, {"2", "", "a\tb\nc\\d\re"}, {"\\N", "\b\f\v", "end"}};
  for (const size_t piece_bytes : {1, 2, 3, 7, 1000}) EXPECT_EQ(RowsOf(kText, 3, piece_bytes).value(), wanted);
}

TEST(CopyRows, ATableMayHaveNoColumns) {
  EXPECT_EQ(RowsOf("\n\n", 0, 1).value().size(), 2);
  EXPECT_EQ(RowsOf("x\n", 0, 1).error().code(), ErrorCode::kCorrupt);
}

TEST(CopyRows, RefusesWhatIsNoSuchRow) {
  for (const std::string_view text : {"1\n", "1\t2\t3\n", "1\t2", "1\t2\n3", "\n"}) {
    EXPECT_EQ(RowsOf(text, 2, 100).error().code(), ErrorCode::kCorrupt) << text;
  }
}

TEST(CopyCsv, QuotesWhatTheServerQuotes) {
  const auto line = [](const Values& values) {
    std::string text;
    AppendCsvLine(values, text);
    return text;
  };
  EXPECT_EQ(line({"1", std::nullopt, ""}), "1,,\"\"\n");
  EXPECT_EQ(line({"a,b", "c\"d", "e\nf", "g\rh", " i "}), "\"a,b\",\"c\"\"d\",\"e\nf\",\"g\rh\", i \n");
  EXPECT_EQ(line({"\\."}), "\"\\.\"\n");
  EXPECT_EQ(line({"\\.", "x"}), "\\.,x\n");
  EXPECT_EQ(line({std::nullopt}), "\n");
  EXPECT_EQ(line({}), "\n");
}

}  // namespace
}  // namespace cairn::postgres
