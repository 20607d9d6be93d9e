#include "engine/store/webdav/multistatus.h"

#include "tests/support/matchers.h"

namespace cairn::webdav {
namespace {

constexpr std::string_view kFolder = "/dav/a b/";

// "name/" of a folder, "name:size" of a file, each after a blank.
Result<std::string> Read(std::string_view document, std::string_view folder = kFolder) {
  std::string told;
  MultistatusReader reader(std::string(folder), [&](const Entry& entry) -> Result<void> {
    told += " " + entry.name + (entry.is_folder ? "/" : fmt::format(":{}", entry.size));
    return {};
  });
  RETURN_IF_ERROR(reader.Push(AsBytes(document)));
  RETURN_IF_ERROR(reader.Finish());
  return told;
}

std::string Response(std::string_view href, std::string_view prop) {
  return fmt::format(
      "<D:response><D:href>{}</D:href><D:propstat><D:prop>{}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
      "</D:response>",
      href, prop);
}

std::string FolderAt(std::string_view href) {
  return Response(href, "<D:resourcetype><D:collection/></D:resourcetype>");
}

std::string FileAt(std::string_view href, int size = 1) {
  return Response(href, fmt::format("<D:getcontentlength>{}</D:getcontentlength><D:resourcetype/>", size));
}

std::string Multistatus(std::string_view inside) {
  return fmt::format("<?xml version=\"1.0\" encoding=\"utf-8\"?><D:multistatus xmlns:D=\"DAV:\">{}</D:multistatus>",
                     inside);
}

TEST(Multistatus, TellsEntries) {
  EXPECT_THAT(Read(Multistatus(FolderAt("/dav/a%20b/") + FileAt("/dav/a%20b/x", 12) + FolderAt("/dav/a%20b/y/"))),
              IsOkAnd(std::string(" / x:12 y/")));
}

// In absolute and relative addresses, more or less encoded, with and without a slash at a folder's end.
TEST(Multistatus, TakesAddressesAsServersWriteThem) {
  for (const std::string_view self : {"http://host:80/dav/a%20b/", "/dav/a b", "/d%61v/a%20b"}) {
    for (const std::string_view file : {"https://other/dav/a%20b/%c3%a9", "/dav/a b/é", "/%64av/a%20b/%C3%A9"}) {
      EXPECT_THAT(Read(Multistatus(FolderAt(self) + FileAt(file) + FolderAt("/dav/a%20b/c"))),
                  IsOkAnd(std::string(" / é:1 c/")))
          << self << " " << file;
    }
  }
  EXPECT_THAT(Read(Multistatus(FolderAt("http://host") + FileAt("/x")), "/"), IsOkAnd(std::string(" / x:1")));
}

// What is missing is listed with a status of its own, and with an empty element.
TEST(Multistatus, TakesPropertiesOfSeveralStatus) {
  EXPECT_THAT(Read(Multistatus("<D:response><D:href>/dav/a b/c/</D:href><D:propstat><D:prop><D:resourcetype>"
                               "<D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status>"
                               "</D:propstat><D:propstat><D:prop><D:getcontentlength/></D:prop>"
                               "<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>" +
                               FileAt("/dav/a b/d"))),
              IsOkAnd(std::string(" c/ d:1")));
}

TEST(Multistatus, LeavesOutWhatIsGone) {
  const auto with = [](std::string_view status) {
    return Multistatus(
        fmt::format("<D:response><D:href>/dav/a b/c</D:href><D:status>{}</D:status></D:response>", status) +
        FileAt("/dav/a b/d"));
  };
  EXPECT_THAT(Read(with("HTTP/1.1 404 Not Found")), IsOkAnd(std::string(" d:1")));
  EXPECT_THAT(Read(with("HTTP/1.1 403 Forbidden")), ErrorIs(ErrorCode::kPermission, testing::HasSubstr("/c")));
  EXPECT_THAT(Read(with("HTTP/1.1 500 Oops")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(Read(with("nonsense")), ErrorCodeIs(ErrorCode::kIo));
}

TEST(Multistatus, TellsTimes) {
  UnixNs modified = 0;
  MultistatusReader reader(std::string(kFolder), [&](const Entry& entry) -> Result<void> {
    modified = entry.modified;
    return {};
  });
  ASSERT_OK(reader.Push(AsBytes(
      Multistatus(Response("/dav/a b/c", "<D:getlastmodified>Mon, 12 Oct 2009 17:50:30 GMT</D:getlastmodified>")))));
  ASSERT_OK(reader.Finish());
  EXPECT_EQ(modified, 1'255'369'830'000'000'000);
}

TEST(Multistatus, RefusesWhatIsNoPartOfTheFolder) {
  for (const std::string_view href :
       {"/dav/x", "/dav/a b/c/d", "/dav/a bc", "/other/a b/c", "/", "", "/dav/a%2", "x"}) {
    EXPECT_THAT(Read(Multistatus(FileAt(href))), ErrorCodeIs(ErrorCode::kCorrupt)) << href;
  }
  EXPECT_FALSE(Read(Multistatus(FileAt("/dav/a b/c", -1))));
}

TEST(Multistatus, RefusesWhatIsNotWhole) {
  const std::string whole = Multistatus(FolderAt("/dav/a b/") + FileAt("/dav/a b/c"));
  ASSERT_OK(Read(whole));
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(Read(whole.substr(0, size))) << size;
  // rclone ends a listing so, in which a file went meanwhile.
  EXPECT_FALSE(Read(whole + "Internal Server Error"));
  EXPECT_FALSE(Read("<html><body>Sign in to the hotel's network</body></html>"));
}

}  // namespace
}  // namespace cairn::webdav
