#include "engine/store/azure/answers.h"

#include "tests/support/matchers.h"

namespace cairn::azure {
namespace {

Failure Failed(int status, std::string_view code, std::string_view body = "") {
  http::Response response{.status = status, .headers = {}, .body = ToBytes(AsBytes(body))};
  if (!code.empty()) response.headers.emplace_back("x-ms-error-code", code);
  return FailureOf(response);
}

TEST(AzureAnswers, SayWhatWentWrong) {
  const Failure failure =
      Failed(403, "",
             "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed."
             "\nRequestId:123\nTime:2026</Message></Error>");
  const Error error = ErrorOf(failure, "GET it");
  EXPECT_EQ(error.code(), ErrorCode::kPermission);
  EXPECT_FALSE(error.transient());
  EXPECT_EQ(error.message(),
            "GET it: the server answered 403 AuthenticationFailed (Server failed.); AZURE_ACCOUNT_KEY is not the one "
            "of this account, or AZURE_ACCOUNT_SAS has run out or is wrong");
}

TEST(AzureAnswers, OfAProxyAreToldByTheirStatus) {
  for (const std::string_view body : {"", "<html><p>Bad gateway", "\x1b[31mred", "<Error/>"}) {
    const Error error = ErrorOf(Failed(502, "", body), "GET it");
    EXPECT_EQ(error.message(), "GET it: the server answered 502");
    EXPECT_TRUE(error.transient());
  }
  EXPECT_EQ(Failed(400, "a\x1b[31mb").code, "a [31mb");
}

TEST(AzureAnswers, ByStatusAndCode) {
  const struct {
    int status;
    std::string_view code;
    ErrorCode expected;
    bool transient;
  } rows[] = {
      {404, "ContainerNotFound", ErrorCode::kNotFound, false},
      {409, "BlobAlreadyExists", ErrorCode::kAlreadyExists, false},
      {412, "ConditionNotMet", ErrorCode::kAlreadyExists, false},
      {412, "LeaseIdMissing", ErrorCode::kPermission, false},
      {409, "BlobImmutableDueToPolicy", ErrorCode::kPermission, false},
      {409, "BlobArchived", ErrorCode::kArchived, false},
      {409, "BlobBeingRehydrated", ErrorCode::kArchived, false},
      {409, "ContainerBeingDeleted", ErrorCode::kIo, true},
      {409, "InvalidBlobType", ErrorCode::kIo, false},
      {403, "AuthorizationPermissionMismatch", ErrorCode::kPermission, false},
      {400, "Md5Mismatch", ErrorCode::kIo, true},
      {400, "InvalidHeaderValue", ErrorCode::kIo, false},
      {500, "InternalError", ErrorCode::kIo, true},
      {503, "ServerBusy", ErrorCode::kIo, true},
      {429, "", ErrorCode::kIo, true},
      {507, "", ErrorCode::kNoSpace, false},
  };
  for (const auto& row : rows) {
    const Error error = ErrorOf(Failed(row.status, row.code), "x");
    EXPECT_EQ(error.code(), row.expected) << row.status << row.code;
    EXPECT_EQ(error.transient(), row.transient) << row.status << row.code;
  }
}

std::string Page(std::string_view blobs, std::string_view after = "<NextMarker/>") {
  return fmt::format("\xef\xbb\xbf<?xml version=\"1.0\"?><EnumerationResults><Blobs>{}</Blobs>{}</EnumerationResults>",
                     blobs, after);
}

TEST(AzureListedPage, GivesBlobs) {
  ASSERT_OK_AND_ASSIGN(
      const ListedPage page,
      ParseListedPage(AsBytes(Page("<Blob><Name>p/a b+&amp;é%20</Name><Properties><Content-Length>12</Content-Length>"
                                   "<Last-Modified>Mon, 12 Oct 2009 17:50:30 GMT</Last-Modified></Properties></Blob>"
                                   "<Blob><Name>data/ab</Name><Properties><ResourceType>directory</ResourceType>"
                                   "<Content-Length>0</Content-Length></Properties></Blob>"
                                   "<Blob><Name>q</Name><Properties><Content-Length>0</Content-Length></Properties>"
                                   "</Blob>",
                                   "<NextMarker>m/1</NextMarker>"))));
  ASSERT_EQ(page.objects.size(), 2U);
  EXPECT_EQ(page.objects[0].key, "p/a b+&é%20");
  EXPECT_EQ(page.objects[0].size, 12U);
  EXPECT_EQ(page.objects[0].modified, 1'255'369'830'000'000'000);
  EXPECT_EQ(page.objects[1].key, "q");
  EXPECT_EQ(page.objects[1].modified, 0);
  EXPECT_EQ(page.next, "m/1");
}

TEST(AzureListedPage, RefusesWhatIsNotWhole) {
  const std::string whole =
      Page("<Blob><Name>k</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>");
  ASSERT_OK(ParseListedPage(AsBytes(whole)));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseListedPage(AsBytes(whole).first(size))) << size;
  }
  EXPECT_FALSE(ParseListedPage(AsBytes(Page("", ""))));
  EXPECT_FALSE(ParseListedPage(
      AsBytes(Page("<Blob><Name>k</Name><Properties><Content-Length>-1</Content-Length></Properties></Blob>"))));
  EXPECT_FALSE(ParseListedPage(AsBytes("<html><body>Sign in to the hotel's network</body></html>")));
}

}  // namespace
}  // namespace cairn::azure
