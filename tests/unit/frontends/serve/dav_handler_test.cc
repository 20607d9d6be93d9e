#include "frontends/serve/dav_handler.h"

#include "repo-format/directory_blob.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/frontends/serve/resource_fixture.h"

namespace cairn::serve {
namespace {

using testing::EndsWith;
using testing::StartsWith;

constexpr std::string_view kToken = "0123456789abcdef";

class DavHandlerTest : public ResourceFixture {
 protected:
  struct Read {
    std::string text;
    bool is_whole = false;
  };
  static Read ReadAll(Answer& answer, size_t piece = 10'000) {
    if (answer.body == nullptr) return {answer.text, true};
    Read read;
    Bytes buffer(piece);
    for (;;) {
      const auto got = answer.body->Read(buffer);
      if (!got || *got == 0) {
        read.is_whole = got.has_value();
        return read;
      }
      EXPECT_LE(*got, piece);
      read.text += AsText(ByteSpan(buffer).first(*got));
    }
  }
  Answer Ask(std::string method, std::string target, Headers headers = {}) {
    return handler_.Give({.method = std::move(method), .target = std::move(target), .headers = std::move(headers)}, {});
  }
  // A part of the folder "wide" that is not its first.
  void LoseAPartOfWide() {
    ASSERT_OK_AND_ASSIGN(const auto top, blobs_.ReadBlob(BlobKind::kMetadata, wide_.root));
    ASSERT_OK_AND_ASSIGN(const DirectoryBlob directory, DirectoryBlob::Parse(*top));
    ASSERT_GE(directory.children.size(), 2U);
    blobs_.Remove(directory.children[1].id);
  }
  void LosePart(char letter) { blobs_.Remove(blobs_.IdOf(BlobKind::kData, AsBytes(std::string(kPartBytes, letter)))); }

  const std::unique_ptr<Executor> executor_ = MakeInlineExecutor();
  FakeClock clock_;
  Gate gate_{AsBytes(kToken), {}, clock_, NullLog(), {}};
  DavHandler handler_{tree_, gate_, *executor_, {}};
};

TEST_F(DavHandlerTest, GivesAFileInAnyPieces) {
  for (const size_t piece : {size_t{1000}, size_t{17'001}, size_t{1'000'000}}) {
    Answer answer = Ask("GET", "/by-time/t2/parts");
    EXPECT_EQ(answer.status, 200U);
    EXPECT_EQ(answer.size, content_.size());
    const Read read = ReadAll(answer, piece);
    EXPECT_TRUE(read.is_whole && read.text == content_) << piece;
  }
  Answer part = Ask("GET", "/by-time/t2/parts", {{"range", "bytes=99998-200001"}});
  EXPECT_EQ(part.status, 206U);
  EXPECT_TRUE(ReadAll(part).text == content_.substr(99'998, 100'004));
}

TEST_F(DavHandlerTest, AFileEndsWhereItCannotBeRead) {
  LosePart('c');
  Answer answer = Ask("GET", "/by-time/t2/parts");
  EXPECT_EQ(answer.status, 200U);
  const Read read = ReadAll(answer);
  EXPECT_FALSE(read.is_whole);
  EXPECT_EQ(read.text, content_.substr(0, read.text.size()));
  EXPECT_GE(read.text.size(), 2 * kPartBytes - 10'000);
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_EQ(findings_[0].object, "/by-time/t2/parts");
  Answer begins_there = Ask("GET", "/by-time/t2/parts", {{"range", "bytes=250000-"}});
  EXPECT_EQ(begins_there.status, 500U);
  Answer behind_it = Ask("GET", "/by-time/t2/parts", {{"range", "bytes=300000-"}});
  EXPECT_TRUE(ReadAll(behind_it).text == content_.substr(300'000));
  EXPECT_EQ(Ask("HEAD", "/by-time/t2/parts").status, 200U);
}

TEST_F(DavHandlerTest, AListingIsWhole) {
  for (const size_t piece : {size_t{100}, size_t{1'000'000}}) {
    Answer answer = Ask("PROPFIND", "/by-time/t2/wide", {{"depth", "1"}});
    EXPECT_EQ(answer.status, 207U);
    const Read read = ReadAll(answer, piece);
    EXPECT_TRUE(read.is_whole);
    EXPECT_THAT(read.text, EndsWith("</D:multistatus>\n"));
    EXPECT_NE(read.text.find("<D:href>/by-time/t2/wide/f00002999</D:href>"), std::string::npos);
    EXPECT_EQ(std::ranges::count(read.text, '\n'), 3000 + 4);
  }
}

TEST_F(DavHandlerTest, AListingThatBreaksOffHasNoEnd) {
  LoseAPartOfWide();
  Answer answer = Ask("PROPFIND", "/by-time/t2/wide", {{"depth", "1"}});
  const Read read = ReadAll(answer);
  EXPECT_FALSE(read.is_whole);
  EXPECT_NE(read.text.find("f00000000"), std::string::npos);
  EXPECT_EQ(read.text.find("</D:multistatus>"), std::string::npos);
  Answer page = Ask("GET", "/by-time/t2/wide");
  const Read shown = ReadAll(page);
  EXPECT_FALSE(shown.is_whole);
  EXPECT_NE(shown.text.find("This is not all of it: "), std::string::npos);
  EXPECT_EQ(shown.text.find("</html>"), std::string::npos);
  EXPECT_EQ(findings_.size(), 1U);
}

TEST_F(DavHandlerTest, RefusesBeforeABodyIsRead) {
  const auto refused = [&](std::string method, std::string length, std::string_view token = kToken) {
    const auto answer = handler_.Refuse({.method = std::move(method),
                                         .target = "/",
                                         .headers = {{"host", "localhost"},
                                                     {"authorization", "Bearer " + std::string(token)},
                                                     {"content-length", std::move(length)}}});
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(refused("PROPFIND", "65536"), 0U);
  EXPECT_EQ(refused("PROPFIND", "65537"), 413U);
  EXPECT_EQ(refused("PUT", "5"), 405U);
  EXPECT_EQ(refused("PUT", "5", "another"), 401U);
}

TEST_F(DavHandlerTest, StatusesOfPaths) {
  EXPECT_EQ(Ask("GET", "/by-time/t2/../t1").status, 400U);
  EXPECT_EQ(Ask("GET", "/by-time/t3").status, 404U);
  EXPECT_EQ(Ask("GET", "/by-time/t2/parts/x").status, 404U);
  EXPECT_EQ(Ask("PROPFIND", "/").status, 403U);
  EXPECT_EQ(Ask("PROPFIND", "/", {{"depth", "x"}}).status, 400U);
  EXPECT_EQ(Ask("OPTIONS", "*").status, 200U);
  Answer page = Ask("GET", "/");
  EXPECT_THAT(ReadAll(page).text, StartsWith("<!DOCTYPE html>"));
}

}  // namespace
}  // namespace cairn::serve
