#include "engine/store/webdav/place.h"

#include "tests/support/matchers.h"

namespace cairn::webdav {
namespace {

TEST(WebdavPlace, Parts) {
  ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse("https://dav.example:8443/remote.php/a%20b+é/"));
  EXPECT_EQ(place.text(), "webdav:https://dav.example:8443/remote.php/a b+é");
  EXPECT_EQ(place.UrlOf("data/ab"), "https://dav.example:8443/remote.php/a%20b%2B%C3%A9/data/ab");
  EXPECT_EQ(place.PathOf(""), "/remote.php/a%20b%2B%C3%A9/");
}

TEST(WebdavPlace, OfAWholeServer) {
  for (const std::string_view text : {"dav.example", "https://dav.example/", "https://dav.example//"}) {
    ASSERT_OK_AND_ASSIGN(const Place place, Place::Parse(text));
    EXPECT_EQ(place.text(), "webdav:https://dav.example");
    EXPECT_EQ(place.PathOf(""), "/");
    EXPECT_EQ(place.PathOf("config/"), "/config/");
  }
}

TEST(WebdavPlace, KnowsThisMachine) {
  for (const std::string_view text : {"http://localhost/x", "http://127.0.0.1:80/x", "http://[::1]:8080/x"}) {
    EXPECT_TRUE(Place::Parse(text).value().is_loopback()) << text;
  }
  for (const std::string_view text : {"http://127.example/x", "http://10.0.0.1/x", "http://localhost.example/x"}) {
    EXPECT_FALSE(Place::Parse(text).value().is_loopback()) << text;
  }
}

TEST(WebdavPlace, RefusesWhatIsNone) {
  for (const std::string_view text : {"", "ftp://host/a", "https://host/a//b", "https://host/a/../b",
                                      "https://host/./a", "https://host/a?b", "https://user@host/a"}) {
    EXPECT_THAT(Place::Parse(text), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace cairn::webdav
