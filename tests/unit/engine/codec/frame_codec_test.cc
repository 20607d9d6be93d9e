#include "engine/codec/frame_codec.h"

#include <set>
#include <thread>

#include "engine/codec/compressor.h"
#include "repo-format/limits.h"
#include "tests/unit/engine/codec/frame_fixture.h"

namespace cairn {
namespace {

using codec_test::FrameTest;
using codec_test::Text;
using crypto_test::RandomBytes;
using crypto_test::RawIdOf;
using crypto_test::SecretFilledWith;
using crypto_test::StuckRandom;

constexpr std::array<BlobKind, 2> kKinds = {BlobKind::kData, BlobKind::kMetadata};

// Of a suite.
class FrameCodec : public FrameTest, public testing::WithParamInterface<Suite> {
 protected:
  FrameCodec() : FrameTest(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Suites, FrameCodec, testing::Values(Suite::kAes256Gcm, Suite::kChaCha20Poly1305),
                         [](const auto& suite) { return suite.param == Suite::kAes256Gcm ? "Aes" : "ChaCha"; });

TEST_P(FrameCodec, RoundTripsAtEveryLevel) {
  const Bytes plain = Text(50'000);
  for (const BlobKind kind : kKinds) {
    for (const int level : {-3, 0, 1, 3, 9, 19}) {
      const SealedFrame frame = Sealed(plain, kind, level);
      EXPECT_EQ(frame.entry.codec, level == 0 ? Codec::kStored : Codec::kZstd);
      EXPECT_EQ(frame.entry.sealed_length, frame.sealed.size());
      EXPECT_EQ(frame.entry.plain_length, plain.size());
      EXPECT_EQ(frame.entry.blobs, BlobsOf(kind, plain, 1'000));
      EXPECT_EQ(frame.entry.session, 0u);
      const auto opened = Open(frame, kind);
      ASSERT_TRUE(opened) << level << ": " << opened.error().message();
      EXPECT_EQ(*opened, plain) << level;
    }
  }
}

TEST_P(FrameCodec, RoundTripsEverySize) {
  for (const size_t size : {size_t{1}, size_t{2}, size_t{100}, size_t{1} << 20, size_t{limits::kFramePlainBytesMax}}) {
    const Bytes plain(size, 'x');
    const auto blobs = BlobsOf(BlobKind::kData, plain, 8 << 20);
    auto frame = NewSealer().Seal(BlobKind::kData, plain, blobs, ChecksumsOf(plain, blobs));
    ASSERT_TRUE(frame) << size;
    EXPECT_EQ(*Open(*frame), plain) << size;
  }
}

// SPEC 8.3, written a second time.
TEST_P(FrameCodec, IsWhatSpecSays) {
  for (const BlobKind kind : kKinds) {
    const Bytes plain = Text(5'000);
    const SealedFrame frame = Sealed(plain, kind, 3);
    ASSERT_EQ(frame.entry.codec, Codec::kZstd);
    const auto suite = static_cast<uint8_t>(GetParam());
    const auto number = static_cast<uint8_t>(kind == BlobKind::kData ? 1 : 2);
    const Bytes family = ToBytes(owner_.family().bytes());
    const uint8_t suite_and_kind[] = {suite, number};
    const uint8_t associated[] = {1, suite, number, 1, 5'000 & 0xff, 5'000 >> 8, 0, 0};
    const ByteSpan sealed = frame.sealed;
    Bytes payload(sealed.size() - 32);
    ASSERT_TRUE(AeadOpen(
        GetParam(), Hkdf(keys_.key(kind).bytes(), sealed.first(16), {AsBytes("cairn frame 1"), suite_and_kind, family}),
        AeadNonce{}, associated, sealed.subspan(16), payload, "frame"));
    EXPECT_EQ(*Decompress(payload, 5'000, "frame"), plain);
    EXPECT_TRUE(Equal(frame.entry.check, Sha256(sealed).bytes().first(16)));
  }
}

TEST_P(FrameCodec, SaltIsTheHmacThatSpecSays) {
  const StuckRandom stuck;
  FrameSealer sealer(keys_, owner_.family(), stuck, {.level = 0});
  const Bytes plain = Text(2'000);
  const auto blobs = BlobsOf(BlobKind::kData, plain, 1'000);
  for (uint64_t counter = 0; counter < 3; ++counter) {
    const auto frame = sealer.Seal(BlobKind::kData, plain, blobs, ChecksumsOf(plain, blobs));
    ASSERT_TRUE(frame);
    WireWriter message;
    message.Raw(AsBytes("cairn salt 1"));
    message.Raw(Bytes(32, 0xab));
    message.U64(counter);
    for (const BlobEntry& blob : blobs) message.Put(blob.id);
    const Digest expected = HmacSha256(keys_.content.bytes(), {message.bytes()});
    EXPECT_TRUE(Equal(SaltOf(*frame), expected.bytes().first(16)));
  }
}

TEST_P(FrameCodec, KeyDependsOnEachInput) {
  const SealedFrame frame = Sealed(Text(5'000));
  const auto open = [&](const FrameContext& context, const Secret32& key) {
    return OpenFrame(context, frame.entry, frame.sealed, key, hasher_, "frame");
  };
  const FrameContext right = ContextOf(BlobKind::kData);
  EXPECT_TRUE(open(right, keys_.content));
  EXPECT_CODE(kCorrupt, open(right, keys_.metadata));
  EXPECT_CODE(kCorrupt, open(right, SecretFilledWith(1)));
  FrameContext other = right;
  other.kind = BlobKind::kMetadata;
  EXPECT_CODE(kCorrupt, open(other, keys_.content));
  other = right;
  other.suite = GetParam() == Suite::kAes256Gcm ? Suite::kChaCha20Poly1305 : Suite::kAes256Gcm;
  EXPECT_CODE(kCorrupt, open(other, keys_.content));
  other = right;
  other.family = FamilyId();
  EXPECT_CODE(kCorrupt, open(other, keys_.content));
  SealedFrame salted = frame;
  salted.sealed[0] ^= 1;
  Recheck(salted);
  EXPECT_CODE(kCorrupt, Open(salted));
}

TEST_P(FrameCodec, OpensInAnotherSessionNowhere) {
  const SessionKeys other = SessionKeys::New(owner_, SessionId::FromBytes(RawIdOf(9)), repository_.random());
  const SealedFrame frame = Sealed(Text(5'000));
  EXPECT_CODE(kCorrupt, OpenFrame(ContextOf(BlobKind::kData), frame.entry, frame.sealed, other.content, hasher_, "x"));
}

class FrameSealerTest : public FrameTest {};

TEST_F(FrameSealerTest, StoresWhatDoesNotCompressAndIsNeverLarger) {
  for (const int level : {0, 1, 3, 9, 19}) {
    for (const size_t size : {size_t{1}, size_t{1'000}, size_t{300'000}}) {
      const SealedFrame frame = Sealed(RandomBytes(size, 21), BlobKind::kData, level);
      EXPECT_EQ(frame.entry.codec, Codec::kStored) << level << " " << size;
      EXPECT_EQ(frame.sealed.size(), size + 32) << level << " " << size;
    }
  }
}

// One key, one message, also on a virtual machine that was restored.
TEST_F(FrameSealerTest, NeverRepeatsASaltThoughRandomnessRepeats) {
  const StuckRandom stuck;
  FrameSealer sealer(keys_, owner_.family(), stuck, {});
  const Bytes plain = Text(100);
  const auto blobs = BlobsOf(BlobKind::kData, plain, 100);
  std::mutex mutex;
  std::set<Bytes> salts;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          const auto frame = sealer.Seal(BlobKind::kData, plain, blobs, ChecksumsOf(plain, blobs));
          const std::lock_guard lock(mutex);
          if (frame) salts.insert(SaltOf(*frame));
        }
      });
    }
  }
  EXPECT_EQ(salts.size(), 400u);
}

TEST_F(FrameSealerTest, NeverRepeatsASaltForOtherBlobsThoughRandomnessAndCounterRepeat) {
  const StuckRandom stuck;
  const auto salt = [&](ByteSpan plain, BlobKind kind) {
    FrameSealer restored(keys_, owner_.family(), stuck, {});
    const auto blobs = BlobsOf(kind, plain, 1'000);
    return SaltOf(*restored.Seal(kind, plain, blobs, ChecksumsOf(plain, blobs)));
  };
  EXPECT_NE(salt(Text(100), BlobKind::kData), salt(Text(101), BlobKind::kData));
  EXPECT_NE(salt(Text(100), BlobKind::kData), salt(Text(100), BlobKind::kMetadata));
}

TEST_F(FrameSealerTest, SealsManySmallBlobs) {
  const Bytes plain(limits::kFrameBlobsMax, 'x');
  const std::vector<BlobEntry> blobs(limits::kFrameBlobsMax, BlobsOf(BlobKind::kData, ByteSpan(plain).first(1), 1)[0]);
  const auto frame = NewSealer().Seal(BlobKind::kData, plain, blobs, ChecksumsOf(plain, blobs));
  ASSERT_TRUE(frame);
  EXPECT_EQ(*Open(*frame), plain);
}

// A bit that flipped between the id and the seal is found while the source is still there.
TEST_F(FrameSealerTest, RefusesBytesThatAreNotThoseOfTheirIds) {
  Bytes plain = Text(5'000);
  const auto blobs = BlobsOf(BlobKind::kData, plain, 1'000);
  const auto checksums = ChecksumsOf(plain, blobs);
  for (const size_t place : {size_t{0}, size_t{999}, size_t{1'000}, size_t{4'999}}) {
    plain[place] ^= 1;
    EXPECT_CODE(kCorrupt, NewSealer().Seal(BlobKind::kData, plain, blobs, checksums)) << place;
    plain[place] ^= 1;
  }
  EXPECT_TRUE(NewSealer().Seal(BlobKind::kData, plain, blobs, checksums));
}

TEST_F(FrameSealerTest, RefusesLengthsThatDoNotSumUp) {
  const Bytes plain = Text(5'000);
  auto blobs = BlobsOf(BlobKind::kData, plain, 1'000);
  blobs.pop_back();
  EXPECT_CODE(kCorrupt, NewSealer().Seal(BlobKind::kData, plain, blobs, ChecksumsOf(plain, blobs)));
}

// XXH3's own test vector of the empty input, and that no byte is passed over.
TEST(Checksum, IsXxh3) {
  EXPECT_EQ(ChecksumOf({}), (Checksum{0x6001c324468d497f, 0x99aa06d3014798d8}));
  Bytes bytes(1'000, 0);
  std::vector<Checksum> seen = {ChecksumOf(bytes)};
  for (uint8_t& byte : bytes) {
    byte = 1;
    EXPECT_EQ(std::ranges::count(seen, ChecksumOf(bytes)), 0);
    seen.push_back(ChecksumOf(bytes));
  }
}

}  // namespace
}  // namespace cairn
