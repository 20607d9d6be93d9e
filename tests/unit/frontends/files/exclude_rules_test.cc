#include "frontends/files/exclude_rules.h"

#include "tests/support/matchers.h"

namespace cairn {
namespace {

using testing::HasSubstr;

struct Case {
  std::vector<std::string> patterns;
  std::string path;  // with "/" at its end: a folder
  bool is_excluded;
};

// Paths are below "home/me", the base.
void Check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    ExcludeRules rules;
    std::string all;
    for (const std::string& pattern : one.patterns) {
      ASSERT_OK(rules.Add(pattern));
      all += pattern + " | ";
    }
    std::string path = one.path;
    const bool is_folder = path.ends_with('/');
    if (is_folder) path.pop_back();
    EXPECT_EQ(rules.Excludes(AsBytes(path), std::string("home/me").size(), is_folder), one.is_excluded)
        << all << one.path;
  }
}

TEST(ExcludeRules, PatternsWithoutASlashMatchTheNameAnywhere) {
  Check({
      {{"foo"}, "home/me/foo", true},
      {{"foo"}, "home/me/foo/", true},
      {{"foo"}, "home/me/a/b/foo", true},
      {{"foo"}, "home/me/foobar", false},
      {{"foo"}, "home/me/foo/bar", false},  // the walk does not come there
      {{"*.o"}, "home/me/a/main.o", true},
      {{"*.o"}, "home/me/a/main.o.c", false},
      {{"*.o"}, "home/me/.o", true},
      {{"?.c"}, "home/me/a.c", true},
      {{"?.c"}, "home/me/ab.c", false},
      {{"*"}, "home/me/anything", true},
      {{"a*b*c"}, "home/me/axxbxxc", true},
      {{"a*b*c"}, "home/me/axxbxx", false},
      {{"a**c"}, "home/me/abc", true},
      {{"*a*a*a*a*b"}, "home/me/" + std::string(200, 'a'), false},
  });
}

TEST(ExcludeRules, ASlashAtTheEndMeansFolders) {
  Check({
      {{"foo/"}, "home/me/foo/", true},
      {{"foo/"}, "home/me/foo", false},
      {{"foo/"}, "home/me/a/foo/", true},
      {{"a/foo/"}, "home/me/a/foo/", true},
      {{"a/foo/"}, "home/me/b/a/foo/", false},
  });
}

TEST(ExcludeRules, ASlashAtTheBeginningMeansTheWholePath) {
  Check({
      {{"/home/me/foo"}, "home/me/foo", true},
      {{"/foo"}, "home/me/foo", false},
      {{"/home/*/foo"}, "home/me/foo", true},
      {{"/home/*"}, "home/me/foo", false},  // "*" stays within a name
      {{"/home/**"}, "home/me/foo", true},
      {{"/home/me/foo/"}, "home/me/foo", false},
      {{"//home//me/foo"}, "home/me/foo", true},
  });
}

TEST(ExcludeRules, ASlashInTheMiddleMeansThePathBelowTheBase) {
  Check({
      {{"a/foo"}, "home/me/a/foo", true},
      {{"a/foo"}, "home/me/b/a/foo", false},
      {{"home/me/foo"}, "home/me/foo", false},
      {{"a/*/foo"}, "home/me/a/b/foo", true},
      {{"a/*/foo"}, "home/me/a/b/c/foo", false},
      {{"a/?/foo"}, "home/me/a/b/foo", true},
  });
}

