#include "engine/store/s3/answers.h"

#include "tests/support/matchers.h"

namespace cairn::s3 {
namespace {

Failure Failed(int status, std::string_view body) {
  return FailureOf({.status = status, .headers = {}, .body = ToBytes(AsBytes(body))});
}

std::string ErrorBody(std::string_view code) {
  return fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>text</Message></Error>", code);
}

TEST(Answers, SayWhatWentWrong) {
  const Failure failure = Failed(403, ErrorBody("InvalidAccessKeyId"));
  EXPECT_EQ(failure.code, "InvalidAccessKeyId");
  const Error error = ErrorOf(failure, "GET it");
  EXPECT_EQ(error.code(), ErrorCode::kPermission);
  EXPECT_FALSE(error.transient());
  EXPECT_EQ(error.message(),
            "GET it: the server answered 403 InvalidAccessKeyId (text); AWS_ACCESS_KEY_ID is not known to this server "
            "(one for a time goes with its AWS_SESSION_TOKEN, and both run out)");
}

TEST(Answers, OfAProxyAreToldByTheirStatus) {
  for (const std::string_view body : {"", "<html><p>Bad gateway", "\x1b[31mred", "<Error/>"}) {
    const Error error = ErrorOf(Failed(502, body), "GET it");
    EXPECT_EQ(error.message(), "GET it: the server answered 502");
    EXPECT_TRUE(error.transient());
  }
}

TEST(Answers, NothingForATerminalToRun) {
  const Failure failure = Failed(400, "<Error><Code>a&#10;b</Code><Message>one&#13;&#10;two\x7f</Message></Error>");
  EXPECT_EQ(failure.code, "a b");
  EXPECT_EQ(failure.message, "one  two ");
}

TEST(Answers, ByStatusAndCode) {
  const struct {
    int status;
    std::string_view code;
    ErrorCode expected;
    bool transient;
  } rows[] = {
      {404, "NoSuchBucket", ErrorCode::kNotFound, false},
      {412, "PreconditionFailed", ErrorCode::kAlreadyExists, false},
      {403, "AccessDenied", ErrorCode::kPermission, false},
      {403, "QuotaExceeded", ErrorCode::kNoSpace, false},
      {507, "", ErrorCode::kNoSpace, false},
      {501, "NotImplemented", ErrorCode::kUnsupported, false},
      {500, "InternalError", ErrorCode::kIo, true},
      {503, "SlowDown", ErrorCode::kIo, true},
      {429, "", ErrorCode::kIo, true},
      {409, "OperationAborted", ErrorCode::kIo, true},
      {400, "RequestTimeout", ErrorCode::kIo, true},
      {400, "XAmzContentSHA256Mismatch", ErrorCode::kIo, true},
      {400, "InvalidArgument", ErrorCode::kIo, false},
      {400, "ExpiredToken", ErrorCode::kPermission, false},
      {404, "", ErrorCode::kIo, true},
      {404, "NoSuchKey", ErrorCode::kNotFound, false},
      {409, "BucketAlreadyExists", ErrorCode::kIo, false},
      {403, "InvalidObjectState", ErrorCode::kArchived, false},
      {409, "FileAlreadyExists", ErrorCode::kAlreadyExists, false},
      {400, "NotImplemented", ErrorCode::kUnsupported, false},
      {522, "", ErrorCode::kIo, true},
      {301, "PermanentRedirect", ErrorCode::kIo, false},
  };
  for (const auto& row : rows) {
    const Error error = ErrorOf(Failed(row.status, row.code.empty() ? "" : ErrorBody(row.code)), "x");
    EXPECT_EQ(error.code(), row.expected) << row.status << row.code;
    EXPECT_EQ(error.transient(), row.transient) << row.status << row.code;
  }
}

TEST(Answers, SayWhereABucketIs) {
  const auto told = [](int status, std::string_view more) {
    const std::string body = fmt::format("<Error><Code>PermanentRedirect</Code>{}</Error>", more);
    return ErrorOf(Failed(status, body), "x").message();
  };
  EXPECT_EQ(told(301, "<Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint><Region>eu-west-1</Region>"),
            "x: the server answered 301 PermanentRedirect; the bucket is in eu-west-1 at "
            "b.s3.eu-west-1.amazonaws.com: name the host of there in the address of the repository");
  EXPECT_THAT(told(307, ""), testing::HasSubstr("the bucket is elsewhere: name its own host"));
  EXPECT_THAT(told(400, "<Region>eu-west-1</Region>"), testing::Not(testing::HasSubstr("elsewhere")));
}

TEST(Answers, SayHowLongToWait) {
  using std::chrono::seconds;
  const auto wait = [](std::string_view text) {
    return FailureOf({.status = 503,
                      .headers = {{"retry-after", std::string(text)}, {"date", "Wed, 21 Oct 2026 07:28:00 GMT"}},
                      .body = {}})
        .retry_after;
  };
  EXPECT_EQ(wait("120"), seconds(120));
  EXPECT_EQ(wait("Wed, 21 Oct 2026 07:30:05 GMT"), seconds(125));
  for (const std::string_view text : {"", "-5", "5.5", "soon", "99999999999", "Wed, 21 Oct 2026 07:20:00 GMT"}) {
    EXPECT_EQ(wait(text), seconds(0)) << text;
  }
}

std::string Page(std::string_view inside) {
  return fmt::format(
      "<?xml version=\"1.0\"?><ListBucketResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}</ListBucketResult>",
      inside);
}

TEST(ListedPage, GivesObjects) {
  ASSERT_OK_AND_ASSIGN(const ListedPage page,
                       ParseListedPage(AsBytes(Page("<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                                                    "<NextContinuationToken>a+b%20c</NextContinuationToken>"
                                                    "<Contents><Key>p%2Fa+b%2B%C3%A9</Key><Size>12</Size>"
                                                    "<LastModified>2026-11-22T07:04:13.988Z</LastModified></Contents>"
                                                    "<Contents><Key>q</Key><Size>0</Size></Contents>"))));
  ASSERT_EQ(page.objects.size(), 2U);
  EXPECT_EQ(page.objects[0].key, "p/a b+é");
  EXPECT_EQ(page.objects[0].size, 12U);
  EXPECT_EQ(page.objects[0].modified / 1'000'000'000, 1'795'331'053);
  EXPECT_EQ(page.objects[1].key, "q");
  EXPECT_EQ(page.objects[1].modified, 0);
  EXPECT_EQ(page.next, "a+b%20c");
}

TEST(ListedPage, TakesKeysAsTheyAreWithoutEncoding) {
  ASSERT_OK_AND_ASSIGN(const ListedPage page,
                       ParseListedPage(AsBytes(Page("<Contents><Key>a+b%20</Key><Size>1</Size></Contents>"
                                                    "<IsTruncated>false</IsTruncated>"
                                                    "<NextContinuationToken>left over</NextContinuationToken>"))));
  EXPECT_EQ(page.objects.at(0).key, "a+b%20");
  EXPECT_EQ(page.next, "");
}

TEST(ListedPage, RefusesWhatIsNotWhole) {
  const std::string whole = Page("<IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>1</Size></Contents>");
  ASSERT_OK(ParseListedPage(AsBytes(whole)));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseListedPage(AsBytes(whole).first(size))) << size;
  }
  for (const std::string_view inside :
       {"", "<IsTruncated>true</IsTruncated>", "<IsTruncated>maybe</IsTruncated>",
        "<IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>-1</Size></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size></Size></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Key>k</Key></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents>",
        "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>%</Key><Size>1</Size></"
        "Contents>"}) {
    EXPECT_FALSE(ParseListedPage(AsBytes(Page(inside)))) << inside;
  }
  EXPECT_FALSE(ParseListedPage(AsBytes("<html><body>Sign in to the hotel's network</body></html>")));
}

