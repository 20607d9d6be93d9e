#include "frontends/compare/row_difference.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace cairn::compare {
namespace {

using query::Cell;
using Row = std::vector<Cell>;

Cell Text(std::string_view text) { return {.kind = Cell::Kind::kText, .bytes = AsBytes(text)}; }
Cell Integer(int64_t number) { return {.kind = Cell::Kind::kInteger, .integer = number}; }
Cell Real(double number) { return {.kind = Cell::Kind::kReal, .real = number}; }
Cell Null() { return {}; }

// Rows of both sides, of which the first cell is the key.
struct Compared {
  RowCounts counts;
  std::vector<RowDifference::NumberedRow> before, after;
};

Compared Compare(const std::vector<Row>& before, const std::vector<Row>& after, size_t key_size = 1,
                 size_t rows_max = 100) {
  RowDifference difference({.folder = std::filesystem::temp_directory_path(), .rows_max = rows_max});
  for (const auto& [side, rows] : {std::pair(Side::kBefore, &before), std::pair(Side::kAfter, &after)}) {
    for (const Row& row : *rows) {
      const auto cells = std::span<const Cell>(row);
      EXPECT_TRUE(difference.Add(side, cells.first(key_size), cells.subspan(key_size)).has_value());
    }
  }
  Compared compared;
  auto counts = difference.Count();
  EXPECT_TRUE(counts.has_value());
  compared.counts = *counts;
  compared.before = difference.Rows(Side::kBefore);
  compared.after = difference.Rows(Side::kAfter);
  return compared;
}

void ExpectCounts(const RowCounts& counts, uint64_t added, uint64_t removed, uint64_t changed) {
  EXPECT_EQ(counts.added, added);
  EXPECT_EQ(counts.removed, removed);
  EXPECT_EQ(counts.changed, changed);
}

TEST(RowDifference, TellsAddedRemovedAndChangedByKey) {
  const Compared compared = Compare({{Integer(1), Text("a")}, {Integer(2), Text("b")}, {Integer(3), Text("c")}},
                                    {{Integer(3), Text("x")}, {Integer(4), Text("d")}, {Integer(1), Text("a")}});
  ExpectCounts(compared.counts, 1, 1, 1);
  EXPECT_EQ(compared.counts.before, 3U);
  ASSERT_EQ(compared.before.size(), 1U);
  EXPECT_EQ(compared.before[0].number, 1U);
  ASSERT_EQ(compared.after.size(), 2U);
  EXPECT_EQ(compared.after[0].number, 0U);
  EXPECT_EQ(compared.after[0].change, RowChange::kChanged);
  EXPECT_EQ(compared.after[1].number, 1U);
  EXPECT_EQ(compared.after[1].change, RowChange::kAdded);
}

TEST(RowDifference, ComparesRowsWithoutAKeyAsAMultiset) {
  const Row a = {Text("a"), Null()}, b = {Text("b"), Integer(1)};
  ExpectCounts(Compare({a, a, a, b}, {a, b, b}, 0).counts, 1, 2, 0);
}

TEST(RowDifference, TakesARowWithANullInItsKeyForItsOwnKey) {
  ExpectCounts(Compare({{Null(), Text("a")}, {Null(), Text("a")}}, {{Null(), Text("b")}, {Null(), Text("a")}}).counts,
               1, 1, 0);
}

TEST(RowDifference, PairsRowsOfOneKeyOnlyWhereTheyDiffer) {
  const Row a = {Integer(1), Text("a")}, b = {Integer(1), Text("b")}, c = {Integer(1), Text("c")};
  ExpectCounts(Compare({a, b}, {a, c}).counts, 0, 0, 1);
  ExpectCounts(Compare({a, b}, {c}).counts, 0, 1, 1);
}

TEST(RowDifference, TellsTypesApartButNotNumbersOfAKey) {
  ExpectCounts(Compare({{Integer(1), Integer(1)}}, {{Integer(1), Real(1)}}).counts, 0, 0, 1);
  ExpectCounts(Compare({{Integer(1), Integer(1)}}, {{Real(1), Integer(1)}}).counts, 0, 0, 0);
  ExpectCounts(Compare({{Integer(1), Real(0.0)}}, {{Integer(1), Real(-0.0)}}).counts, 0, 0, 0);
  ExpectCounts(Compare({{Integer(1), Text("1")}}, {{Text("1"), Text("1")}}).counts, 1, 1, 0);
}

TEST(RowDifference, TellsWhereAValueEnds) {
  ExpectCounts(Compare({{Text("a"), Text("bc")}}, {{Text("ab"), Text("c")}}, 2).counts, 1, 1, 0);
  ExpectCounts(Compare({{Text("a"), Text("bc")}}, {{Text("ab"), Text("c")}}, 0).counts, 1, 1, 0);
}

TEST(RowDifference, KeepsTheFirstRowsOfEachChange) {
  std::vector<Row> before, after;
  for (int64_t i = 0; i < 1000; ++i) before.push_back({Integer(i), Integer(0)});
  for (int64_t i = 0; i < 500; ++i) after.push_back({Integer(i + 700), Integer(1)});
  const Compared compared = Compare(before, after, 1, 3);
  ExpectCounts(compared.counts, 200, 700, 300);
  ASSERT_EQ(compared.before.size(), 3U);
  ASSERT_EQ(compared.after.size(), 6U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(compared.before[i].number, i);
    EXPECT_EQ(compared.after[i].number, i);
    EXPECT_EQ(compared.after[3 + i].number, 300 + i);
  }
}

TEST(RowDifference, SortsOnDiskWhatDoesNotFit) {
  RowDifference difference({.folder = std::filesystem::temp_directory_path(), .memory_bytes = 1, .rows_max = 5});
  constexpr int64_t kRows = 20'000;
  for (int64_t i = 0; i < kRows; ++i) {
    const std::array before = {Integer(i), Integer(7)}, after = {Integer(kRows - i), Integer(i % 10 == 0 ? 8 : 7)};
    const std::span<const Cell> one(before), other(after);
    EXPECT_TRUE(difference.Add(Side::kBefore, one.first(1), one.subspan(1)).has_value());
    EXPECT_TRUE(difference.Add(Side::kAfter, other.first(1), other.subspan(1)).has_value());
  }
  const auto counts = difference.Count();
  ASSERT_TRUE(counts.has_value());
  ExpectCounts(*counts, 1, 1, kRows / 10 - 1);
  EXPECT_EQ(difference.Rows(Side::kAfter).size(), 6U);
}

}  // namespace
}  // namespace cairn::compare
