#include "engine/env/zone_name.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

std::string FromVariable(const std::string& text) {
  return ZoneNameFrom(
      {.variable = text, .localtime_target = "/usr/share/zoneinfo/Asia/Tokyo", .timezone_file = "America/New_York\n"});
}
std::string FromLink(const std::string& target) { return ZoneNameFrom({.localtime_target = target}); }
std::string FromFile(const std::string& text) { return ZoneNameFrom({.timezone_file = text}); }

TEST(ZoneName, TheVariableIsFirst) {
  EXPECT_EQ(FromVariable("Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(FromVariable(":Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(FromVariable("America/Argentina/Buenos_Aires"), "America/Argentina/Buenos_Aires");
  EXPECT_EQ(FromVariable("/usr/share/zoneinfo/Europe/Paris"), "Europe/Paris");
  EXPECT_EQ(FromVariable("Etc/GMT+5"), "Etc/GMT+5");
  EXPECT_EQ(FromVariable("EST5EDT"), "EST5EDT");
  EXPECT_EQ(FromVariable("UTC"), "UTC");
}

TEST(ZoneName, AnEmptyVariableIsUtc) {
  EXPECT_EQ(FromVariable(""), "UTC");
  EXPECT_EQ(FromVariable(":"), "UTC");
}

TEST(ZoneName, ARuleIsNoName) {
  for (const char* rule : {"CET-1CEST", "CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3", "UTC0", "JST-9", "XYZ-5:45"}) {
    EXPECT_EQ(FromVariable(rule), "") << rule;
  }
}

TEST(ZoneName, AVariableThatPointsToTheSystemsZoneMeansIt) {
  EXPECT_EQ(FromVariable(":/etc/localtime"), "Asia/Tokyo");
  EXPECT_EQ(FromVariable("/etc/localtime"), "Asia/Tokyo");
  EXPECT_EQ(FromVariable("/home/me/my-zone"), "");
}

TEST(ZoneName, TheLinkIsSecond) {
  EXPECT_EQ(FromLink("/usr/share/zoneinfo/Asia/Tokyo"), "Asia/Tokyo");
  EXPECT_EQ(FromLink("../usr/share/zoneinfo/Etc/UTC"), "Etc/UTC");
  EXPECT_EQ(FromLink("/usr/share/zoneinfo/posix/Asia/Tokyo"), "Asia/Tokyo");
  EXPECT_EQ(FromLink("/usr/share/zoneinfo/right/Asia/Tokyo"), "Asia/Tokyo");
  EXPECT_EQ(ZoneNameFrom({.localtime_target = "/usr/share/zoneinfo/Asia/Tokyo", .timezone_file = "Asia/Seoul\n"}),
            "Asia/Tokyo");
}

TEST(ZoneName, TheFileIsThird) {
  EXPECT_EQ(FromFile("Asia/Seoul\n"), "Asia/Seoul");
  EXPECT_EQ(FromFile("Asia/Seoul # a comment"), "Asia/Seoul");
  EXPECT_EQ(ZoneNameFrom({.localtime_target = "/somewhere/else", .timezone_file = "Asia/Seoul"}), "Asia/Seoul");
}

TEST(ZoneName, NonsenseIsNoName) {
  for (const char* text : {"", "\n", "/Asia", "Asia/", "Asia Seoul", "Asia/\xff", "-- --"}) {
    EXPECT_EQ(FromLink(std::string("/usr/share/zoneinfo/") + text), "") << text;
  }
  EXPECT_EQ(FromFile(std::string(65, 'a')), "");
  EXPECT_EQ(ZoneNameFrom({}), "");
}

}  // namespace
}  // namespace cairn
