#include "engine/store/s3/credentials.h"

#include <fstream>
#include <map>

#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn::s3 {
namespace {

class CredentialsTest : public testing::Test {
 protected:
  Environment Variables() {
    return [this](const char* name) { return variables_[name]; };
  }
  void Write(const std::string& name, std::string_view text) {
    ASSERT_OK(MakeFolders(PosixFileSystem(), folder_ / ".aws"));
    std::ofstream(folder_ / (".aws/" + name)) << text;
  }
  Result<Credentials> Find(const std::string& profile = "") {
    return FindCredentials(PosixFileSystem(), Variables(), profile);
  }

  TempFolder folder_;
  std::map<std::string, std::string> variables_{{"HOME", folder_.path()}};
};

TEST_F(CredentialsTest, OfTheEnvironmentFirst) {
  Write("credentials", "[default]\naws_access_key_id=file\naws_secret_access_key=of file\n");
  variables_.insert({{"AWS_ACCESS_KEY_ID", "env"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_SESSION_TOKEN", "t"}});
  ASSERT_OK_AND_ASSIGN(const Credentials found, Find());
  EXPECT_EQ(found.access_key, "env");
  EXPECT_EQ(found.session_token, "t");
  // A profile that was asked for is the one that is meant.
  EXPECT_EQ(Find("default").value().access_key, "file");
}

TEST_F(CredentialsTest, OfAProfileOfTheFile) {
  Write("credentials",
        "; a comment\n[default]\n aws_access_key_id = one \naws_secret_access_key= a=b/c+d \r\n"
        "#aws_session_token = no\n[ other ]\naws_access_key_id=two\naws_secret_access_key=x\naws_session_token=t\n");
  EXPECT_EQ(Find().value().access_key, "one");
  EXPECT_EQ(Find().value().secret_key, "a=b/c+d");
  EXPECT_EQ(Find().value().session_token, "");
  EXPECT_EQ(Find("other").value().access_key, "two");
  variables_["AWS_PROFILE"] = "other";
  EXPECT_EQ(Find().value().session_token, "t");
}

TEST_F(CredentialsTest, SaysWhatToSetWhereThereAreNone) {
  using testing::HasSubstr;
  EXPECT_THAT(Find(), ErrorIs(ErrorCode::kInvalidArgument,
                              testing::AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr(".aws/credentials"))));
  Write("credentials", "[default]\naws_access_key_id=only half\n");
  EXPECT_THAT(Find("mine"), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("[mine]")));
  EXPECT_FALSE(Find());
  variables_.erase("HOME");
  EXPECT_FALSE(Find());
}

TEST_F(CredentialsTest, Region) {
  const auto region = [&](const std::string& profile = "") {
    return FindRegion(PosixFileSystem(), Variables(), profile).value();
  };
  EXPECT_EQ(region(), "");
  Write("config", "[default]\nregion = eu-west-1\n[profile other]\nregion=eu-north-1\n");
  EXPECT_EQ(region(), "eu-west-1");
  EXPECT_EQ(region("other"), "eu-north-1");
  variables_["AWS_DEFAULT_REGION"] = "us-west-2";
  EXPECT_EQ(region(), "us-west-2");
  variables_["AWS_REGION"] = "ap-south-1";
  EXPECT_EQ(region(), "ap-south-1");
}

}  // namespace
}  // namespace cairn::s3