TEST(ExcludeRules, TwoStarsAreAnyFolders) {
  Check({
      {{"**/foo"}, "home/me/foo", true},
      {{"**/foo"}, "home/me/a/b/foo", true},
      {{"**/a/foo"}, "home/me/x/a/foo", true},
      {{"**/a/foo"}, "home/me/x/a/b/foo", false},
      {{"a/**/foo"}, "home/me/a/foo", true},
      {{"a/**/foo"}, "home/me/a/x/y/foo", true},
      {{"a/**/foo"}, "home/me/ab/foo", false},
      {{"a/**"}, "home/me/a/foo", true},
      {{"a/**"}, "home/me/a/x/y", true},
      {{"a/**"}, "home/me/a/", false},
      {{"/**"}, "home", true},
      {{"/**"}, "home/me/x", true},
      {{"/**/"}, "home/me/x/", true},
      {{"/**/"}, "home/me/x", false},
      {{"**"}, "home/me/x", true},
      {{"a/**/b/**/c"}, "home/me/a/1/b/2/3/c", true},
      {{"a/**/b/**/c"}, "home/me/a/1/2/3/c", false},
      {{"a/**/**/c"}, "home/me/a/c", true},
      {{"**/x/**/x/**/x/**/y"},
       "home/me/" +
           [] {
             std::string s;
             for (int i = 0; i < 60; ++i) s += "x/";
             return s;
           }() +
           "z",
       false},
  });
}

TEST(ExcludeRules, ClassesMatchOneByte) {
  Check({
      {{"[abc]"}, "home/me/b", true},          {{"[abc]"}, "home/me/d", false},
      {{"[a-c]x"}, "home/me/bx", true},        {{"[a-c]x"}, "home/me/dx", false},
      {{"[!a-c]"}, "home/me/d", true},         {{"[^a-c]"}, "home/me/b", false},
      {{"[]a]"}, "home/me/]", true},           {{"[!]a]"}, "home/me/]", false},
      {{"[a-]"}, "home/me/-", true},           {{"[-a]"}, "home/me/-", true},
      {{"[\\]x]"}, "home/me/]", true},         {{"[a\\-z]"}, "home/me/b", false},
      {{"[[:digit:]]*"}, "home/me/7up", true}, {{"[[:alpha:][:digit:]_]"}, "home/me/_", true},
      {{"[[:upper:]]"}, "home/me/a", false},   {{"[![:space:]]"}, "home/me/ ", false},
      {{"[z-a]"}, "home/me/b", false},         {{"[z-a]"}, "home/me/z", true},
      {{"*.[ch]"}, "home/me/x.h", true},       {{"[\xff]"}, "home/me/\xff", true},
  });
}

TEST(ExcludeRules, ASlashInAClassEndsNoName) {
  Check({
      {{"a[^/]b"}, "home/me/axb", true},
      {{"a[^/]b"}, "home/me/d/axb", false},  // a slash is one, also here: the path below the base
      {{"**/a[!/]b"}, "home/me/d/axb", true},
      {{"a[x/]b"}, "home/me/axb", true},
      {{"a[x/]b"}, "home/me/a/b", false},
      {{"a[[:alpha:]/]b/c"}, "home/me/axb/c", true},
      {{"a[\\]/]b"}, "home/me/a]b", true},
      {{"\\[a/]b"}, "home/me/[a/]b", true},
      {{"a\\/b"}, "home/me/a/b", true},
  });
}

TEST(ExcludeRules, ABackslashTakesTheNextByteAsItIs) {
  Check({
      {{"\\*"}, "home/me/*", true},
      {{"\\*"}, "home/me/a", false},
      {{"\\!important"}, "home/me/!important", true},
      {{"\\#tag"}, "home/me/#tag", true},
      {{"a\\?"}, "home/me/a?", true},
      {{"foo\\ "}, "home/me/foo ", true},
      {{"foo "}, "home/me/foo", true},
      {{"foo  "}, "home/me/foo ", false},
      {{"a\\\\b"}, "home/me/a\\b", true},
  });
}

TEST(ExcludeRules, TheLastPatternThatMatchesDecides) {
  Check({
      {{"*.log", "!keep.log"}, "home/me/keep.log", false},
      {{"*.log", "!keep.log"}, "home/me/other.log", true},
      {{"!keep.log", "*.log"}, "home/me/keep.log", true},
      {{"*.log", "!keep.log", "keep.log"}, "home/me/keep.log", true},
      {{"!x"}, "home/me/x", false},
      {{"*", "!*/"}, "home/me/folder/", false},
      {{"*", "!*/"}, "home/me/file", true},
      {{"/home/me/a/*", "!/home/me/a/b"}, "home/me/a/b", false},
  });
}

