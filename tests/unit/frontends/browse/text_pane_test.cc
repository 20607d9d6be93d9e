#include "frontends/browse/text_pane.h"

#include <gmock/gmock.h>

#include "frontends/browse/snapshot_text.h"

namespace cairn::browse {
namespace {

using testing::ElementsAre;

class TextPaneTest : public testing::Test {
 protected:
  std::vector<std::string> Drawn(size_t rows, size_t columns) {
    Canvas canvas(rows, columns);
    text_.Draw(canvas, 0, rows);
    std::vector<std::string> lines;
    for (size_t i = 0; i < rows; ++i) lines.push_back(canvas.Line(i));
    return lines;
  }
  TextPane text_;
};

TEST_F(TextPaneTest, ScrollsToItsEndAndNoFurther) {
  text_.Set({{"a"}, {"b"}, {"c"}, {"d"}});
  EXPECT_THAT(Drawn(2, 10), ElementsAre("a", "b"));
  EXPECT_EQ(text_.Position(), "0%");
  text_.OnKey({KeyCode::kPageDown});
  EXPECT_THAT(Drawn(2, 10), ElementsAre("b", "c"));
  text_.OnKey({KeyCode::kCharacter, "G"});
  text_.OnKey({KeyCode::kDown});
  EXPECT_THAT(Drawn(2, 10), ElementsAre("c", "d"));
  EXPECT_EQ(text_.Position(), "100%");
  EXPECT_THAT(Drawn(6, 10), ElementsAre("a", "b", "c", "d", "", ""));
  EXPECT_EQ(text_.Position(), "all");
}

TEST_F(TextPaneTest, OfManyLinesThatComeTheLastAreKept) {
  constexpr size_t kCount = 3 * TextPane::kAppendedMax;
  for (size_t i = 0; i < kCount; ++i) text_.Append({std::to_string(i)});
  EXPECT_LE(text_.lines().size(), TextPane::kAppendedMax);
  EXPECT_EQ(text_.lines().back().text, std::to_string(kCount - 1));
  const size_t before = kCount - (text_.lines().size() - 1);
  EXPECT_EQ(text_.lines()[0].text, "(" + std::to_string(before) + " before)");
  EXPECT_EQ(text_.lines()[1].text, std::to_string(before));
}

TEST_F(TextPaneTest, TheLineAtTheTopStaysWhereTheWidthChanges) {
  text_.Set({{"0123456789"}, {"abcdefghij"}, {"x"}, {"y"}, {"z"}});
  Drawn(1, 10);
  text_.OnKey({KeyCode::kDown});
  EXPECT_THAT(Drawn(1, 10), ElementsAre("abcdefghij"));
  EXPECT_THAT(Drawn(1, 5), ElementsAre("abcde"));
  EXPECT_THAT(Drawn(1, 10), ElementsAre("abcdefghij"));
}

TEST_F(TextPaneTest, FollowsWhatComesWhereItIsAtTheEnd) {
  for (int i = 0; i < 5; ++i) {
    text_.Append({std::to_string(i)});
    Drawn(2, 10);
  }
  EXPECT_THAT(Drawn(2, 10), ElementsAre("3", "4"));
  text_.OnKey({KeyCode::kCharacter, "g"});
  text_.Append({"5"});
  EXPECT_THAT(Drawn(2, 10), ElementsAre("0", "1"));
}

std::vector<std::string> Preview(std::string_view text, uint64_t size) {
  std::vector<std::string> lines;
  for (const TextLine& line : PreviewLines(AsBytes(text), size)) lines.push_back(line.text);
  return lines;
}

TEST(Preview, TextByLinesAndOthersInHexadecimal) {
  EXPECT_THAT(Preview("a\r\nb\tc", 6), ElementsAre("a", "b       c"));
  EXPECT_THAT(Preview("", 0), ElementsAre("the file is empty"));
  EXPECT_THAT(Preview("a\n", 5000), ElementsAre("a", "--- only the first 2 B of 4.9 KiB ---"));
  EXPECT_THAT(Preview(std::string_view("ab\0\xff", 4), 4), ElementsAre(testing::StartsWith("00000000  61 62 00 ff ")));
  EXPECT_THAT(Preview("caf\xe9 is Latin-1\n", 16), ElementsAre("caf\xe9 is Latin-1"));
}

}  // namespace
}  // namespace cairn::browse
