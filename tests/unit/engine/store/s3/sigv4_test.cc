// Examples of the Amazon S3 API Reference, "Signature Calculations for the Authorization Header".
#include "engine/store/s3/sigv4.h"

#include <gtest/gtest.h>

#include "engine/http/date.h"

namespace cairn::s3 {
namespace {

const Credentials kExample{.access_key = "AKIAIOSFODNN7EXAMPLE",
                           .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                           .session_token = ""};
constexpr std::string_view kHost = "examplebucket.s3.amazonaws.com";

UnixNs May24() { return http::ParseDate("Fri, 24 May 2013 00:00:00 GMT").value(); }

std::string HeaderOf(const http::Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::string SignatureOf(const Unsigned& request, const Credentials& credentials = kExample) {
  const std::string line = HeaderOf(Sign(request, credentials, {.region = "us-east-1"}, May24()), "Authorization");
  const size_t at = line.find("Signature=");
  return at == std::string::npos ? line : line.substr(at + 10);
}

TEST(SigV4, GetObject) {
  EXPECT_EQ(
      SignatureOf(
          {.method = "GET", .host = std::string(kHost), .path = "/test.txt", .headers = {{"Range", "bytes=0-9"}}}),
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, PutObject) {
  EXPECT_EQ(SignatureOf(
                {.method = "PUT",
                 .host = std::string(kHost),
                 .path = "/test$file.text",
                 .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                 .body = AsBytes("Welcome to Amazon S3.")}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, GetBucketLifecycle) {
  EXPECT_EQ(SignatureOf({.method = "GET", .host = std::string(kHost), .path = "/", .query = {{"lifecycle", ""}}}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4, ListObjects) {
  // In the order in which they may come: they are sorted before they are signed.
  EXPECT_EQ(
      SignatureOf(
          {.method = "GET", .host = std::string(kHost), .path = "/", .query = {{"prefix", "J"}, {"max-keys", "2"}}}),
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, SaysWhoAndWhat) {
  const auto headers =
      Sign({.method = "GET", .host = std::string(kHost), .path = "/", .headers = {{"If-None-Match", "*"}}},
           {.access_key = "AK", .secret_key = "SK", .session_token = "token"}, {.region = "eu-west-1"}, May24());
  EXPECT_EQ(HeaderOf(headers, "x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(HeaderOf(headers, "x-amz-security-token"), "token");
  const std::string line = HeaderOf(headers, "Authorization");
  EXPECT_TRUE(
      line.starts_with("AWS4-HMAC-SHA256 Credential=AK/20130524/eu-west-1/s3/aws4_request,"
                       "SignedHeaders=host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token,"))
      << line;
  for (const auto& [name, value] : headers) EXPECT_EQ(value.find("SK"), std::string::npos) << name;
}

TEST(SigV4, HasGooglesWordsForGooglesHeaders) {
  const auto headers = Sign({.method = "PUT",
                             .host = "storage.googleapis.com",
                             .path = "/bucket/a",
                             .headers = {{"x-goog-if-generation-match", "0"}}},
                            {.access_key = "AK", .secret_key = "SK", .session_token = ""},
                            {.region = "auto", .dialect = Dialect::kGoogle}, May24());
  EXPECT_EQ(HeaderOf(headers, "x-goog-date"), "20130524T000000Z");
  const std::string line = HeaderOf(headers, "Authorization");
  EXPECT_TRUE(
      line.starts_with("GOOG4-HMAC-SHA256 Credential=AK/20130524/auto/storage/goog4_request,"
                       "SignedHeaders=host;x-goog-content-sha256;x-goog-date;x-goog-if-generation-match,"))
      << line;
  for (const auto& [name, value] : headers) EXPECT_FALSE(name.starts_with("x-amz-")) << name;
}

TEST(SigV4, EncodesAndSortsAQueryByItsEncodedForm) {
  EXPECT_EQ(CanonicalQuery({{"prefix", "a b/c+d=e&f"}, {"Z", ""}, {"a", "~*'(é"}}),
            "Z=&a=~%2A%27%28%C3%A9&prefix=a%20b%2Fc%2Bd%3De%26f");
}

}  // namespace
}  // namespace cairn::s3
