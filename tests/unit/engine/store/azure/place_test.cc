#include "engine/store/azure/place.h"

#include "tests/support/matchers.h"

namespace cairn::azure {
namespace {

TEST(AzurePlace, NamesTheAccountInItsHost) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("https://mine.blob.core.windows.net/backups/pre/fix/", {}));
  EXPECT_EQ(place.account, "mine");
  EXPECT_EQ(place.container, "backups");
  EXPECT_EQ(place.prefix, "pre/fix/");
  EXPECT_EQ(place.PathOf("pre/fix/data/ab"), "/backups/pre/fix/data/ab");
  EXPECT_EQ(place.PathOf(""), "/backups");
  EXPECT_EQ(place.text(), "azure:https://mine.blob.core.windows.net/backups/pre/fix");
}

TEST(AzurePlace, OfAnEmulatorNamesItInThePath) {
  for (const std::string_view host : {"127.0.0.1:10000", "[::1]:10000", "azurite:10000"}) {
    ASSERT_OK_AND_ASSIGN(const Place place,
                         Place::Parse(fmt::format("http://{}/devstoreaccount1/backups", host), {.name = "other"}));
    EXPECT_EQ(place.account, "devstoreaccount1");
    EXPECT_EQ(place.container, "backups");
    EXPECT_EQ(place.prefix, "");
    EXPECT_EQ(place.PathOf("x"), "/devstoreaccount1/backups/x");
    EXPECT_EQ(place.text(), fmt::format("azure:http://{}/devstoreaccount1/backups", host));
  }
}

TEST(AzurePlace, OfAHostOfOnesOwn) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("https://blobs.example.org/backups", {.name = "mine"}));
  EXPECT_EQ(place.account, "mine");
  EXPECT_EQ(place.PathOf("x"), "/backups/x");
}

TEST(AzurePlace, Short) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("backups:/a b/", {.name = "mine"}));
  EXPECT_EQ(place.text(), "azure:https://mine.blob.core.windows.net/backups/a b");
  EXPECT_EQ(place.prefix, "a b/");
  EXPECT_EQ(Place::Parse("backups:/", {.name = "mine"}).value().prefix, "");
  EXPECT_EQ(Place::Parse("backups:", {.name = "mine"}).value().prefix, "");
  EXPECT_EQ(Place::Parse("backups:/x", {.name = "mine", .endpoint_suffix = "core.chinacloudapi.cn"}).value().text(),
            "azure:https://mine.blob.core.chinacloudapi.cn/backups/x");
  EXPECT_THAT(Place::Parse("backups:/x", {}),
              ErrorIs(ErrorCode::kInvalidArgument, testing::HasSubstr("AZURE_ACCOUNT_NAME")));
}

TEST(AzurePlace, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "host", "https://mine.blob.core.windows.net", "https://mine.blob.core.windows.net/",
        "https://mine.blob.core.windows.net/UPPER", "https://mine.blob.core.windows.net/ab",
        "https://mine.blob.core.windows.net/-abc", "https://mi-ne.blob.core.windows.net/abc",
        "https://mine.blob.core.windows.net/abc//x", "https://mine.blob.core.windows.net/abc?sig=x",
        "http://127.0.0.1:10000/account", "ftp://host/abc", "abc:x", "ab:/x", "abc://x"}) {
    EXPECT_THAT(Place::Parse(text, {.name = text.starts_with("https") ? "" : "mine"}),
                ErrorCodeIs(ErrorCode::kInvalidArgument))
        << text;
  }
}

}  // namespace
}  // namespace cairn::azure