TEST(ExcludeRules, NamesAreBytes) {
  Check({
      {{"caf\xc3\xa9"}, "home/me/caf\xc3\xa9", true},
      {{"caf?"}, "home/me/caf\xc3\xa9", false},
      {{"caf??"}, "home/me/caf\xc3\xa9", true},
      {{"a\nb"}, "home/me/a\nb", true},
      {{"A"}, "home/me/a", false},
  });
}

TEST(ExcludeRules, TheBaseMayBeTheRoot) {
  ExcludeRules rules;
  ASSERT_OK(rules.Add("a/foo"));
  EXPECT_TRUE(rules.Excludes(AsBytes("a/foo"), 0, false));
  EXPECT_FALSE(rules.Excludes(AsBytes("b/a/foo"), 0, false));
}

TEST(ExcludeRules, RefusesWhatCouldNeverMatch) {
  for (const std::string pattern : {"[abc", "a/[x/b", "foo\\", "/", "//", "!", "!/", "", "   ", "[[:nothing:]]",
                                    "a[/]b", "./x", "a/../b", "/./x", "!./x", "..", "\\./x", "a/."}) {
    ExcludeRules rules;
    EXPECT_THAT(rules.Add(pattern), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("\"" + pattern + "\""))) << pattern;
    EXPECT_TRUE(rules.empty());
  }
}

TEST(ExcludeRules, SaysWhyAPatternCouldNeverMatch) {
  ExcludeRules rules;
  const auto why = [](std::string_view text) {
    return ErrorIs(ErrorCode::kInvalidArgument, HasSubstr(std::string(text)));
  };
  EXPECT_THAT(rules.Add("./x"), why("the name \".\", which no path in a backup has"));
  EXPECT_THAT(rules.Add("a/../b"), why("the name \"..\", which no path in a backup has"));
  EXPECT_THAT(rules.Add("a[/]b"), why("matches no byte of a name"));
  EXPECT_THAT(rules.Add("a[x/b"), why("not closed"));
}

// A pattern on the left excludes `folder/path` just where one of those on the right excludes `path`.
TEST(ExcludeRules, PatternsOfAFolderSayTheSameOfWhatIsInIt) {
  const auto in = [](const std::string& pattern) { return ExcludeRules::PatternsIn("item", pattern); };
  using Patterns = std::vector<std::string>;
  EXPECT_EQ(in("*.tmp"), Patterns{"*.tmp"});
  EXPECT_EQ(in("cache/"), Patterns{"cache/"});
  EXPECT_EQ(in("/item/a/b"), Patterns{"/a/b"});
  EXPECT_EQ(in("/it?m//a/"), Patterns{"/a/"});
  EXPECT_EQ(in("/*/a"), Patterns{"/a"});
  EXPECT_EQ(in("/[i/]tem/**"), Patterns{"/**"});
  EXPECT_EQ(in("/**/a"), (Patterns{"/**/a"}));
  EXPECT_EQ(in("/**/item/a"), (Patterns{"/**/item/a", "/a"}));
  for (const std::string pattern : {"/other/a", "/item", "/item/", "/items/a", "/**"})
    EXPECT_EQ(in(pattern), Patterns());
}

TEST(ExcludeRules, ReadsLinesAsGitDoes) {
  ExcludeRules rules;
  ASSERT_OK(rules.AddLines("\xef\xbb\xbf# comment\n\n   \n*.o\r\n!main.o\n\\#x\nlast", "rules.txt"));
  const auto excludes = [&](std::string_view path) { return rules.Excludes(AsBytes(path), 0, false); };
  EXPECT_TRUE(excludes("a.o"));
  EXPECT_FALSE(excludes("main.o"));
  EXPECT_FALSE(excludes("# comment"));
  EXPECT_TRUE(excludes("#x"));
  EXPECT_TRUE(excludes("last"));
}

TEST(ExcludeRules, ErrorsOfAFileNameItsLine) {
  ExcludeRules rules;
  EXPECT_THAT(rules.AddLines("a\nb\n[\n", "rules.txt"),
              ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("rules.txt line 3")));
}

}  // namespace
}  // namespace cairn
