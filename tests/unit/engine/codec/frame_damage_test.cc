// Every way that we know for a frame to be wrong. SPEC section 8.3.
#include "engine/codec/compressor.h"
#include "engine/codec/frame_codec.h"
#include "repo-format/limits.h"
#include "tests/support/matchers.h"
#include "tests/unit/engine/codec/allocation_watch.h"
#include "tests/unit/engine/codec/frame_fixture.h"

namespace cairn {
namespace {

using codec_test::ForgetAllocations;
using codec_test::FrameTest;
using codec_test::LargestAllocation;
using codec_test::Text;
using crypto_test::RandomBytes;

class FrameDamage : public FrameTest {
 protected:
  const Bytes plain_ = Text(3'000);
  const SealedFrame frame_ = Sealed(plain_);
};

TEST_F(FrameDamage, EveryFlippedBitIsSeenByTheCheckWithoutAKey) {
  for (size_t bit = 0; bit < frame_.sealed.size() * 8; ++bit) {
    SealedFrame wrong = frame_;
    wrong.sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(CheckOfFrame(wrong.sealed), frame_.entry.check);
    EXPECT_CODE(kCorrupt, Open(wrong)) << "bit " << bit;
  }
}

TEST_F(FrameDamage, EveryFlippedBitIsSeenByTheSealToo) {
  for (size_t bit = 0; bit < frame_.sealed.size() * 8; ++bit) {
    SealedFrame wrong = frame_;
    wrong.sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Recheck(wrong);
    EXPECT_CODE(kCorrupt, Open(wrong)) << "bit " << bit;
  }
}

TEST_F(FrameDamage, EveryTruncation) {
  for (size_t size = 0; size < frame_.sealed.size(); ++size) {
    SealedFrame wrong = frame_;
    wrong.sealed.resize(size);
    EXPECT_CODE(kCorrupt, Open(wrong)) << size;
    Recheck(wrong);
    EXPECT_CODE(kCorrupt, Open(wrong)) << size;
  }
}

// The seal vouches for the bytes; that the check is right is VerifyPack's to say.
TEST_F(FrameDamage, WrongCheckOfRightBytes) {
  SealedFrame wrong = frame_;
  wrong.entry.check[15] ^= 1;
  EXPECT_TRUE(Open(wrong));
}

TEST_F(FrameDamage, TellsRotFromAnothersSeal) {
  SealedFrame rotten = frame_;
  rotten.sealed.back() ^= 1;
  const auto opened = Open(rotten);
  EXPECT_CODE(kCorrupt, opened);
  EXPECT_EQ(opened.error().message(), "frame 7: its bytes differ from their check");
  rotten.entry.check = CheckOfFrame(rotten.sealed);
  const auto of_another = Open(rotten);
  EXPECT_CODE(kCorrupt, of_another);
  EXPECT_EQ(of_another.error().message().find("check"), std::string::npos) << of_another.error().message();
  EXPECT_TRUE(of_another.error().message().starts_with("frame 7: ")) << of_another.error().message();
}

TEST_F(FrameDamage, IdsOfBlobsThatNobodyAskedForAreNotLookedAt) {
  SealedFrame wrong = frame_;
  wrong.entry.blobs[1].id.mutable_bytes()[31] ^= 1;
  const auto open = [&](const std::vector<uint32_t>& only) {
    return OpenFrame(ContextOf(BlobKind::kData), wrong.entry, wrong.sealed, keys_.content, hasher_, "frame", only);
  };
  EXPECT_TRUE(open({0, 2}));
  EXPECT_CODE(kCorrupt, open({0, 1}));
}

// Frames that are opened together: each is right or wrong by itself.
TEST_F(FrameDamage, OneOfSeveralSpoilsNoOther) {
  const std::vector<Bytes> plain = {RandomBytes(5'000, 1), RandomBytes(700, 2), RandomBytes(9'000, 3),
                                    RandomBytes(64, 4), RandomBytes(2'500, 5)};
  std::vector<SealedFrame> sealed;
  for (const Bytes& one : plain) sealed.push_back(Sealed(one));
  sealed[1].sealed.back() ^= 1;                          // does not open
  sealed[2].entry.blobs[4].id.mutable_bytes()[31] ^= 1;  // another's id
  const std::vector<uint32_t> none_such = {7}, wanted = {1};
  std::vector<FrameToOpen> frames;
  const std::vector<std::string> names = {"frame 0", "frame 1", "frame 2", "frame 3", "frame 4"};
  for (size_t i = 0; i < sealed.size(); ++i) {
    frames.push_back({ContextOf(BlobKind::kData), &sealed[i].entry, sealed[i].sealed, &keys_.content, names[i], {}});
  }
  frames[3].only = none_such;
  frames[4].only = wanted;
  const auto opened = OpenFrames(frames, hasher_);
  ASSERT_EQ(opened.size(), plain.size());
  EXPECT_EQ(*opened[0], plain[0]);
  EXPECT_THAT(opened[1], ErrorIs(ErrorCode::kCorrupt, "frame 1: its bytes differ from their check"));
  EXPECT_THAT(opened[2], ErrorIs(ErrorCode::kCorrupt, testing::StartsWith("frame 2: a blob has id ")));
  EXPECT_THAT(opened[3], ErrorIs(ErrorCode::kInvalidArgument, testing::StartsWith("frame 3: it has 1 blobs")));
  EXPECT_EQ(*opened[4], plain[4]);
  EXPECT_TRUE(OpenFrames({}, hasher_).empty());
}

TEST_F(FrameDamage, WrongId) {
  SealedFrame wrong = frame_;
  wrong.entry.blobs[1].id.mutable_bytes()[31] ^= 1;
  const auto opened = Open(wrong);
  EXPECT_CODE(kCorrupt, opened);
  EXPECT_NE(opened.error().message().find(frame_.entry.blobs[1].id.ToHex()), std::string::npos);
}

TEST_F(FrameDamage, SwappedIds) {
  SealedFrame wrong = frame_;
  std::swap(wrong.entry.blobs[0].id, wrong.entry.blobs[1].id);
  EXPECT_CODE(kCorrupt, Open(wrong));
}

TEST_F(FrameDamage, LengthsOfBlobsThatAreMovedOrDoNotSumUp) {
  SealedFrame moved = frame_;
  ++moved.entry.blobs[0].length;
  --moved.entry.blobs[1].length;
  EXPECT_CODE(kCorrupt, Open(moved));
  SealedFrame more = frame_;
  ++more.entry.blobs[2].length;
  EXPECT_CODE(kCorrupt, Open(more));
  SealedFrame fewer = frame_;
  fewer.entry.blobs.pop_back();
  EXPECT_CODE(kCorrupt, Open(fewer));
  SealedFrame huge = frame_;
  for (BlobEntry& blob : huge.entry.blobs) blob.length = UINT32_MAX;
  EXPECT_CODE(kCorrupt, Open(huge));
}

// Nothing but ids and the check binds a frame to its place: where the one cannot be verified the other is.
TEST_F(FrameDamage, AnotherFrameOfTheSessionIsNotTakenForThisOne) {
  const SealedFrame one = Sealed(RandomBytes(3'000, 1)), other = Sealed(RandomBytes(3'000, 2));
  ASSERT_EQ(one.entry.codec, other.entry.codec);
  for (const std::string_view role : {"owner", "lister"}) {
    const BlobHasher hasher(repository_.As(role));
    EXPECT_CODE(kCorrupt, OpenFrame(ContextOf(BlobKind::kData), one.entry, other.sealed, keys_.content, hasher, "x"))
        << role;
  }
}

// Who does not hold the id key cannot see that ids are wrong; what he opens is authentic all the same.
TEST_F(FrameDamage, WrongIdIsNotSeenWithoutTheIdKey) {
  const BlobHasher lister(repository_.As("lister"));
  SealedFrame wrong = frame_;
  wrong.entry.blobs[1].id = BlobId();
  EXPECT_TRUE(OpenFrame(ContextOf(BlobKind::kData), wrong.entry, wrong.sealed, keys_.content, lister, "frame"));
}

TEST_F(FrameDamage, PlainLengthThatTheSealDoesNotVouchFor) {
  for (const uint32_t length :
       {0u, 1u, 2'999u, 3'001u, limits::kFramePlainBytesMax, limits::kFramePlainBytesMax + 1, UINT32_MAX}) {
    SealedFrame wrong = frame_;
    wrong.entry.plain_length = length;
    ForgetAllocations();
    EXPECT_CODE(kCorrupt, Open(wrong)) << length;
    EXPECT_LT(LargestAllocation(), 10'000u) << length;
  }
}

TEST_F(FrameDamage, CodecThatTheSealDoesNotVouchFor) {
  for (const Codec codec : {Codec::kStored, Codec::kZstd, Codec::kPadding}) {
    if (codec == frame_.entry.codec) continue;
    SealedFrame wrong = frame_;
    wrong.entry.codec = codec;
    EXPECT_CODE(kCorrupt, Open(wrong));
  }
}

// A writer that holds the session's key, and lies.
class FrameLies : public FrameTest {
 protected:
  const Bytes plain_ = Text(3'000);
  const std::vector<BlobEntry> blobs_ = BlobsOf(BlobKind::kData, plain_, 1'000);
  Bytes Compressed(ByteSpan plain) const {
    Bytes compressed;
    CHECK(TryCompress(plain, 3, &compressed));
    return compressed;
  }
};

TEST_F(FrameLies, TheseFramesAreRightBeforeTheyLie) {
  EXPECT_TRUE(Open(SealByHand(plain_, Codec::kStored, 3'000, blobs_)));
  EXPECT_TRUE(Open(SealByHand(Compressed(plain_), Codec::kZstd, 3'000, blobs_)));
}

TEST_F(FrameLies, StoredBytesThatAreCalledCompressed) {
  EXPECT_CODE(kCorrupt, Open(SealByHand(plain_, Codec::kZstd, 3'000, blobs_)));
}

TEST_F(FrameLies, CompressedBytesThatAreCalledStored) {
  EXPECT_CODE(kCorrupt, Open(SealByHand(Compressed(plain_), Codec::kStored, 3'000, blobs_)));
}

TEST_F(FrameLies, StoredBytesOfAnotherLength) {
  for (const uint32_t length : {2'999u, 3'001u, limits::kFramePlainBytesMax}) {
    const SealedFrame frame = SealByHand(plain_, Codec::kStored, length, blobs_);
    ForgetAllocations();
    EXPECT_CODE(kCorrupt, Open(frame)) << length;
    EXPECT_LT(LargestAllocation(), 10'000u) << length;
  }
}

TEST_F(FrameLies, CompressedBytesOfAnotherLength) {
  for (const uint32_t length : {2'999u, 3'001u, limits::kFramePlainBytesMax}) {
    const SealedFrame frame = SealByHand(Compressed(plain_), Codec::kZstd, length, blobs_);
    ForgetAllocations();
    EXPECT_CODE(kCorrupt, Open(frame)) << length;
    EXPECT_LT(LargestAllocation(), 10'000u) << length;
  }
}

TEST_F(FrameLies, MoreThanAFrameMayHold) {
  const size_t size = limits::kFramePlainBytesMax + 1;
  const Bytes zeros(size, 0);
  const SealedFrame bomb = SealByHand(Compressed(zeros), Codec::kZstd, static_cast<uint32_t>(size),
                                      BlobsOf(BlobKind::kData, zeros, 8 << 20));
  ForgetAllocations();
  EXPECT_CODE(kCorrupt, Open(bomb));
  EXPECT_LT(LargestAllocation(), 10'000u);
}

TEST_F(FrameLies, ABombUnderASmallLengthIsNotOpened) {
  const Bytes zeros(limits::kFramePlainBytesMax, 0);
  const SealedFrame bomb = SealByHand(Compressed(zeros), Codec::kZstd, 3'000, blobs_);
  ForgetAllocations();
  EXPECT_CODE(kCorrupt, Open(bomb));
  EXPECT_LT(LargestAllocation(), 10'000u);
}

TEST_F(FrameLies, OtherBytesUnderTheIds) {
  EXPECT_CODE(kCorrupt, Open(SealByHand(RandomBytes(3'000, 22), Codec::kStored, 3'000, blobs_)));
}

}  // namespace
}  // namespace cairn
