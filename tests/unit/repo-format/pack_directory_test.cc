#include "repo-format/pack_directory.h"

#include "repo-format/limits.h"
#include "repo-format/object_header.h"
#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

FrameEntry Frame(uint8_t id, uint32_t session = 0) {
  FrameEntry frame;
  frame.sealed_length = 1'000;
  frame.plain_length = 30;
  frame.session = session;
  frame.check.fill(id);
  frame.blobs = {{IdOf<BlobId>(id), 10}, {IdOf<BlobId>(static_cast<uint8_t>(id + 1)), 20}};
  return frame;
}

PackDirectory Directory() {
  PackDirectory directory;
  directory.sessions = {{IdOf<SessionId>(1), 1, Suite::kAes256Gcm, {kKemX25519, Bytes(80, 1)}},
                        {IdOf<SessionId>(2), 2, Suite::kChaCha20Poly1305, {kKemX25519, Bytes(80, 2)}}};
  FrameEntry padding;
  padding.sealed_length = 500;
  padding.codec = Codec::kPadding;
  directory.frames = {Frame(10), Frame(20, 1), padding};
  return directory;
}

auto With(const std::function<void(PackDirectory&)>& change) { return Wrong<PackDirectory>(Directory(), change); }

TEST(PackDirectory, ComesBack) {
  EXPECT_THAT(PackDirectory::Parse(Directory().Encode()), IsOkAnd(Directory()));
  EXPECT_EQ(Directory().FrameBytes(), 2'500u);
  ExpectEveryByteCounts(Directory());
}

TEST(PackDirectory, CarriesExtensionsOnAndRefusesCriticalOnes) {
  EXPECT_THAT(With([](auto& d) { d.unknown = {{2, Text("x")}}; }), IsOk());
  EXPECT_THAT(With([](auto& d) { d.unknown = {{3, Text("x")}}; }), ErrorCodeIs(ErrorCode::kUnsupported));
}

TEST(PackDirectory, RejectsFramesThatBreakTheTable) {
  const auto corrupt = ErrorCodeIs(ErrorCode::kCorrupt);
  EXPECT_THAT(With([](auto& d) { d.frames[0].sealed_length = 32; }), corrupt) << "below salt, a byte, tag";
  EXPECT_THAT(With([](auto& d) { d.frames[0].sealed_length = limits::kFrameSealedBytesMax + 1; }), corrupt);
  EXPECT_THAT(With([](auto& d) { d.frames[0].plain_length = 31; }), corrupt) << "not the sum of its blobs";
  EXPECT_THAT(With([](auto& d) { d.frames[0].session = 2; }), corrupt) << "of no session";
  EXPECT_THAT(With([](auto& d) { d.frames[0].blobs.clear(), d.frames[0].plain_length = 0; }), corrupt) << "no blob";
  EXPECT_THAT(With([](auto& d) { d.frames[0].blobs[0].length = 0, d.frames[0].plain_length = 20; }), corrupt);
  EXPECT_THAT(With([](auto& d) { d.frames[0].codec = static_cast<Codec>(2); }), ErrorCodeIs(ErrorCode::kUnsupported));
}

TEST(PackDirectory, RejectsABlobThatStandsTwice) {
  EXPECT_THAT(With([](auto& d) { d.frames[0].blobs[1].id = d.frames[0].blobs[0].id; }),
              ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(With([](auto& d) { d.frames[1].blobs[0].id = d.frames[0].blobs[0].id; }),
              ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(PackDirectory, RejectsPaddingThatIsNotTheLastOrHoldsSomething) {
  const auto corrupt = ErrorCodeIs(ErrorCode::kCorrupt);
  EXPECT_THAT(With([](auto& d) { std::swap(d.frames[1], d.frames[2]); }), corrupt);
  EXPECT_THAT(With([](auto& d) { d.frames[2].session = 1; }), corrupt);
  EXPECT_THAT(With([](auto& d) { d.frames[2].blobs = {{IdOf<BlobId>(99), 1}}, d.frames[2].plain_length = 1; }),
              corrupt);
}

TEST(PackDirectory, RejectsFramesLargerThanAPack) {
  PackDirectory directory = Directory();
  directory.frames.clear();
  for (int i = 0; i < 64; ++i) {
    FrameEntry frame = Frame(0);
    frame.sealed_length = limits::kFrameSealedBytesMax;
    frame.blobs = {{IdOf<BlobId>(static_cast<uint8_t>(i)), 30}};
    directory.frames.push_back(frame);
  }
  EXPECT_THAT(PackDirectory::Parse(directory.Encode()), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(PackDirectory, RejectsAnUnknownSuite) {
  EXPECT_THAT(With([](auto& d) { d.sessions[0].suite = static_cast<Suite>(9); }), ErrorCodeIs(ErrorCode::kUnsupported));
}

}  // namespace
}  // namespace cairn::format_test
