#include "frontends/sqlite/schema.h"

#include <gtest/gtest.h>

namespace cairn::sqlite {
namespace {

TEST(MatchesName, TakesStarsAndQuestionMarks) {
  EXPECT_TRUE(MatchesName("order*", "orders"));
  EXPECT_TRUE(MatchesName("*", ""));
  EXPECT_TRUE(MatchesName("a*b*c", "aXbYbZc"));
  EXPECT_TRUE(MatchesName("?1", "a1"));
  EXPECT_TRUE(MatchesName("a[1]", "a[1]"));
  EXPECT_FALSE(MatchesName("?1", "1"));
  EXPECT_FALSE(MatchesName("order", "orders"));
  EXPECT_FALSE(MatchesName("a*b", "abc"));
}

TEST(MatchesName, IsInEitherCaseForAscii) {
  EXPECT_TRUE(MatchesName("ORDER*", "Orders"));
  EXPECT_FALSE(MatchesName("\xC3\x84", "\xC3\xA4"));  // as SQLite has it
}

TEST(MatchesName, EndsSoonForManyStars) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesName(pattern + "b", std::string(2000, 'a')));
}

TEST(QuoteName, DoublesQuotes) {
  EXPECT_EQ(QuoteName("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteText("a'b"), "'a''b'");
}

TEST(Column, HasTheAffinityThatItsTypeSays) {
  const auto affinity = [](const char* type) { return Column{.name = "x", .type = type, .collation = ""}.affinity(); };
  EXPECT_EQ(affinity("INTEGER"), Affinity::kInteger);
  EXPECT_EQ(affinity("CHARINT"), Affinity::kInteger);  // the first rule that fits
  EXPECT_EQ(affinity("varchar(10)"), Affinity::kText);
  EXPECT_EQ(affinity(""), Affinity::kBlob);
  EXPECT_EQ(affinity("DOUBLE"), Affinity::kReal);
  EXPECT_EQ(affinity("DECIMAL(10, 2)"), Affinity::kNumeric);
}

}  // namespace
}  // namespace cairn::sqlite
