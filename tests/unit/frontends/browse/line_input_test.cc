#include "frontends/browse/line_input.h"

#include <gtest/gtest.h>

#include <clocale>

namespace cairn::browse {
namespace {

class LineInputTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
  void Type(std::initializer_list<const char*> texts) {
    for (const char* text : texts) EXPECT_TRUE(line_.OnKey({KeyCode::kCharacter, text}));
  }
  void Press(std::initializer_list<KeyCode> codes) {
    for (const KeyCode code : codes) EXPECT_TRUE(line_.OnKey({code}));
  }
  LineInput line_;
};

TEST_F(LineInputTest, EditsByCharactersAndNotByBytes) {
  Type({"a", "é", "日", "b"});
  Press({KeyCode::kLeft, KeyCode::kBackspace});
  EXPECT_EQ(line_.text(), "aéb");
  Press({KeyCode::kLeft, KeyCode::kDelete});
  EXPECT_EQ(line_.text(), "ab");
  Press({KeyCode::kHome});
  Type({"x"});
  Press({KeyCode::kEnd, KeyCode::kRight, KeyCode::kDelete});
  EXPECT_EQ(line_.text(), "xab");
  Press({KeyCode::kErase, KeyCode::kBackspace, KeyCode::kLeft, KeyCode::kDelete});
  EXPECT_EQ(line_.text(), "");
}

TEST_F(LineInputTest, OtherKeysAreNotForIt) {
  for (const KeyCode code : {KeyCode::kEnter, KeyCode::kEscape, KeyCode::kUp, KeyCode::kTab}) {
    EXPECT_FALSE(line_.OnKey({code}));
  }
}

TEST_F(LineInputTest, TheCursorIsSeenWhereverItStands) {
  Type({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
  for (int i = 0; i <= 10; ++i) {
    Canvas canvas(1, 8);
    line_.Draw(canvas, 0, 2, 6);
    EXPECT_TRUE(canvas.cursor.is_shown);
    EXPECT_LT(canvas.cursor.column, 8);
    EXPECT_GE(canvas.cursor.column, 2);
    Press({KeyCode::kLeft});
  }
  Canvas canvas(1, 8);
  line_.Draw(canvas, 0, 2, 6);
  EXPECT_EQ(canvas.Line(0), "  01234…");
}

TEST_F(LineInputTest, ThereIsABound) {
  for (int i = 0; i < 5000; ++i) Type({"x"});
  EXPECT_EQ(line_.text().size(), 4096);
}

}  // namespace
}  // namespace cairn::browse
