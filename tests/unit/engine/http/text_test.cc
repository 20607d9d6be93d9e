// Encodings, addresses, dates and XML of web stores.
#include "engine/http/date.h"
#include "engine/http/percent.h"
#include "engine/http/xml_events.h"
#include "tests/support/matchers.h"

namespace cairn::http {
namespace {

TEST(Percent, EncodesAllButUnreserved) {
  EXPECT_EQ(PercentEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(PercentEncode("a b+c/é"), "a%20b%2Bc%2F%C3%A9");
  EXPECT_EQ(PercentEncode("a/b", Slash::kKept), "a/b");
  EXPECT_EQ(PercentEncode(std::string_view("\0\xff", 2)), "%00%FF");
}

TEST(Percent, DecodesWhatWasEncoded) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(PercentDecode(PercentEncode(all)).value(), all);
  EXPECT_EQ(PercentDecode("%c3%A9+").value(), "é+");
  for (const std::string_view bad : {"%", "%1", "%g0", "a%2", "%%20"}) EXPECT_FALSE(PercentDecode(bad)) << bad;
}

TEST(Address, Parts) {
  ASSERT_OK_AND_ASSIGN(const Address address, ParseAddress("http://[::1]:8080/a%20b/"));
  EXPECT_EQ(address.origin.text(), "http://[::1]:8080");
  EXPECT_EQ(address.path, "/a b/");
  EXPECT_EQ(ParseAddress("host.example").value().origin.text(), "https://host.example");
  EXPECT_EQ(ParseAddress("host.example").value().path, "");
}

TEST(Date, BothForms) {
  constexpr UnixNs kWhen = 1'255'369'830'000'000'000;
  EXPECT_EQ(ParseDate("Mon, 12 Oct 2009 17:50:30 GMT").value(), kWhen);
  EXPECT_EQ(ParseDate("2009-10-12T17:50:30.000Z").value(), kWhen);
  EXPECT_EQ(ParseDate("2009-10-12T17:50:30Z").value(), kWhen);
  for (const std::string_view bad :
       {"", "Z", "Mon, 12 Foo 2009 17:50:30 GMT", "Mon, 32 Oct 2009 17:50:30 GMT", "2009-02-29T00:00:00Z",
        "2009-10-12T17:50:30+01", "9999-10-12T17:50:30Z", "2009-10-12T1:50:300Z", "Mon, 12 Oct 2009 17:50:30 CET"}) {
    EXPECT_FALSE(ParseDate(bad)) << bad;
  }
}

TEST(Date, WrittenAsRead) {
  EXPECT_EQ(FormatDate(1'255'369'830'999'999'999), "Mon, 12 Oct 2009 17:50:30 GMT");
  for (const UnixNs when : {UnixNs{0}, UnixNs{951'782'399'000'000'000}, UnixNs{1'795'331'053'000'000'000}}) {
    EXPECT_EQ(ParseDate(FormatDate(when)).value(), when);
  }
}

std::string Told(std::string_view document) {
  std::string told;
  const auto read =
      ReadXml(AsBytes(document), {.begin = [&](std::string_view path) -> Result<void> {
                                    told += fmt::format("<{}>", path);
                                    return {};
                                  },
                                  .end = [&](std::string_view path, const std::string& text) -> Result<void> {
                                    told += fmt::format("{}={};", path, text);
                                    return {};
                                  }});
  return read ? told : "error: " + read.error().message();
}

TEST(Xml, TellsElementsWithTheirText) {
  EXPECT_EQ(Told("<a xmlns='urn:x'><b>1&amp;2</b><n:c xmlns:n='urn:y'/>t</a>"), "</a></a/b>/a/b=1&2;</a/c>/a/c=;/a=t;");
}

TEST(Xml, TellsNamesWithTheirNamespaces) {
  std::string told;
  ASSERT_OK(ReadXml(AsBytes("<a xmlns='urn:x'><n:b xmlns:n='urn:y'/><c xmlns=''/></a>"),
                    {.begin = {}, .end = {}, .named = [&](auto space, auto name, size_t depth) -> Result<void> {
                       told += fmt::format("{}|{}|{} ", space, name, depth);
                       return {};
                     }}));
  EXPECT_EQ(told, "urn:x|a|0 urn:y|b|1 |c|1 ");
}

TEST(Xml, RefusesWhatNoStoreSends) {
  EXPECT_THAT(Told("<a>"), testing::StartsWith("error: the answer is no XML"));
  EXPECT_THAT(Told("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), testing::HasSubstr("declares a type"));
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  EXPECT_THAT(Told(deep), testing::HasSubstr("nest deeper"));
  EXPECT_THAT(Told("<a>" + std::string(70'000, 'x') + "</a>"), testing::HasSubstr("longer than 65536"));
}

TEST(Xml, AnErrorOfTheHandlerEndsIt) {
  int told = 0;
  const auto read = ReadXml(AsBytes("<a><b/><b/></a>"),
                            {.begin = {}, .end = [&](std::string_view, const std::string&) -> Result<void> {
                               ++told;
                               return Error(ErrorCode::kInterrupted, "enough");
                             }});
  EXPECT_THAT(read, ErrorIs(ErrorCode::kInterrupted, testing::HasSubstr("enough")));
  EXPECT_EQ(told, 1);
}

TEST(Xml, TakesADocumentInAnyPieces) {
  const std::string document = "<?xml version=\"1.0\"?><a><b>é</b></a>";
  for (size_t cut = 0; cut <= document.size(); ++cut) {
    std::string told;
    XmlEvents events({.begin = {}, .end = [&](std::string_view path, const std::string& text) -> Result<void> {
                        told += fmt::format("{}={};", path, text);
                        return {};
                      }});
    ASSERT_OK(events.Push(AsBytes(document).first(cut)));
    ASSERT_OK(events.Push(AsBytes(document).subspan(cut)));
    ASSERT_OK(events.Finish());
    EXPECT_EQ(told, "/a/b=é;/a=;");
  }
}

}  // namespace
}  // namespace cairn::http
