// Frames where they stand: in pack directories (SPEC 8.2) and in index segments (SPEC 9), from bytes made by hand.
#include <functional>

#include "repo-format/index_segment.h"
#include "repo-format/limits.h"
#include "repo-format/pack_directory.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct FrameBytes {
  uint64_t sealed = 1'000, plain = 30, session = 0;
  uint8_t codec = 1;
  std::vector<std::pair<uint8_t, uint64_t>> blobs = {{1, 10}, {2, 20}};  // byte that fills the id, length
  std::optional<uint64_t> count;                                         // of blobs, where it is not what is there

  Bytes Encode() const {
    Bytes bytes = Join({V(sealed), V(plain), V(session), {codec}, Fill(16, 0xcc), V(count.value_or(blobs.size()))});
    for (const auto& [id, length] : blobs) Append(bytes, Join({Fill(32, id), V(length)}));
    return bytes;
  }
};
const FrameBytes kPaddingBytes = {.sealed = 33, .plain = 0, .session = 0, .codec = 255, .blobs = {}};
FrameBytes OfOneBlob(uint8_t id) { return {.plain = 10, .blobs = {{id, 10}}}; }

Bytes FramesBytes(const std::vector<FrameBytes>& frames) {
  Bytes bytes = V(frames.size());
  for (const FrameBytes& frame : frames) Append(bytes, frame.Encode());
  return bytes;
}
Bytes DirectoryBytes(const std::vector<FrameBytes>& frames, uint8_t suite = 1) {
  const Bytes session = Join({Fill(16, 0xaa), U(7, 4), {suite}, EnvelopeBytes(0xbb)});
  return Join({V(2), session, session, FramesBytes(frames), V(0)});
}
// A segment with one pack of data, of two sessions.
Bytes SegmentBytes(const std::vector<FrameBytes>& frames, uint64_t size = 500'000'000) {
  const auto session = [](uint8_t fill) { return Join({Fill(16, fill), U(7, 4), {1, 1, 1}, EnvelopeBytes(0xbb)}); };
  return Join({{0, 0, 2}, session(1), session(2), {1}, Fill(40, 0x11), {1}, V(size), FramesBytes(frames), {0, 0, 0}});
}

// Both parsers judge frames alike.
void ExpectBad(const std::vector<FrameBytes>& frames, ErrorCode code, const std::string& why) {
  EXPECT_THAT(PackDirectory::Parse(DirectoryBytes(frames)),
              ErrorIs(code, AllOf(HasSubstr("pack directory: "), HasSubstr(why))));
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes(frames)),
              ErrorIs(code, AllOf(HasSubstr("index segment: "), HasSubstr(why))));
}
void ExpectGood(const std::vector<FrameBytes>& frames) {
  const auto directory = PackDirectory::Parse(DirectoryBytes(frames));
  ASSERT_THAT(directory, IsOk());
  EXPECT_EQ(directory->Encode(), DirectoryBytes(frames));
  const auto segment = IndexSegment::Parse(SegmentBytes(frames));
  ASSERT_THAT(segment, IsOk());
  EXPECT_EQ(segment->Encode(), SegmentBytes(frames));
}
void ExpectCorrupt(const FrameBytes& frame, const std::string& why) { ExpectBad({frame}, ErrorCode::kCorrupt, why); }

