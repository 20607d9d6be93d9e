#include "frontends/compare/btree_walk.h"

#include <algorithm>
#include <cstring>

#include "tests/support/matchers.h"

namespace cairn::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr size_t kPage = 512;

// A file in memory.
class MemoryView final : public FileView {
 public:
  explicit MemoryView(Bytes bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  Result<size_t> Read(uint64_t offset, MutableByteSpan target) const override {
    const size_t begin = std::min<uint64_t>(offset, bytes_.size());
    const size_t size = std::min(target.size(), bytes_.size() - begin);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(begin), size, target.begin());
    return size;
  }
  Result<void> Touch(uint64_t, uint64_t) const override { return {}; }
  Result<std::optional<uint64_t>> NextData(uint64_t offset) const override { return std::optional(offset); }
  Result<std::optional<uint64_t>> NextHole(uint64_t) const override { return std::optional(size()); }

 private:
  const Bytes bytes_;
};

// Pages of 512 bytes, as SQLite has them, by the numbers that a test gives.
struct Database {
  Bytes bytes;
  explicit Database(size_t pages) : bytes(pages * kPage) {
    std::ranges::fill(bytes, uint8_t{0});
    std::memcpy(bytes.data(), "SQLite format 3", 16);
    Put(1, 16, kPage, 2);
    Put(1, 56, 1, 4);
    Leaf(1, 0x0d, 100);
  }
  void Put(size_t page, size_t at, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      bytes[(page - 1) * kPage + at + i] = static_cast<uint8_t>(number >> (8 * (size - 1 - i)));
    }
  }
  Database& Leaf(size_t page, uint8_t type = 0x0d, size_t head = 0) {
    Put(page, head, type, 1);
    return *this;
  }
  // Children but the last with the number of their last row, below 128.
  Database& Inner(size_t page, std::vector<std::pair<uint32_t, uint8_t>> children, uint32_t last, uint8_t type = 0x05) {
    Put(page, 0, type, 1);
    Put(page, 3, children.size(), 2);
    Put(page, 8, last, 4);
    for (size_t i = 0; i < children.size(); ++i) {
      const size_t at = 400 + 8 * i;
      Put(page, 12 + 2 * i, at, 2);
      Put(page, at, children[i].first, 4);
      Put(page, at + 4, children[i].second, 1);
    }
    return *this;
  }
};

struct Walked {
  std::vector<std::string> pages;
  std::string error;
};

Walked WalkAll(const Database& database, uint64_t root) {
  const MemoryView view(database.bytes);
  const auto header = ReadSqliteHeader(view);
  EXPECT_OK(header);
  BtreeWalk walk(view, *header);
  Walked walked;
  const auto done = walk.Walk(root, [&](const BtreePage& page) -> Result<bool> {
    const auto end = [](int64_t row) {
      return row == INT64_MIN || row == INT64_MAX ? std::string("*") : std::to_string(row);
    };
    walked.pages.push_back(
        fmt::format("{}{} {}-{}", page.number, page.is_leaf ? "" : "+", end(page.rows.first), end(page.rows.last)));
    return true;
  });
  if (!done) walked.error = done.error().message();
  return walked;
}

TEST(BtreeWalk, TellsEachPageWithTheRowsThatCanBeOnIt) {
  Database database(8);
  database.Inner(2, {{3, 50}}, 4).Inner(3, {{5, 10}, {6, 50}}, 7).Leaf(5).Leaf(6).Leaf(7);
  database.Inner(3, {{5, 10}}, 6).Inner(4, {{7, 90}}, 8).Leaf(8);
  EXPECT_THAT(WalkAll(database, 2).pages,
              ElementsAre("2+ *-*", "3+ *-50", "5 *-10", "6 11-50", "4+ 51-*", "7 51-90", "8 91-*"));
  EXPECT_THAT(WalkAll(database, 8).pages, ElementsAre("8 *-*"));
}

TEST(BtreeWalk, KnowsTablesWithoutRowids) {
  Database database(4);
  database.Inner(2, {{3, 1}}, 4, 0x02).Leaf(3, 0x0a).Leaf(4, 0x0a);
  EXPECT_THAT(WalkAll(database, 2).pages, ElementsAre("2+ *-*", "3 *-*", "4 *-*"));
  const MemoryView view(database.bytes);
  BtreeWalk walk(view, *ReadSqliteHeader(view));
  EXPECT_FALSE(*walk.HasRowids(2));
  EXPECT_TRUE(*walk.HasRowids(1));
}

TEST(BtreeWalk, RefusesWhatIsNoTree) {
  const auto error = [](const Database& database) { return WalkAll(database, 2).error; };
  EXPECT_THAT(error(Database(2)), HasSubstr("of no b-tree"));
  EXPECT_THAT(error(Database(4).Inner(2, {{3, 5}}, 9).Leaf(3)), HasSubstr("page 9 of 4"));
  EXPECT_THAT(error(Database(4).Inner(2, {{9, 5}}, 4).Leaf(4)), HasSubstr("page 9 of 4"));
  EXPECT_THAT(error(Database(4).Inner(2, {{3, 5}}, 2)), HasSubstr("no end"));
  EXPECT_THAT(error(Database(4).Inner(2, {{3, 5}, {3, 5}}, 4).Leaf(3).Leaf(4)), HasSubstr("in no order"));
  EXPECT_THAT(error(Database(4).Inner(2, {{2, 5}, {2, 6}}, 3, 0x02).Inner(3, {{2, 9}}, 4, 0x02).Leaf(4, 0x0a)),
              HasSubstr("more than the 4 pages"));
  Database cells(4);
  cells.Inner(2, {{3, 5}}, 4).Leaf(3).Leaf(4).Put(2, 3, 1000, 2);
  EXPECT_THAT(error(cells), HasSubstr("1000 cells"));
  Database far(4);
  far.Inner(2, {{3, 5}}, 4).Leaf(3).Leaf(4).Put(2, 12, 510, 2);
  EXPECT_THAT(error(far), HasSubstr("a cell at 510"));
}

TEST(BtreeWalk, TellsFreePagesAndThoseOfThePointerMap) {
  Database database(110);
  database.Put(1, 32, 5, 4);
  database.Put(1, 36, 3, 4);
  database.Put(1, 52, 1, 4);
  database.Put(5, 4, 2, 4);
  database.Put(5, 8, 7, 4);
  database.Put(5, 12, 9, 4);
  const auto others = [](const Database& one, std::string* error) {
    const MemoryView view(one.bytes);
    BtreeWalk walk(view, *ReadSqliteHeader(view));
    std::vector<uint64_t> pages;
    const auto done = walk.ForEachOther([&](uint64_t page) -> Result<void> {
      pages.push_back(page);
      return {};
    });
    if (!done) *error = done.error().message();
    return pages;
  };
  std::string error;
  EXPECT_THAT(others(database, &error), ElementsAre(5, 7, 9, 2, 105));
  EXPECT_EQ(error, "");
  database.Put(5, 4, 3, 4);
  others(database, &error);
  EXPECT_THAT(error, HasSubstr("names 3 others"));
}

TEST(BtreeWalk, RefusesHeadersOfOthers) {
  EXPECT_THAT(ReadSqliteHeader(MemoryView(Bytes(50))).error().message(), HasSubstr("no SQLite database"));
  Database odd(2);
  odd.Put(1, 16, 1000, 2);
  EXPECT_THAT(ReadSqliteHeader(MemoryView(odd.bytes)).error().message(), HasSubstr("pages of 1000 bytes"));
}

}  // namespace
}  // namespace cairn::compare
