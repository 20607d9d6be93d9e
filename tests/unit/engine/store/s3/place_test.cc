#include "engine/store/s3/place.h"

#include "engine/store/s3/s3_store.h"
#include "tests/support/matchers.h"

namespace cairn::s3 {
namespace {

TEST(Place, OfAnyServer) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("http://127.0.0.1:9000/bucket/pre/fix/"));
  EXPECT_EQ(place.text(), "s3:http://127.0.0.1:9000/bucket/pre/fix");
  EXPECT_EQ(place.HostIn("us-east-1"), "127.0.0.1:9000");
  EXPECT_EQ(place.bucket, "bucket");
  EXPECT_EQ(place.prefix, "pre/fix/");
  EXPECT_EQ(place.PathOf("pre/fix/data/ab"), "/bucket/pre/fix/data/ab");
  EXPECT_EQ(place.PathOf(""), "/bucket");
}

TEST(Place, WithoutASchemeIsHttps) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("minio.example.org:9000/bucket"));
  EXPECT_EQ(place.text(), "s3:https://minio.example.org:9000/bucket");
  EXPECT_EQ(place.prefix, "");
  EXPECT_FALSE(place.virtual_host);
}

TEST(Place, OfAmazonIsAHostOfItsOwn) {
  for (const std::string_view text : {"//backups/of/mine", "https://s3.amazonaws.com/backups/of/mine"}) {
    ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse(text));
    EXPECT_EQ(place.HostIn("us-east-1"), "backups.s3.amazonaws.com");
    EXPECT_EQ(place.HostIn("eu-central-1"), "backups.s3.eu-central-1.amazonaws.com");
    EXPECT_EQ(place.PathOf("of/mine/x"), "/of/mine/x");
    EXPECT_EQ(place.PathOf(""), "/");
  }
  // No certificate fits a.b.s3.amazonaws.com.
  ASSERT_OK_AND_ASSIGN(const Place dotted, Place::Parse("//a.b/c"));
  EXPECT_EQ(dotted.HostIn("us-east-1"), "s3.amazonaws.com");
}

TEST(Place, KnowsWhoseServerItIs) {
  ASSERT_OK_AND_ASSIGN(const Place alibaba, Place::Parse("https://oss-cn-hangzhou.aliyuncs.com/backups/x"));
  EXPECT_TRUE(alibaba.is_alibaba());
  EXPECT_EQ(alibaba.HostIn("us-east-1"), "backups.oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(CreateByOf(alibaba), CreateBy::kForbidOverwrite);
  ASSERT_OK_AND_ASSIGN(const Place google, Place::Parse("https://storage.googleapis.com/backups/x"));
  EXPECT_TRUE(google.is_google());
  EXPECT_FALSE(google.virtual_host);
  EXPECT_EQ(CreateByOf(google), CreateBy::kGenerationMatch);
  for (const char* other : {"//backups", "https://minio.example.org/b", "https://aliyuncs.com.example.org/b"}) {
    EXPECT_EQ(CreateByOf(Place::Parse(other).value()), CreateBy::kIfNoneMatch) << other;
  }
  for (const CreateBy one : {CreateBy::kIfNoneMatch, CreateBy::kForbidOverwrite, CreateBy::kGenerationMatch}) {
    EXPECT_EQ(ParseCreateBy(Name(one)), one);
  }
  EXPECT_FALSE(ParseCreateBy("luck"));
}

TEST(Place, TakesPrefixesOfAnyBytes) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("https://host/bucket/a%20b+é"));
  EXPECT_EQ(place.prefix, "a b+é/");
  EXPECT_EQ(Place::Parse(std::string_view(place.text()).substr(3)).value().prefix, place.prefix);
}

TEST(Place, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "host", "https://host", "https://host/", "ftp://host/bucket", "https:///bucket", "https://host:0/bucket",
        "https://host:99999/bucket", "https://-o/bucket", "https://ho st/bucket", "https://host/bu cket",
        "https://host/bucket//x", "https://host/bucket?x=y", "https://host/bucket/%zz", "https://host/.bucket",
        "https://host/bucket/a%0ab", "https://host/bucket/../other", "https://host/bucket/a/./b"}) {
    EXPECT_THAT(Place::Parse(text), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(Place, TheSchemesOwnPortIsNone) {
  EXPECT_EQ(Place::Parse("https://host:443/bucket").value().HostIn(""), "host");
  EXPECT_EQ(Place::Parse("http://host:80/bucket").value().HostIn(""), "host");
  EXPECT_EQ(Place::Parse("http://host:443/bucket").value().HostIn(""), "host:443");
}

TEST(Place, RefusesAPasswordAndDoesNotTellIt) {
  EXPECT_THAT(Place::Parse("https://key:hunter2@host/bucket"),
              ErrorIs(ErrorCode::kInvalidArgument, testing::Not(testing::HasSubstr("hunter2"))));
  EXPECT_THAT(Place::Parse("https://host/bucket?sig=hunter2"),
              ErrorIs(ErrorCode::kInvalidArgument, testing::Not(testing::HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace cairn::s3
