#include "frontends/serve/propfind.h"

#include "engine/http/xml_events.h"
#include "tests/support/matchers.h"

namespace cairn::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<Propfind> Parse(std::string_view body) { return Propfind::Parse(AsBytes(body)); }

Resource File() {
  return {.name = ToBytes(AsBytes("a & b.txt")),
          .href = "/a%20%26%20b.txt",
          .size = 12,
          .modified = WireTime{1'255'369'830, 999},
          .born = WireTime{0, 1},
          .etag = "\"e1\""};
}
Resource Folder() {
  return {.name = ToBytes(AsBytes("d")), .href = "/d/", .is_folder = true, .modified = WireTime{1'255'369'830, 0}};
}

TEST(Propfind, AnEmptyBodyAsksForAll) {
  ASSERT_OK_AND_ASSIGN(const Propfind asked, Parse(""));
  EXPECT_EQ(asked.kind, Propfind::Kind::kAll);
  EXPECT_TRUE(asked.names.empty());
}

TEST(Propfind, NamesWithTheirNamespaces) {
  ASSERT_OK_AND_ASSIGN(const Propfind asked,
                       Parse("<?xml version='1.0'?><d:propfind xmlns:d='DAV:'><d:prop><d:getetag/><x:a xmlns:x='urn:x'>"
                             "<x:inner/></x:a><b/></d:prop></d:propfind>"));
  EXPECT_EQ(asked.kind, Propfind::Kind::kNamed);
  EXPECT_THAT(asked.names,
              ElementsAre(PropertyName{"DAV:", "getetag"}, PropertyName{"urn:x", "a"}, PropertyName{"", "b"}));
}

TEST(Propfind, KindsAndWhatIsNotKnown) {
  EXPECT_EQ(Parse("<propfind xmlns='DAV:'><propname/></propfind>").value().kind, Propfind::Kind::kNames);
  ASSERT_OK_AND_ASSIGN(const Propfind all, Parse("<propfind xmlns='DAV:'><e xmlns='urn:e'><prop/></e><allprop/>"
                                                 "<include><quota-used-bytes/></include></propfind>"));
  EXPECT_EQ(all.kind, Propfind::Kind::kAll);
  EXPECT_THAT(all.names, ElementsAre(PropertyName{"DAV:", "quota-used-bytes"}));
}

TEST(Propfind, RefusesWhatIsNone) {
  std::string many = "<propfind xmlns='DAV:'><prop>";
  for (size_t i = 0; i <= Propfind::kNamesMax; ++i) many += "<a/>";
  many += "</prop></propfind>";
  // A namespace that is said once, and would be told again of every file.
  std::string large = "<propfind xmlns='DAV:'><prop xmlns:x='" + std::string(Propfind::kNamesBytesMax / 2, 'a') + "'>";
  large += "<x:a/><x:b/></prop></propfind>";
  for (const std::string& bad :
       {std::string("x"), std::string("<propfind/>"), std::string("<a xmlns='DAV:'><allprop/></a>"),
        std::string("<propfind xmlns='DAV:'/>"), std::string("<propfind xmlns='DAV:'><allprop/>"),
        std::string("<!DOCTYPE a [<!ENTITY b 'c'>]><propfind xmlns='DAV:'><allprop/></propfind>"),
        std::string("<propfind xmlns='DAV:'><prop><xml:lang/></prop></propfind>"), many, large}) {
    EXPECT_THAT(Parse(bad), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("no PROPFIND"))) << bad.substr(0, 80);
  }
}

TEST(Multistatus, TellsAllOfAFile) {
  const std::string entry = MultistatusEntry(File(), Propfind());
  for (const std::string_view part :
       {"<D:href>/a%20%26%20b.txt</D:href>", "<D:displayname>a &amp; b.txt</D:displayname>", "<D:resourcetype/>",
        "<D:getcontentlength>12</D:getcontentlength>", "<D:getlastmodified>Mon, 12 Oct 2009 17:50:30 GMT<",
        "<D:creationdate>1970-01-01T00:00:00Z<", "<D:getetag>&quot;e1&quot;<",
        "<D:getcontenttype>text/plain; charset=utf-8<", "<D:status>HTTP/1.1 200 OK</D:status>"}) {
    EXPECT_THAT(entry, HasSubstr(part));
  }
  EXPECT_THAT(entry, Not(HasSubstr("404")));
  EXPECT_THAT(entry, Not(HasSubstr("quota")));
}

TEST(Multistatus, TellsAllOfAFolder) {
  const std::string entry = MultistatusEntry(Folder(), Propfind());
  EXPECT_THAT(entry, HasSubstr("<D:resourcetype><D:collection/></D:resourcetype>"));
  for (const std::string_view none : {"getcontentlength", "getetag", "getcontenttype", "creationdate"}) {
    EXPECT_THAT(entry, Not(HasSubstr(none)));
  }
}

TEST(Multistatus, SaysWhichNamedOnesThereAreNot) {
  Propfind asked{.kind = Propfind::Kind::kNamed,
                 .names = {{"DAV:", "resourcetype"}, {"DAV:", "getetag"}, {"urn:<x>", "color"}, {"", "plain"}}};
  EXPECT_EQ(
      MultistatusEntry(Folder(), asked),
      "<D:response><D:href>/d/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype>"
      "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><D:getetag/>"
      "<x:color xmlns:x=\"urn:&lt;x&gt;\"/><plain xmlns=\"\"/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status>"
      "</D:propstat></D:response>\n");
}

TEST(Multistatus, NamesAloneHaveNoValues) {
  const std::string entry = MultistatusEntry(File(), {.kind = Propfind::Kind::kNames});
  EXPECT_THAT(entry, HasSubstr("<D:getetag/>"));
  EXPECT_THAT(entry, Not(HasSubstr("e1")));
}

TEST(Multistatus, IsXmlWhateverTheName) {
  std::string all;
  for (int i = 1; i < 256; ++i) all += static_cast<char>(i);
  Resource odd = File();
  odd.name = ToBytes(AsBytes(all + "\xef\xbf\xbf ]]> é"));
  std::string shown;
  ASSERT_OK(http::ReadXml(AsBytes(MultistatusBegin() + MultistatusEntry(odd, Propfind()) + MultistatusEnd()),
                          {.begin = {}, .end = [&](std::string_view path, const std::string& text) -> Result<void> {
                             if (path.ends_with("/displayname")) shown = text;
                             return {};
                           }}));
  EXPECT_THAT(shown, HasSubstr(" !\"#$%&'()*+,-./0"));
  EXPECT_THAT(shown, testing::EndsWith("\xef\xbf\xbd ]]> é"));
}

TEST(Multistatus, LeavesOutTimesThatHttpDoesNotWrite) {
  Resource file = File();
  file.modified = WireTime{-2, 500'000'000};
  file.born = WireTime{int64_t{1} << 60, 0};
  const std::string entry = MultistatusEntry(file, Propfind());
  EXPECT_THAT(entry, Not(HasSubstr("getlastmodified")));
  EXPECT_THAT(entry, Not(HasSubstr("creationdate")));
}

}  // namespace
}  // namespace cairn::serve
