#include "frontends/sqlite/rows_digest.h"

#include <gtest/gtest.h>

#include "engine/env/clock.h"

namespace cairn::sqlite {
namespace {

class RowsDigestTest : public testing::Test {
 protected:
  RowsDigestTest() {
    sqlite3* opened = nullptr;
    EXPECT_EQ(sqlite3_open(":memory:", &opened), SQLITE_OK);
    connection_.reset(opened);
  }

  RowsDigest Of(const std::string& query) {
    const auto digest = DigestRows({connection_.get(), path_, patience_}, query);
    EXPECT_TRUE(digest) << digest.error().message();
    return digest ? *digest : RowsDigest();
  }

 private:
  const std::string path_ = "in memory";
  Patience patience_{SystemClock(), std::chrono::seconds(1), std::stop_token()};
  Connection connection_;
};

TEST_F(RowsDigestTest, TellsTypesApart) {
  const std::vector<std::string> values = {"1", "1.0", "'1'", "x'31'", "NULL", "''", "x''", "0", "0.0", "-0.0"};
  for (const std::string& one : values) {
    for (const std::string& other : values) {
      // A column of reals keeps no sign of zero.
      const bool is_zero = one.ends_with("0.0") && other.ends_with("0.0");
      EXPECT_EQ(Of("SELECT " + one) == Of("SELECT " + other), one == other || is_zero) << one << " and " << other;
    }
  }
}

TEST_F(RowsDigestTest, SeesWhatComesBehindAZero) {
  EXPECT_FALSE(Of("SELECT 'a' || char(0) || 'b'") == Of("SELECT 'a' || char(0) || 'c'"));
}

TEST_F(RowsDigestTest, TellsColumnsApart) {
  EXPECT_FALSE(Of("SELECT 'ab', 'c'") == Of("SELECT 'a', 'bc'"));
  EXPECT_FALSE(Of("SELECT 1, 2") == Of("SELECT 2, 1"));
}

TEST_F(RowsDigestTest, TakesRowsInAnyOrder) { EXPECT_TRUE(Of("VALUES (1), (2), (3)") == Of("VALUES (3), (1), (2)")); }

TEST_F(RowsDigestTest, CountsRowsThatAreTheSame) {
  EXPECT_FALSE(Of("VALUES (1), (1), (2)") == Of("VALUES (1), (2), (2)"));
  EXPECT_FALSE(Of("VALUES (1), (1)") == Of("VALUES (1)"));
  EXPECT_EQ(Of("VALUES (1), (1)").rows, 2u);
  EXPECT_EQ(Of("SELECT 1 WHERE 0"), RowsDigest());
}

}  // namespace
}  // namespace cairn::sqlite
