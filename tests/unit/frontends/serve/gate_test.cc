#include "frontends/serve/gate.h"

#include "engine/http/base64.h"
#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/recording_log.h"

namespace cairn::serve {
namespace {

constexpr std::string_view kToken = "0123456789abcdef0123";

std::string Basic(std::string_view text) { return "Basic " + http::Base64Encode(AsBytes(text)); }

class GateTest : public testing::Test {
 protected:
  unsigned Status(Headers headers, bool is_http_1_0 = false, std::string target = "/") {
    const auto refused = gate_.Refuse({.method = "GET",
                                       .target = std::move(target),
                                       .is_http_1_0 = is_http_1_0,
                                       .headers = std::move(headers),
                                       .peer = "192.0.2.7"});
    return refused ? refused->status : 200;
  }
  unsigned StatusOf(const std::string& authorization) {
    return Status({{"host", "localhost"}, {"authorization", authorization}});
  }
  unsigned StatusAt(const std::string& host) {
    return Status({{"host", host}, {"authorization", "Bearer " + std::string(kToken)}});
  }

  FakeClock clock_;
  RecordingLog log_;
  Gate gate_{AsBytes(kToken), {.is_loopback = true, .host = "myself"}, clock_, log_, {}};
};

TEST_F(GateTest, TheTokenIsThePasswordOfAnyUser) {
  const std::string token(kToken);
  EXPECT_EQ(StatusOf(Basic("cairn:" + token)), 200U);
  EXPECT_EQ(StatusOf(Basic(":" + token)), 200U);
  EXPECT_EQ(StatusOf("bAsIc  " + Basic("x:" + token).substr(6)), 200U);
  EXPECT_EQ(StatusOf("Bearer " + token), 200U);
  EXPECT_EQ(clock_.sleeps(), 0U);
}

TEST_F(GateTest, AnythingElseIsNot) {
  const std::string token(kToken);
  for (const std::string& wrong :
       {Basic("cairn:"), Basic("cairn:" + token + "x"), Basic("cairn:x:" + token), Basic(token),
        Basic("cairn:" + token.substr(1)), std::string("Bearer"), std::string("Bearer "), "Digest " + token,
        "Basic " + token, token, std::string("Basic !")}) {
    EXPECT_EQ(StatusOf(wrong), 401U) << wrong;
  }
  EXPECT_EQ(Status({{"host", "localhost"}}), 401U);
}

TEST_F(GateTest, AWrongTokenTakesASecondAndIsToldWithoutIt) {
  EXPECT_EQ(Status({{"host", "localhost"}}), 401U);
  EXPECT_EQ(clock_.sleeps(), 0U);  // it was asked only what is needed
  EXPECT_EQ(StatusOf(Basic("cairn:secret-that-is-wrong")), 401U);
  EXPECT_EQ(clock_.slept(), std::chrono::seconds(1));
  EXPECT_THAT(log_.Lines(), testing::ElementsAre("a wrong token from 192.0.2.7"));
}

TEST_F(GateTest, AnswersToItsOwnNamesOnly) {
  for (const std::string ours : {"localhost", "LOCALHOST:8420", "a.localhost", "127.0.0.1:1", "127.1.2.3", "[::1]:8420",
                                 "[::1]", "myself:8420"}) {
    EXPECT_EQ(StatusAt(ours), 200U) << ours;
  }
  for (const std::string foreign : {"", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example",
                                    "192.0.2.1", "[::2]", "notlocalhost"}) {
    EXPECT_EQ(StatusAt(foreign), 421U) << foreign;
  }
  EXPECT_EQ(Status({{"authorization", "Bearer " + std::string(kToken)}}, true), 200U);
  EXPECT_EQ(Status({{"host", "localhost"}, {"authorization", "Bearer " + std::string(kToken)}}, false,
                   "http://evil.example/"),
            421U);
}

TEST_F(GateTest, BeyondLoopbackItHasAnyName) {
  Gate open(AsBytes(kToken), {.is_loopback = false, .host = "0.0.0.0"}, clock_, log_, {});
  EXPECT_FALSE(
      open.Refuse({.method = "GET",
                   .target = "/",
                   .headers = {{"host", "backup.example"}, {"authorization", "Bearer " + std::string(kToken)}}}));
}

TEST(GateToken, IsLongEnoughAndPrintable) {
  EXPECT_OK(Gate::CheckToken(AsBytes(kToken)));
  for (const std::string_view bad : {"", "short", "0123456789 abcdef", "0123456789abcdefé"}) {
    EXPECT_FALSE(Gate::CheckToken(AsBytes(bad))) << bad;
  }
}

}  // namespace
}  // namespace cairn::serve
