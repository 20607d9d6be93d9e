#include "frontends/browse/canvas.h"

#include <gtest/gtest.h>

#include <clocale>

#include "frontends/browse/glyphs.h"

namespace cairn::browse {
namespace {

using Fit = Canvas::Fit;

class CanvasTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
  static std::string Put(size_t width, std::string_view text, Fit fit = Fit::kLeft) {
    Canvas canvas(1, width);
    canvas.Put(0, 0, width, text, kPlain, fit);
    return canvas.Line(0);
  }
};

TEST_F(CanvasTest, WhatDoesNotFitEndsInAnEllipsis) {
  EXPECT_EQ(Put(5, "abcde"), "abcde");
  EXPECT_EQ(Put(5, "abcdef"), "abcd…");
  EXPECT_EQ(Put(5, "abcdef", Fit::kTail), "…cdef");
  EXPECT_EQ(Put(5, "12", Fit::kRight), "   12");
  EXPECT_EQ(Put(1, "abc"), "…");
  EXPECT_EQ(Put(0, "abc"), "");
}

TEST_F(CanvasTest, WideCharactersTakeTwoColumnsAndAreNeverCutInHalf) {
  EXPECT_EQ(WidthOf("日本"), 4);
  EXPECT_EQ(Put(4, "日本"), "日本");
  EXPECT_EQ(Put(3, "日本"), "日…");
  EXPECT_EQ(Put(4, "日本語"), "日…");
  EXPECT_EQ(Put(4, "日本語", Fit::kTail), "…語");
}

TEST_F(CanvasTest, NothingThatATerminalObeysIsShown) {
  EXPECT_EQ(Put(40, "a\x1b[2Jb\n\x7f"), "a\\x1b[2Jb\\x0a\\x7f");
  EXPECT_EQ(Put(40, "\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Put(40, "a\u202eb"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(Put(40, "a\u009bb"), "a\\xc2\\x9bb");
  EXPECT_EQ(Put(40, "\u0301"), "\\xcc\\x81");
}

TEST_F(CanvasTest, WhatCombinesStaysWithItsCharacterAndIsBounded) {
  EXPECT_EQ(GlyphsOf("e\u0301x").size(), 2);
  std::string many = "e";
  for (int i = 0; i < 100; ++i) many += "\u0301";
  EXPECT_GT(GlyphsOf(many).size(), 100);
}

TEST_F(CanvasTest, OnlyAsciiWhereTheTerminalHasNoMore) {
  Canvas canvas(1, 12, true);
  canvas.Put(0, 0, 12, "é and much more");
  EXPECT_EQ(canvas.Line(0), "\\xc3\\xa9 an~");
}

TEST_F(CanvasTest, OutsideOfItNothingHappens) {
  Canvas canvas(2, 4);
  canvas.Put(2, 0, 4, "a");
  canvas.Put(0, 4, 4, "a");
  canvas.Put(1, 3, 100, "日");
  EXPECT_EQ(canvas.Line(0), "");
  EXPECT_EQ(canvas.Line(1), "   …");
}

TEST_F(CanvasTest, LinesAreWrappedByWidth) {
  EXPECT_EQ(Wrapped("", 4), std::vector<std::string>{""});
  EXPECT_EQ(Wrapped("abcdef", 4), (std::vector<std::string>{"abcd", "ef"}));
  EXPECT_EQ(Wrapped("ab日本", 3), (std::vector<std::string>{"ab", "日", "本"}));
  EXPECT_EQ(WithoutTabs("a\tb\t"), "a       b       ");
}

}  // namespace
}  // namespace cairn::browse
