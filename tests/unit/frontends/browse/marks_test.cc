#include "frontends/browse/marks.h"

#include "tests/support/matchers.h"

namespace cairn::browse {
namespace {

TreePath P(std::string_view text) { return ToBytes(AsBytes(text)); }

class MarksTest : public testing::Test {
 protected:
  Result<void> File(std::string_view path) { return marks_.Toggle(P(path), {.is_folder = false, .size = 1}); }
  Result<void> Folder(std::string_view path) { return marks_.Toggle(P(path), {.is_folder = true}); }
  Marks marks_;
};

TEST_F(MarksTest, AFolderStandsForAllThatIsInIt) {
  EXPECT_OK(Folder("home/ann"));
  EXPECT_TRUE(marks_.Covers(P("home/ann")));
  EXPECT_TRUE(marks_.Covers(P("home/ann/a/b")));
  EXPECT_FALSE(marks_.Covers(P("home/anna")));
  EXPECT_FALSE(marks_.Covers(P("home")));
  EXPECT_TRUE(marks_.HasBelow(P("home")));
  EXPECT_TRUE(marks_.HasBelow(P("")));
  EXPECT_FALSE(marks_.HasBelow(P("home/an")));
  EXPECT_FALSE(marks_.HasBelow(P("home/ann")));
}

TEST_F(MarksTest, AFolderTakesThePlaceOfThoseInIt) {
  EXPECT_OK(File("a/b/c"));
  EXPECT_OK(File("a/bc"));
  EXPECT_OK(Folder("a/b"));
  EXPECT_EQ(marks_.count(), 2);
  EXPECT_FALSE(File("a/b/d"));
  EXPECT_OK(Folder("a/b"));
  EXPECT_EQ(marks_.count(), 1);
  EXPECT_TRUE(marks_.Has(P("a/bc")));
}

TEST_F(MarksTest, TheCommonFolderIsTheDeepestThatAllAreIn) {
  EXPECT_EQ(marks_.CommonFolder(), P(""));
  EXPECT_OK(File("a/b/c"));
  EXPECT_EQ(marks_.CommonFolder(), P("a/b"));
  EXPECT_OK(File("a/b/d"));
  EXPECT_EQ(marks_.CommonFolder(), P("a/b"));
  EXPECT_OK(Folder("a/bd"));
  EXPECT_EQ(marks_.CommonFolder(), P("a"));
  EXPECT_OK(File("x"));
  EXPECT_EQ(marks_.CommonFolder(), P(""));
}

TEST_F(MarksTest, ThereIsABound) {
  for (size_t i = 0; i < Marks::kCountMax; ++i) ASSERT_OK(File("f" + std::to_string(i)));
  EXPECT_FALSE(File("one more"));
  EXPECT_OK(File("f0"));
  EXPECT_OK(File("one more"));
}

}  // namespace
}  // namespace cairn::browse
