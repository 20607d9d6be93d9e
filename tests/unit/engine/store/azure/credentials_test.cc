#include "engine/store/azure/credentials.h"

#include <map>

#include "tests/support/matchers.h"

namespace cairn::azure {
namespace {

Result<Credentials> Find(std::map<std::string, std::string> variables) {
  return FindCredentials([&](const char* name) { return variables[name]; });
}

TEST(AzureCredentials, TheKeyBeforeTheSignature) {
  ASSERT_OK_AND_ASSIGN(const Credentials found, Find({{"AZURE_ACCOUNT_KEY", "a2V5"}, {"AZURE_ACCOUNT_SAS", "sig=x"}}));
  EXPECT_EQ(ToString(found.key), "key");
  EXPECT_EQ(found.sas, "");
}

TEST(AzureCredentials, ASignatureAsThePortalGivesIt) {
  ASSERT_OK_AND_ASSIGN(const Credentials found, Find({{"AZURE_ACCOUNT_SAS", "?sv=2021&sig=a%3D"}}));
  EXPECT_EQ(found.sas, "sv=2021&sig=a%3D");
  EXPECT_TRUE(found.key.empty());
}

TEST(AzureCredentials, RefusesWhatIsNoneAndDoesNotTellIt) {
  using testing::AllOf, testing::HasSubstr, testing::Not;
  EXPECT_THAT(Find({}), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("AZURE_ACCOUNT_KEY")));
  EXPECT_THAT(Find({{"AZURE_ACCOUNT_KEY", "hunter2"}}),
              ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("AZURE_ACCOUNT_KEY"), Not(HasSubstr("hunter2")))));
  EXPECT_THAT(Find({{"AZURE_ACCOUNT_SAS", "hunter2"}}),
              ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("AZURE_ACCOUNT_SAS"), Not(HasSubstr("hunter2")))));
}

}  // namespace
}  // namespace cairn::azure
