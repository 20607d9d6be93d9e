#include "engine/http/base64.h"

#include "engine/crypto/md5.h"
#include "engine/http/answer.h"
#include "tests/support/matchers.h"

namespace cairn::http {
namespace {

// RFC 4648, section 10.
TEST(Base64, PublishedVectors) {
  const std::pair<std::string_view, std::string_view> rows[] = {{"", ""},
                                                                {"f", "Zg=="},
                                                                {"fo", "Zm8="},
                                                                {"foo", "Zm9v"},
                                                                {"foob", "Zm9vYg=="},
                                                                {"fooba", "Zm9vYmE="},
                                                                {"foobar", "Zm9vYmFy"},
                                                                {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : rows) {
    EXPECT_EQ(Base64Encode(AsBytes(bytes)), text);
    const auto decoded = Base64Decode(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(ToString(*decoded), bytes);
  }
}

TEST(Base64, RefusesWhatIsNone) {
  for (const std::string_view bad :
       {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm9-", "=Zg="})
    EXPECT_FALSE(Base64Decode(bad)) << bad;
}

// RFC 1321, A.5.
TEST(Md5, PublishedVectors) {
  EXPECT_EQ(ToHex(Md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(ToHex(Md5(AsBytes("message digest"))), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Answer, OneLineIsShortAndOfOneLine) {
  EXPECT_EQ(OneLine("a\nb\x1b[0m\x7f"), "a b [0m ");
  EXPECT_EQ(OneLine(std::string(1'000, 'x')).size(), 300U);
}

TEST(Answer, NumbersAreDigits) {
  EXPECT_EQ(ParseNumber("18446744073709551615"), UINT64_MAX);
  for (const std::string_view bad : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"}) {
    EXPECT_FALSE(ParseNumber(bad)) << bad;
  }
}

TEST(Answer, ExtentNeedsASize) {
  const auto extent =
      ExtentOf({.status = 200,
                .headers = {{"content-length", "7"}, {"last-modified", "Mon, 12 Oct 2009 17:50:30 GMT"}},
                .body = {}},
               "x");
  ASSERT_OK(extent);
  EXPECT_EQ(extent->size, 7U);
  EXPECT_EQ(extent->modified, 1'255'369'830'000'000'000);
  EXPECT_THAT(ExtentOf({.status = 200, .headers = {}, .body = {}}, "that"),
              ErrorIs(ErrorCode::kIo, testing::HasSubstr("that")));
}

}  // namespace
}  // namespace cairn::http
