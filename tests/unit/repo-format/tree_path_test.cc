#include "repo-format/tree_path.h"

#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

TEST(TreePath, IsNamesJoinedBySlashes) {
  EXPECT_EQ(JoinPath({}, AsBytes("a")), Text("a"));
  EXPECT_EQ(JoinPath(Text("a"), AsBytes("b")), Text("a/b"));
  EXPECT_EQ(JoinPath(Text("a/b"), Bytes{0xff}), Join({Text("a/b/"), {0xff}}));
}

TEST(TreePath, PathsBelowAFolderAreThoseThatItWasJoinedWith) {
  for (const std::string_view inside : {"b", "b/c"}) {
    EXPECT_EQ(PathBelow(JoinPath(Text("a"), AsBytes(inside)), Text("a")), Text(inside));
    EXPECT_EQ(PathBelow(Text(inside), {}), Text(inside));
  }
  EXPECT_EQ(PathBelow(Text("a"), Text("a")), TreePath());
}

TEST(TreePath, PrintableTextIsShownAsItIs) {
  for (const std::string_view text : {"", "a/b c", "~!\"'$", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x8e\x89", "\xc2\xa0",
                                      "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(PathForPeople(AsBytes(text)), text);
  }
}

TEST(TreePath, ABackslashCannotPassForAnEscape) {
  EXPECT_EQ(PathForPeople(AsBytes("a\\x0ab")), "a\\\\x0ab");
  EXPECT_NE(PathForPeople(AsBytes("\n")), PathForPeople(AsBytes("\\x0a")));
}

TEST(TreePath, WhatATerminalWouldObeyIsEscaped) {
  EXPECT_EQ(PathForPeople(AsBytes("\x1b[2J")), "\\x1b[2J");
  EXPECT_EQ(PathForPeople(AsBytes("a\nb\rc\x7f")), "a\\x0ab\\x0dc\\x7f");
  EXPECT_EQ(PathForPeople(Bytes{0}), "\\x00");
  EXPECT_EQ(PathForPeople(AsBytes("\xc2\x9b")), "\\xc2\\x9b") << "CSI of C1";
  EXPECT_EQ(PathForPeople(AsBytes("\xe2\x80\xae")), "\\xe2\\x80\\xae") << "right-to-left override";
  EXPECT_EQ(PathForPeople(AsBytes("\xe2\x80\x8b")), "\\xe2\\x80\\x8b") << "zero-width space";
  EXPECT_EQ(PathForPeople(AsBytes("\xe2\x81\xa6")), "\\xe2\\x81\\xa6") << "left-to-right isolate";
}

TEST(TreePath, WhatIsNoUtf8IsEscaped) {
  EXPECT_EQ(PathForPeople(Bytes{0x80}), "\\x80") << "a loose continuation";
  EXPECT_EQ(PathForPeople(Bytes{0xff, 'a'}), "\\xffa");
  EXPECT_EQ(PathForPeople(Bytes{0xc3}), "\\xc3") << "cut short";
  EXPECT_EQ(PathForPeople(Bytes{0xc3, 'a'}), "\\xc3a");
  EXPECT_EQ(PathForPeople(Bytes{0xc0, 0xaf}), "\\xc0\\xaf") << "a slash in a longer form";
  EXPECT_EQ(PathForPeople(Bytes{0xe0, 0x80, 0xaf}), "\\xe0\\x80\\xaf") << "and in a still longer one";
  EXPECT_EQ(PathForPeople(Bytes{0xed, 0xa0, 0x80}), "\\xed\\xa0\\x80") << "half of a surrogate pair";
  EXPECT_EQ(PathForPeople(Bytes{0xf4, 0x90, 0x80, 0x80}), "\\xf4\\x90\\x80\\x80") << "above U+10FFFF";
  EXPECT_EQ(PathForPeople(Bytes{0xf5, 0x80, 0x80, 0x80}), "\\xf5\\x80\\x80\\x80");
}

}  // namespace
}  // namespace cairn::encoding_test
