#include "engine/store/flat/flat_answers.h"

#include "tests/support/matchers.h"

namespace cairn::flat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ListedPage Page(const std::vector<std::string>& keys, std::string next = "") {
  ListedPage page{.objects = {}, .next = std::move(next)};
  for (const std::string& key : keys) page.objects.push_back({.key = key, .size = 1, .modified = 0, .tag = ""});
  return page;
}

TEST(FlatAnswers, APageIsOfWhatWasAskedFor) {
  EXPECT_OK(CheckedPage(Page({"a/b", "a/c"}, "2"), "a/", "1", "listing it"));
  for (auto& page : {Result<ListedPage>(Page({"a/b", "b/c"})), Result<ListedPage>(Page({"a/b"}, "1")),
                     Result<ListedPage>(Corrupt("half of one"))}) {
    const auto checked = CheckedPage(page, "a/", "1", "listing it");
    ASSERT_THAT(checked, ErrorIs(ErrorCode::kIo, testing::StartsWith("listing it: ")));
    EXPECT_TRUE(checked.error().transient());
  }
}

TEST(FlatAnswers, NamesAreKeysBelowThePrefix) {
  std::vector<std::string> tokens, names, strangers;
  const auto page_of = [&](const std::string& token) -> Result<ListedPage> {
    tokens.push_back(token);
    if (token.empty()) return Page({"a/index/x", "a/", "a/tmp/y"}, "more");
    return Page({"a/Photo 1.JPG", "a/keys/z"});
  };
  ASSERT_OK(ListPages(
      page_of, "a/",
      [&](const ObjectInfo& info) -> Result<void> {
        names.push_back(info.name.text());
        return {};
      },
      [&](const std::string& name) -> Result<void> {
        strangers.push_back(name);
        return {};
      }));
  EXPECT_THAT(tokens, ElementsAre("", "more"));
  EXPECT_THAT(names, ElementsAre("index/x", "keys/z"));
  EXPECT_THAT(strangers, ElementsAre("Photo 1.JPG"));
}

TEST(FlatAnswers, AnErrorEndsThePages) {
  int pages = 0;
  const auto page_of = [&](const std::string&) -> Result<ListedPage> {
    ++pages;
    return Page({"Photo 1.JPG", "a"}, "more");
  };
  const auto refuse = [](const auto&) -> Result<void> { return Error(ErrorCode::kBusy, "enough"); };
  const auto take = [](const auto&) -> Result<void> { return {}; };
  EXPECT_THAT(ListPages(page_of, "", refuse, {}), ErrorCodeIs(ErrorCode::kBusy));
  EXPECT_THAT(ListPages(page_of, "", take, refuse), ErrorCodeIs(ErrorCode::kBusy));
  EXPECT_EQ(pages, 2);
}

TEST(FlatAnswers, SayWhatTheStatusSays) {
  EXPECT_EQ(Said({.status = 404, .code = "NoSuchKey", .message = "None."}, "GET it"),
            "GET it: the server answered 404 NoSuchKey (None.)");
  EXPECT_EQ(CodeOfStatus({.status = 404, .code = "NoSuchKey", .message = ""}), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOfStatus({.status = 404, .code = "", .message = ""}), ErrorCode::kIo);
  EXPECT_TRUE(MayPassByStatus({.status = 404, .code = "", .message = ""}));
  EXPECT_FALSE(MayPassByStatus({.status = 404, .code = "NoSuchKey", .message = ""}));
  EXPECT_TRUE(MayPassByStatus({.status = 503, .code = "SlowDown", .message = ""}));
  EXPECT_FALSE(MayPassByStatus({.status = 403, .code = "AccessDenied", .message = ""}));
}

TEST(FlatAnswers, AnotherPutIsNotOnesOwn) {
  const auto there = [](std::string_view text) {
    return Result<http::Response>(http::Response{.status = 200, .headers = {}, .body = ToBytes(AsBytes(text))});
  };
  EXPECT_THAT(IsOwnPut(there("own"), AsBytes("own"), "it"), IsOkAnd(true));
  EXPECT_THAT(IsOwnPut(there("not"), AsBytes("own"), "it"), IsOkAnd(false));
  EXPECT_THAT(IsOwnPut(Corrupt("larger"), AsBytes("own"), "it"), IsOkAnd(false));
  EXPECT_THAT(IsOwnPut(Error(ErrorCode::kNotFound, "gone"), AsBytes("own"), "it"),
              ErrorIs(ErrorCode::kIo, HasSubstr("is not any more")));
  EXPECT_THAT(IsOwnPut(Error(ErrorCode::kPermission, "no"), AsBytes("own"), "it"), ErrorCodeIs(ErrorCode::kPermission));
}

}  // namespace
}  // namespace cairn::flat