TEST(FrameEntry, IsReadAsSpecSays) {
  ExpectGood({FrameBytes(), OfOneBlob(3), kPaddingBytes});
  const auto directory = PackDirectory::Parse(DirectoryBytes({FrameBytes(), kPaddingBytes}, 2));
  ASSERT_THAT(directory, IsOk());
  EXPECT_EQ(directory->sessions[0].epoch, 7u);
  EXPECT_EQ(directory->sessions[0].suite, Suite::kChaCha20Poly1305);
  EXPECT_EQ(directory->sessions[0].envelope.sealed, Fill(80, 0xbb));
  const FrameEntry& frame = directory->frames[0];
  EXPECT_EQ(frame.sealed_length, 1'000u);
  EXPECT_EQ(frame.plain_length, 30u);
  EXPECT_EQ(frame.codec, Codec::kZstd);
  EXPECT_EQ(frame.check[15], 0xcc);
  EXPECT_EQ(frame.blobs, (std::vector<BlobEntry>{{IdOf<BlobId>(1), 10}, {IdOf<BlobId>(2), 20}}));
  EXPECT_EQ(directory->frames[1].codec, Codec::kPadding);
}

TEST(FrameEntry, SealedLengthIsWithinItsBounds) {
  constexpr uint64_t kMax = limits::kFrameSealedBytesMax;
  ExpectGood({{.sealed = 33}});
  ExpectGood({{.sealed = kMax}});
  ExpectCorrupt({.sealed = 0}, "has 0 sealed bytes, at least 33");
  ExpectCorrupt({.sealed = 32}, "has 32 sealed bytes, at least 33");
  ExpectCorrupt({.sealed = kMax + 1}, fmt::format("a frame has {} sealed", kMax + 1));
  ExpectCorrupt({.sealed = (uint64_t{1} << 32) + 1'000}, "a frame has 4294968296 sealed");
  ExpectCorrupt({.sealed = UINT64_MAX}, "a frame has 18446744073709551615 sealed");
}

TEST(FrameEntry, PlainLengthIsThatOfItsBlobs) {
  ExpectCorrupt({.plain = 29}, "has plain length 29, its blobs sum up to 30");
  ExpectCorrupt({.plain = 31}, "has plain length 31, its blobs sum up to 30");
  ExpectCorrupt({.plain = (uint64_t{1} << 32) + 30}, "and 4294967326 plain bytes");
}

TEST(FrameEntry, PlainLengthIsAtMost16MiB) {
  ExpectGood({{.plain = 16u << 20, .blobs = {{1, (16u << 20) - 1}, {2, 1}}}});
  ExpectCorrupt({.plain = (16u << 20) + 1, .blobs = {{1, 16u << 20}, {2, 1}}}, "and 16777217 plain bytes");
}

TEST(FrameEntry, SessionIsOneOfThoseThatAreNamed) {
  ExpectGood({{.session = 1}});
  ExpectCorrupt({.session = 2}, "is of session 2, there are 2");
  ExpectCorrupt({.session = uint64_t{1} << 32}, "session 4294967296");
}

TEST(FrameEntry, UnknownCodecIsUnsupported) {
  ExpectGood({{.sealed = 62, .codec = 0}});
  for (const uint8_t codec : {2, 127, 254}) {
    ExpectBad({{.codec = codec}}, ErrorCode::kUnsupported, fmt::format("codec {} is not known", codec));
  }
}

TEST(FrameEntry, HoldsABlobAtLeast) { ExpectCorrupt({.plain = 0, .blobs = {}}, "holds no blob"); }

TEST(FrameEntry, HoldsAtMost65535Blobs) {
  const auto of = [](uint32_t count) {
    Bytes bytes = Join({V(1'000), V(count), {0, 1}, Fill(16, 0), V(count)});
    for (uint32_t i = 0; i < count; ++i) Append(bytes, Join({U(i, 8), Fill(24, 0), {1}}));
    return Join({V(1), Fill(16, 1), U(1, 4), {1}, EnvelopeBytes(1), V(1), bytes, {0}});
  };
  EXPECT_THAT(PackDirectory::Parse(of(65'535)), IsOk());
  EXPECT_THAT(PackDirectory::Parse(of(65'536)),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("a count is 65536, at most 65535 is allowed")));
}

// Nothing is allocated for blobs that cannot be there.
TEST(FrameEntry, CountOfBlobsFitsIntoWhatIsLeft) {
  FrameBytes frame;
  frame.count = 60'000;
  ExpectCorrupt(frame, "a count is 60000, but only");
}

TEST(FrameEntry, BlobsHaveALength) {
  ExpectCorrupt({.plain = 20, .blobs = {{1, 0}, {2, 20}}}, "a blob has 0 bytes, expected 1 to 16777216");
  ExpectCorrupt({.plain = 16u << 20, .blobs = {{1, (16u << 20) + 1}}}, "a blob has 16777217 bytes");
  ExpectCorrupt({.blobs = {{1, 10}, {2, (uint64_t{1} << 32) + 20}}}, "a blob has 4294967316 bytes");
}

// Found by these tests in segments: two places of a blob in one pack were taken there.
TEST(FrameEntry, NoBlobStandsTwiceInAPack) {
  const std::string why = fmt::format("blob {} stands twice", ToHex(Fill(32, 1)));
  ExpectBad({{.blobs = {{1, 10}, {1, 20}}}}, ErrorCode::kCorrupt, why);
  ExpectBad({OfOneBlob(1), OfOneBlob(2), OfOneBlob(1)}, ErrorCode::kCorrupt, why);
}

TEST(FrameEntry, PaddingHoldsNothing) {
  const std::string why = "of padding says that it holds blobs";
  FrameBytes padding = kPaddingBytes;
  padding.plain = 1;
  ExpectCorrupt(padding, why);
  padding = kPaddingBytes;
  padding.session = 1;
  ExpectCorrupt(padding, why);
  padding = kPaddingBytes;
  padding.blobs = {{1, 10}};
  ExpectCorrupt(padding, why);
  padding = kPaddingBytes;
  padding.sealed = 32;
  ExpectCorrupt(padding, "has 32 sealed bytes");
}

TEST(FrameEntry, PaddingIsTheLast) {
  ExpectBad({kPaddingBytes, FrameBytes()}, ErrorCode::kCorrupt, "padding is not the last frame");
  ExpectBad({FrameBytes(), kPaddingBytes, kPaddingBytes}, ErrorCode::kCorrupt, "padding is not the last frame");
}

TEST(FrameEntry, VarintsHaveOneForm) {
  for (const Bytes& frame : {Join({{0xe8, 0x87, 0x00}, V(30), {0, 1}}), Join({V(1'000), {0x9e, 0x00}, {0, 1}}),
                             Join({V(1'000), V(30), {0x80, 0x00, 1}})}) {
    const Bytes whole = Join({V(1),
                              Fill(16, 1),
                              U(1, 4),
                              {1},
                              EnvelopeBytes(1),
                              V(1),
                              frame,
                              Fill(16, 0),
                              V(2),
                              Fill(32, 1),
                              V(10),
                              Fill(32, 2),
                              V(20),
                              {0}});
    EXPECT_THAT(PackDirectory::Parse(whole), ErrorIs(ErrorCode::kCorrupt, HasSubstr("longer than it needs to be")));
  }
}

// --- the pack around them ---

TEST(FrameEntry, FramesFitIntoAPack) {
  std::vector<FrameBytes> frames;
  const auto fill = [&](uint64_t total) {  // frames of `total` sealed bytes
    frames.clear();
    for (uint8_t i = 0; total > 0; ++i) {
      frames.push_back(OfOneBlob(i));
      frames.back().sealed = std::min<uint64_t>(total, 16u << 20);
      total -= frames.back().sealed;
    }
  };
  fill(limits::kPackBytesMax - 96);
  EXPECT_THAT(PackDirectory::Parse(DirectoryBytes(frames)), IsOk());
  ++frames.back().sealed;
  EXPECT_THAT(PackDirectory::Parse(DirectoryBytes(frames)), ErrorIs(ErrorCode::kCorrupt, HasSubstr("a pack at most")));
}

TEST(FrameEntry, PackOfASegmentHasRoomForItsFramesAndADirectory) {
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({FrameBytes()}, 96 + 1'001)), IsOk());
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({FrameBytes()}, 96 + 1'000)),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("a pack has 1096 bytes, its frames 1000")));
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({}, 97)), IsOk());
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({}, 0)), ErrorIs(ErrorCode::kCorrupt, HasSubstr("a pack has 0 bytes")));
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({FrameBytes()}, 1u << 30)), IsOk());
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({FrameBytes()}, (1u << 30) + 1)),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("a pack has 1073741825 bytes")));
  EXPECT_THAT(IndexSegment::Parse(SegmentBytes({FrameBytes()}, UINT64_MAX)), ErrorCodeIs(ErrorCode::kCorrupt));
}

// --- segments, around packs ---

Bytes SessionsBytes(const Bytes& envelopes) {
  return Join({{0, 0, 1}, Fill(16, 1), U(7, 4), {1}, envelopes, Fill(4, 0)});
}

TEST(FrameEntry, SegmentsSessionHasContentThenMetadata) {
  const Bytes content = Join({{1}, EnvelopeBytes(1)}), metadata = Join({{2}, EnvelopeBytes(2)});
  const std::string order = "not content, then metadata";
  EXPECT_THAT(IndexSegment::Parse(SessionsBytes(Join({{1}, content}))), IsOk());
  EXPECT_THAT(IndexSegment::Parse(SessionsBytes(Join({{1}, metadata}))), IsOk());
  EXPECT_THAT(IndexSegment::Parse(SessionsBytes(Join({{2}, content, metadata}))), IsOk());
  for (const Bytes& bad :
       {Join({{2}, metadata, content}), Join({{2}, content, content}), Join({{2}, metadata, metadata}),
        Join({{1, 0}, EnvelopeBytes(1)}), Join({{1, 3}, EnvelopeBytes(1)})}) {
    EXPECT_THAT(IndexSegment::Parse(SessionsBytes(bad)), ErrorIs(ErrorCode::kCorrupt, HasSubstr(order)));
  }
  EXPECT_THAT(IndexSegment::Parse(Join({{0, 0, 1}, Fill(16, 1), U(7, 4), {1, 0}, Fill(30, 0)})),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("a session has no envelope")));
  EXPECT_THAT(IndexSegment::Parse(SessionsBytes(Join({{3}, content, metadata, metadata}))),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("a count is 3, at most 2")));
}

TEST(FrameEntry, NoCountIsMoreThanFits) {
  const Bytes many = V(uint64_t{1} << 20);
  for (const Bytes& bad : {Join({{0}, many}), Join({{0, 0}, many}), Join({{0, 0, 0}, many}), Join({{0, 0, 0, 0}, many}),
                           Join({{0, 0, 0, 0, 0}, many})}) {
    EXPECT_THAT(IndexSegment::Parse(bad),
                ErrorIs(ErrorCode::kCorrupt, HasSubstr("a count is 1048576, but only 0 bytes are left")))
        << ToHex(bad);
  }
  EXPECT_THAT(PackDirectory::Parse(many), ErrorIs(ErrorCode::kCorrupt, HasSubstr("a count is 1048576")));
  EXPECT_THAT(PackDirectory::Parse(Join({{0}, many})), ErrorIs(ErrorCode::kCorrupt, HasSubstr("a count is 1048576")));
}

TEST(FrameEntry, NumberOfARetiredFrameIsBelow2To32) {
  const auto with = [](uint64_t number) { return Join({Fill(5, 0), {1}, Fill(40, 1), V(number), {0}}); };
  EXPECT_THAT(IndexSegment::Parse(with(UINT32_MAX)), IsOk());
  EXPECT_THAT(IndexSegment::Parse(with(uint64_t{1} << 32)),
              ErrorIs(ErrorCode::kCorrupt, HasSubstr("a retired frame has number 4294967296")));
}

}  // namespace
}  // namespace cairn::encoding_test
