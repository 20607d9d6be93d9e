// What rclone says, and what users say to it.
#include "engine/store/rclone/rclone_child.h"
#include "engine/store/rclone/rclone_remote.h"
#include "engine/store/rclone/rclone_store.h"
#include "tests/support/matchers.h"

namespace cairn::rclone {
namespace {

TEST(RcloneChild, KnowsWhereRequestsAreTaken) {
  EXPECT_EQ(OriginOf("2026/11/22 10:02:54 NOTICE: Serving remote control on http://127.0.0.1:38623/"),
            "http://127.0.0.1:38623");
  EXPECT_EQ(OriginOf("NOTICE: Serving remote control on [http://127.0.0.1:5572/]"), "http://127.0.0.1:5572");
  for (const char* line : {"", "NOTICE: Config file not found", "Serving remote control on http://127.0.0.1:386",
                           "Serving remote control on http://127.0.0.1:/", "see http://127.0.0.1:80/"}) {
    EXPECT_EQ(OriginOf(line), "") << line;
  }
}

TEST(RcloneRemote, TakesForPassingWhatNothingElseIsSaidOf) {
  const auto code_of = [](std::string_view words) {
    const Error error = ErrorOfWords(words, "rclone:far:x");
    EXPECT_THAT(error.message(), testing::StartsWith("rclone:far:x (rclone said: "));
    EXPECT_EQ(error.transient(), error.code() == ErrorCode::kIo) << words;
    return error.code();
  };
  EXPECT_EQ(code_of("dial tcp: connection refused"), ErrorCode::kIo);
  EXPECT_EQ(code_of("status 500"), ErrorCode::kIo);
  EXPECT_EQ(code_of("error in ListJSON: directory not found"), ErrorCode::kIo);
  EXPECT_EQ(code_of("googleapi: Error 403: The user's Drive storage Quota has been exceeded"), ErrorCode::kNoSpace);
  EXPECT_EQ(code_of("googleapi: Error 403: Quota exceeded for quota metric 'Queries', rateLimitExceeded"),
            ErrorCode::kIo);
  EXPECT_EQ(code_of("mkdir /x: permission denied"), ErrorCode::kPermission);
  EXPECT_EQ(code_of("didn't find section in config file"), ErrorCode::kInvalidArgument);
}

TEST(RcloneStore, RemotesAreNamedAsRcloneHasThem) {
  EXPECT_THAT(ParseRemote("drive:backups/laptop/"), IsOkAnd("drive:backups/laptop"));
  for (const char* text : {"drive:", "/srv/x", ":memory:bucket", "a b:c & d"}) {
    EXPECT_THAT(ParseRemote(text), IsOkAnd(text));
  }
  for (const char* text : {"", "a:b//c", "a:b/../c", "a:b/./c", "a:b]c", "a:b\nc", ":ftp,host=x,pass=secret1:y"}) {
    EXPECT_THAT(ParseRemote(text), ErrorIs(ErrorCode::kInvalidArgument, testing::Not(testing::HasSubstr("secret1"))))
        << text;
  }
}

TEST(RcloneStore, RefusesRemotesWithSecrets) {
  for (const char* option :
       {"pass", "password", "password2", "PASS", "bearer_token", "secret_access_key", "api-key", "key_pem",
        "key_file_pass", "access_grant", "passphrase", "sas_url", "service_account_credentials"}) {
    const std::string text = fmt::format(":any,host=x,{}=hunter2:y", option);
    EXPECT_THAT(ParseRemote(text), ErrorIs(ErrorCode::kInvalidArgument, AllOf(testing::HasSubstr("holds a secret"),
                                                                              Not(testing::HasSubstr("hunter2")))))
        << option;
  }
  for (const char* option : {"host", "user", "key_file", "access_key_id", "env_auth_method", "key_use_agent"}) {
    EXPECT_OK(ParseRemote(fmt::format(":any,{}=x:y", option))) << option;
  }
}

}  // namespace
}  // namespace cairn::rclone