std::string Versions(std::string_view inside) {
  return fmt::format("<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}</ListVersionsResult>",
                     inside);
}

TEST(VersionsPage, GivesVersionsAndNoMarkersOfRemovals) {
  ASSERT_OK_AND_ASSIGN(
      const VersionsPage page,
      ParseVersionsPage(AsBytes(
          Versions("<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>p%2Fb</NextKeyMarker>"
                   "<NextVersionIdMarker>v9</NextVersionIdMarker>"
                   "<Version><Key>p%2Fa</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest></Version>"
                   "<DeleteMarker><Key>p%2Fa</Key><VersionId>v2</VersionId></DeleteMarker>"
                   "<Version><Key>p%2Fb</Key><VersionId>null</VersionId></Version>"))));
  ASSERT_EQ(page.versions.size(), 2U);
  EXPECT_EQ(page.versions[0].key, "p/a");
  EXPECT_EQ(page.versions[0].id, "v1");
  EXPECT_EQ(page.versions[1].id, "null");
  EXPECT_EQ(page.next_key, "p/b");
  EXPECT_EQ(page.next_id, "v9");
}

TEST(VersionsPage, RefusesWhatIsNotWhole) {
  const std::string whole =
      Versions("<IsTruncated>false</IsTruncated><Version><Key>k</Key><VersionId>v</VersionId></Version>");
  ASSERT_OK(ParseVersionsPage(AsBytes(whole)));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseVersionsPage(AsBytes(whole).first(size))) << size;
  }
  for (const std::string_view inside :
       {"", "<IsTruncated>true</IsTruncated>", "<IsTruncated>false</IsTruncated><Version><Key>k</Key></Version>",
        "<IsTruncated>false</IsTruncated><Version><VersionId>v</VersionId></Version>"}) {
    EXPECT_FALSE(ParseVersionsPage(AsBytes(Versions(inside)))) << inside;
  }
  EXPECT_FALSE(ParseVersionsPage(AsBytes(Page("<IsTruncated>false</IsTruncated>"))));
}

}  // namespace
}  // namespace cairn::s3
