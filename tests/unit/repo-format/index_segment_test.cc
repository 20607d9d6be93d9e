#include "repo-format/index_segment.h"

#include "repo-format/limits.h"
#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

SegmentPack Pack(uint8_t name, BlobKind kind, uint32_t session) {
  FrameEntry frame;
  frame.sealed_length = 100;
  frame.plain_length = 10;
  frame.session = session;
  frame.blobs = {{IdOf<BlobId>(name), 10}};
  FrameEntry padding;
  padding.sealed_length = 50;
  padding.codec = Codec::kPadding;
  return {PackOf(name), kind, 1'000, {frame, padding}};
}

IndexSegment Segment() {
  IndexSegment segment;
  segment.level = 1;
  segment.covers = {IdOf<SegmentId>(1), IdOf<SegmentId>(2)};
  segment.sessions = {{IdOf<SessionId>(1), 1, Suite::kAes256Gcm, Envelope{kKemX25519, Bytes(80, 1)}, std::nullopt},
                      {IdOf<SessionId>(2), 1, Suite::kAes256Gcm, Envelope{kKemX25519, Bytes(80, 2)},
                       Envelope{kKemX25519, Bytes(80, 3)}}};
  segment.packs = {Pack(10, BlobKind::kData, 0), Pack(11, BlobKind::kMetadata, 1)};
  segment.removed = {PackOf(20), PackOf(21)};
  segment.retired = {{PackOf(10), 0}, {PackOf(10), 1}, {PackOf(11), 0}};
  return segment;
}

auto With(const std::function<void(IndexSegment&)>& change) { return Wrong<IndexSegment>(Segment(), change); }

TEST(IndexSegment, ComesBack) {
  EXPECT_THAT(IndexSegment::Parse(Segment().Encode()), IsOkAnd(Segment()));
  EXPECT_THAT(IndexSegment::Parse(IndexSegment().Encode()), IsOkAnd(IndexSegment()));
  ExpectEveryByteCounts(Segment());
}

TEST(IndexSegment, ListsThatTakeAwayNeedTheMaintainRight) {
  IndexSegment segment = Segment();
  EXPECT_TRUE(segment.NeedsMaintainRight());
  segment.covers.clear();
  EXPECT_TRUE(segment.NeedsMaintainRight());
  segment.removed.clear();
  EXPECT_TRUE(segment.NeedsMaintainRight());
  segment.retired.clear();
  EXPECT_FALSE(segment.NeedsMaintainRight());
}

TEST(IndexSegment, RejectsListsThatDoNotAscend) {
  const auto corrupt = ErrorCodeIs(ErrorCode::kCorrupt);
  EXPECT_THAT(With([](auto& s) { std::swap(s.covers[0], s.covers[1]); }), corrupt);
  EXPECT_THAT(With([](auto& s) { s.covers[1] = s.covers[0]; }), corrupt);
  EXPECT_THAT(With([](auto& s) { std::swap(s.removed[0], s.removed[1]); }), corrupt);
  EXPECT_THAT(With([](auto& s) { s.removed[1] = s.removed[0]; }), corrupt);
  EXPECT_THAT(With([](auto& s) { std::swap(s.retired[0], s.retired[1]); }), corrupt);
  EXPECT_THAT(With([](auto& s) { s.retired[1] = s.retired[0]; }), corrupt);
}

TEST(IndexSegment, RejectsASessionOrAPackThatStandsTwice) {
  EXPECT_THAT(With([](auto& s) { s.sessions[1].session = s.sessions[0].session; }), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(With([](auto& s) { s.packs[1].name = s.packs[0].name; }), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(IndexSegment, RejectsSessionsWithoutTheEnvelopeThatAPackNeeds) {
  EXPECT_THAT(With([](auto& s) { s.sessions[0].content.reset(); }), ErrorCodeIs(ErrorCode::kCorrupt)) << "none at all";
  EXPECT_THAT(With([](auto& s) { s.sessions[1].metadata.reset(); }), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(With([](auto& s) { s.packs[0].frames[0].session = 2; }), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(IndexSegment, RejectsPacksWhoseFramesDoNotFit) {
  EXPECT_THAT(With([](auto& s) { s.packs[0].size = 96 + 150; }), ErrorCodeIs(ErrorCode::kCorrupt)) << "no directory";
  EXPECT_THAT(With([](auto& s) { s.packs[0].size = 96 + 151; }), IsOk());
  EXPECT_THAT(With([](auto& s) { s.packs[0].size = limits::kPackBytesMax + 1; }), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(With([](auto& s) { std::swap(s.packs[0].frames[0], s.packs[0].frames[1]); }),
              ErrorCodeIs(ErrorCode::kCorrupt))
      << "padding is not the last";
}

TEST(IndexSegment, RejectsUnknownKindsSuitesAndCodecs) {
  const auto unsupported = ErrorCodeIs(ErrorCode::kUnsupported);
  EXPECT_THAT(With([](auto& s) { s.sessions[0].suite = static_cast<Suite>(9); }), unsupported);
  EXPECT_THAT(With([](auto& s) { s.packs[0].frames[0].codec = static_cast<Codec>(9); }), unsupported);
  EXPECT_FALSE(With([](auto& s) { s.packs[0].kind = static_cast<BlobKind>(3); }).has_value());
  EXPECT_THAT(With([](auto& s) { s.unknown = {{3, {}}}; }), unsupported);
}

}  // namespace
}  // namespace cairn::format_test
