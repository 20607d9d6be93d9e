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

}  // namespace
}  // namespace cairn::rclone
