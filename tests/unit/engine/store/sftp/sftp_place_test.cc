#include "engine/store/sftp/sftp_place.h"

#include "tests/support/matchers.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Expected {
  std::string_view text;
  std::string_view user, host;
  int port;  // 0: none
  std::string_view path;
  std::string_view again = "";  // what Text() says, where it is another form
};

TEST(SftpPlace, ReadsWhatResticReads) {
  for (const Expected& expected : {
           Expected{"sftp:user@host:/srv/backup", "user", "host", 0, "/srv/backup"},
           Expected{"sftp:host:backup/here", "", "host", 0, "backup/here"},
           Expected{"sftp:host:/", "", "host", 0, "/"},
           Expected{"sftp:host:/srv/backup//", "", "host", 0, "/srv/backup", "sftp:host:/srv/backup"},
           Expected{"sftp:user@domain@host:/srv", "user@domain", "host", 0, "/srv"},
           Expected{"sftp:user@[::1]:/srv", "user", "::1", 0, "/srv"},
           Expected{"sftp:[fe80::1%eth0]:srv", "", "fe80::1%eth0", 0, "srv"},
           Expected{"sftp:host:a:b@c", "", "host", 0, "a:b@c"},
           Expected{"sftp:host:100% of it", "", "host", 0, "100% of it"},
           Expected{"sftp://user@host:2222//srv/backup", "user", "host", 2222, "/srv/backup"},
           Expected{"sftp://user@host/backup", "user", "host", 0, "backup", "sftp:user@host:backup"},
           Expected{"sftp://host//srv/backup", "", "host", 0, "/srv/backup", "sftp:host:/srv/backup"},
           Expected{"sftp://user@[2001:db8::1]:22//srv", "user", "2001:db8::1", 22, "/srv"},
           Expected{"sftp://[fe80::1%25eth0]:22/srv", "", "fe80::1%eth0", 22, "srv"},
           Expected{"sftp://me%40work@host:22/a%20b%25", "me@work", "host", 22, "a b%",
                    "sftp://me%40work@host:22/a b%25"},
           Expected{"sftp://me@work@host:22/a", "me@work", "host", 22, "a", "sftp://me%40work@host:22/a"},
       }) {
    SCOPED_TRACE(expected.text);
    ASSERT_OK_AND_ASSIGN(const SftpPlace place, SftpPlace::Parse(expected.text));
    EXPECT_EQ(place.user(), expected.user);
    EXPECT_EQ(place.host(), expected.host);
    EXPECT_EQ(place.port().value_or(0), expected.port);
    EXPECT_EQ(place.path(), expected.path);
    EXPECT_EQ(place.Text(), expected.again.empty() ? expected.text : expected.again);
    EXPECT_THAT(SftpPlace::Parse(place.Text()), IsOkAnd(place));
  }
}

TEST(SftpPlace, RefusesWhatNamesNoPlace) {
  for (const std::string_view text : {"",
                                      "sftp",
                                      "/srv",
                                      "host:/srv",
                                      "sftp:",
                                      "sftp:host",
                                      "sftp:host:",
                                      "sftp::/srv",
                                      "sftp:@host:/srv",
                                      "sftp:user@:/srv",
                                      "sftp:::1:/srv",
                                      "sftp:[::1]/srv",
                                      "sftp:[::1:/srv",
                                      "sftp:[host]:/srv",
                                      "sftp:user@[::1]x:/srv",
                                      "sftp://",
                                      "sftp://host",
                                      "sftp://host/",
                                      "sftp:///srv",
                                      "sftp://host:/srv",
                                      "sftp://host:0/srv",
                                      "sftp://host:65536/srv",
                                      "sftp://host:22x/srv",
                                      "sftp://::1/srv",
                                      "sftp://@host/srv",
                                      "sftp://host/%2",
                                      "sftp://host/%xx",
                                      "sftp://host/%",
                                      "sftp:host:~/srv",
                                      "sftp://host/~user/srv",
                                      "sftp:host:a\nb",
                                      "sftp://host/a%00b",
                                      "sftp:h%st:/srv",
                                      "sftp://user%3Apw@host/srv",
                                      "sftp://a%40b/srv"}) {
    EXPECT_THAT(SftpPlace::Parse(text), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(SftpPlace::Parse("sftp:host:" + std::string(3'001, 'x')), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

// Arguments of ssh, and pieces of a ProxyCommand's shell text.
TEST(SftpPlace, RefusesHostsAndUsersThatAreNone) {
  for (const std::string_view text :
       {"sftp:-oProxyCommand=touch x:/srv", "sftp:-host:/srv", "sftp:user@-host:/srv", "sftp://-host/srv",
        "sftp://%2Dhost/srv", "sftp:-luser@host:/srv", "sftp:a b:/srv", "sftp:$(x):/srv", "sftp:`x`@host:/srv",
        "sftp:us;er@host:/srv", "sftp:ho'st:/srv", "sftp:u\"@host:/srv", "sftp:u|v@host:/srv", "sftp:u&v@host:/srv",
        "sftp:u\\v@host:/srv", "sftp:\x01@host:/srv", "sftp://us%20er@host/srv", "sftp://u%2Fv@host/srv"}) {
    EXPECT_THAT(SftpPlace::Parse(text), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(SftpPlace, RefusesAPasswordWithoutRepeatingIt) {
  for (const std::string_view text : {"sftp://user:secret@host//srv", "sftp:user:secret@host:/srv",
                                      "sftp://user:secret@host:22/srv", "sftp://user%3asecret@host/srv"}) {
    EXPECT_THAT(
        SftpPlace::Parse(text),
        ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("password"), HasSubstr("key"), Not(HasSubstr("secret")))))
        << text;
  }
}

}  // namespace
}  // namespace cairn
