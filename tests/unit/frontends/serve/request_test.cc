// What a request asks for: its path, its range and its conditions.
#include "frontends/serve/conditions.h"
#include "frontends/serve/markup.h"
#include "frontends/serve/web_path.h"
#include "tests/support/matchers.h"

namespace cairn::serve {
namespace {

std::vector<std::string> Names(std::string_view target) {
  const auto names = ParseTarget(target);
  EXPECT_OK(names);
  std::vector<std::string> text;
  for (const Bytes& name : names.value()) text.push_back(ToString(name));
  return text;
}

TEST(WebPath, NamesOfATarget) {
  EXPECT_THAT(Names("/"), testing::IsEmpty());
  EXPECT_THAT(Names("//a%20b//c%2Bd+/"), testing::ElementsAre("a b", "c+d+"));
  EXPECT_THAT(Names("http://host:1/%FF%0a"), testing::ElementsAre("\xff\n"));
  EXPECT_THAT(Names("http://host"), testing::IsEmpty());
  EXPECT_THAT(Names("/..."), testing::ElementsAre("..."));
  EXPECT_EQ(HostOfTarget("http://host:1/a"), "host:1");
  EXPECT_EQ(HostOfTarget("/http://host"), "");
}

TEST(WebPath, RefusesWhatCanBeNoName) {
  for (const std::string_view bad : {"/a/../b", "/%2e%2E", "/.", "/a%2Fb", "/a%00", "/%", "/%zz", "a", "*"}) {
    EXPECT_FALSE(ParseTarget(bad)) << bad;
  }
}

TEST(WebPath, EncodesWhatItParses) {
  std::string all;
  for (int i = 1; i < 256; ++i) {
    if (i != '/') all += static_cast<char>(i);
  }
  EXPECT_THAT(Names(EncodePath({ToBytes(AsBytes("a")), ToBytes(AsBytes(all))})), testing::ElementsAre("a", all));
  EXPECT_EQ(EncodePath({}), "/");
}

TEST(Markup, EscapesAndReplaces) {
  EXPECT_EQ(MarkupText("<a href='x'>&\"é"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;é");
  EXPECT_EQ(MarkupText(std::string_view("\x01\x7f\xff\0", 4)), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

Choice Of(Headers headers, uint64_t size = 100, std::string method = "GET") {
  constexpr UnixNs kModified = 1'255'369'830'000'000'000;
  return Choose({.method = std::move(method), .target = "/", .headers = std::move(headers)},
                {.etag = "\"e1\"", .modified = kModified}, size);
}

void ExpectPart(const Choice& choice, uint64_t offset, uint64_t size) {
  EXPECT_EQ(choice.status, 206U);
  EXPECT_EQ(choice.offset, offset);
  EXPECT_EQ(choice.size, size);
}

TEST(Conditions, OneRange) {
  ExpectPart(Of({{"range", "bytes=0-9"}}), 0, 10);
  ExpectPart(Of({{"range", "bytes=90-"}}), 90, 10);
  ExpectPart(Of({{"range", "bytes=90-1000"}}), 90, 10);
  ExpectPart(Of({{"range", "bytes=-5"}}), 95, 5);
  ExpectPart(Of({{"range", "bytes=-500"}}), 0, 100);
  for (const std::string none : {"bytes=100-", "bytes=-0"}) EXPECT_EQ(Of({{"range", none}}).status, 416U) << none;
  EXPECT_EQ(Of({{"range", "bytes=0-"}}, 0).status, 416U);
}

TEST(Conditions, WhatIsNoRangeOfOursGivesTheWhole) {
  for (const std::string whole :
       {"bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-", "items=0-1", "bytes=+1-2"}) {
    const Choice choice = Of({{"range", whole}});
    EXPECT_EQ(choice.status, 200U) << whole;
    EXPECT_EQ(choice.size, 100U) << whole;
  }
  EXPECT_EQ(Of({{"range", "bytes=0-9"}}, 100, "HEAD").status, 200U);
}

TEST(Conditions, ARangeOfAnotherFileIsTheWhole) {
  EXPECT_EQ(Of({{"range", "bytes=0-9"}, {"if-range", "\"e2\""}}).status, 200U);
  EXPECT_EQ(Of({{"range", "bytes=0-9"}, {"if-range", "W/\"e1\""}}).status, 200U);
  EXPECT_EQ(Of({{"range", "bytes=0-9"}, {"if-range", "Mon, 12 Oct 2009 17:50:30 GMT"}}).status, 200U);
  ExpectPart(Of({{"range", "bytes=0-9"}, {"if-range", "\"e1\""}}), 0, 10);
}

TEST(Conditions, WhoHasItIsNotGivenItAgain) {
  for (const std::string tags : {"\"e1\"", "W/\"e1\"", "*", "\"a,b\", \"e1\"", " \"e0\" ,\t\"e1\" "}) {
    EXPECT_EQ(Of({{"if-none-match", tags}}).status, 304U) << tags;
  }
  EXPECT_EQ(Of({{"if-none-match", "\"e2\", e1"}}).status, 200U);
  EXPECT_EQ(Of({{"if-modified-since", "Mon, 12 Oct 2009 17:50:30 GMT"}}).status, 304U);
  EXPECT_EQ(Of({{"if-modified-since", "Mon, 12 Oct 2009 17:50:29 GMT"}}).status, 200U);
  EXPECT_EQ(Of({{"if-modified-since", "yesterday"}}).status, 200U);
  // The tag is asked first, and alone.
  EXPECT_EQ(Of({{"if-none-match", "\"e2\""}, {"if-modified-since", "Mon, 12 Oct 2009 17:50:30 GMT"}}).status, 200U);
}

TEST(Conditions, WhoMeansAnotherFileGetsNone) {
  EXPECT_EQ(Of({{"if-match", "\"e2\""}}).status, 412U);
  EXPECT_EQ(Of({{"if-match", "W/\"e1\""}}).status, 412U);
  EXPECT_EQ(Of({{"if-match", "\"e1\""}}).status, 200U);
  EXPECT_EQ(Of({{"if-unmodified-since", "Mon, 12 Oct 2009 17:50:29 GMT"}}).status, 412U);
  EXPECT_EQ(Of({{"if-unmodified-since", "Mon, 12 Oct 2009 17:50:30 GMT"}}).status, 200U);
}

}  // namespace
}  // namespace cairn::serve
