#include "engine/pack/pack_writer.h"

#include "tests/unit/engine/pack/pack_fixture.h"

namespace cairn::pack_test {
namespace {

TEST(PadmeSize, IsWhatTheFormulaSays) {
  EXPECT_EQ(PadmeSize(0), 0u);
  EXPECT_EQ(PadmeSize(1), 1u);
  EXPECT_EQ(PadmeSize(2), 2u);
  EXPECT_EQ(PadmeSize(8), 8u);
  EXPECT_EQ(PadmeSize(9), 10u);
  EXPECT_EQ(PadmeSize(1'000), 1'024u);
  EXPECT_EQ(PadmeSize(1'000'000), 1'015'808u);
  EXPECT_EQ(PadmeSize(16 * kMiB), 16 * kMiB);
  EXPECT_EQ(PadmeSize(16 * kMiB + 1), 16 * kMiB + (16 * kMiB >> 5));
  EXPECT_EQ(PadmeSize(kGiB), kGiB);
}

TEST(PadmeSize, IsAFixedPointAtMostTwelvePercentAbove) {
  for (uint64_t size = 2; size < 2 * kGiB; size += 1 + size / 7) {
    const uint64_t padded = PadmeSize(size);
    EXPECT_GE(padded, size);
    EXPECT_LE(padded, size + size * 12 / 100 + 1);
    EXPECT_EQ(PadmeSize(padded), padded);
  }
}

// What a disk or a memory has spoiled gets no name that says that it is right.
TEST_F(PackTest, WhatComesBackIsWhatWasWritten) {
  const ReadPack good = SmallPack();
  const auto finish = [&](MemoryPacks::Spoil spoil) {
    store_.spoil_ = std::move(spoil);
    PackWriter writer = NewWriter();
    AddTo(writer, MakeFrame({1, 2}, 200));
    AddTo(writer, MakeFrame({3}, 300));
    return writer.Finish(false);
  };
  EXPECT_TRUE(finish([](Bytes&) {}));
  for (size_t at = 0; at < good.size; ++at) {
    const auto finished = finish([&](Bytes& bytes) { bytes[at] ^= 4; });
    ASSERT_FALSE(finished) << at;
    EXPECT_EQ(finished.error().code(), ErrorCode::kIo);
  }
  EXPECT_FALSE(finish([](Bytes& bytes) { bytes.pop_back(); }));
  EXPECT_FALSE(finish([](Bytes& bytes) { bytes.push_back(0); }));
  EXPECT_FALSE(finish([](Bytes& bytes) { bytes.clear(); }));
  EXPECT_FALSE(
      finish([](Bytes& bytes) { std::swap_ranges(bytes.begin() + 100, bytes.begin() + 150, bytes.end() - 100); }));
}

TEST_F(PackTest, IsHeaderFramesDirectory) {
  PackWriter writer = NewWriter();
  const Frame first = MakeFrame({1, 2}, 200), second = MakeFrame({3}, 300);
  AddTo(writer, first);
  AddTo(writer, second);
  EXPECT_EQ(writer.frame_bytes(), 500u);
  const ReadPack pack = Finish(writer);
  EXPECT_TRUE(Equal(ByteSpan(pack.object).subspan(ObjectHeader::kSize, 200), first.sealed));
  EXPECT_TRUE(Equal(ByteSpan(pack.object).subspan(ObjectHeader::kSize + 200, 300), second.sealed));
  EXPECT_EQ(pack.name.digest, Sha256(pack.object));
  EXPECT_EQ(pack.blobs, 3u);
  ASSERT_EQ(pack.directory.frames.size(), 2u);
  EXPECT_EQ(pack.directory.frames[1].blobs, second.entry.blobs);
  const auto header = ObjectHeader::Parse(pack.object);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->kind, ObjectKind::kDataPack);
  EXPECT_EQ(pack.object.size(), ObjectHeader::kSize + 500 + header->body_length);
  EXPECT_TRUE(VerifyPack(sealer_, BlobKind::kData, pack.name, pack.object));
}

TEST_F(PackTest, EqualBytesGetAnotherNameEachTime) {
  const ReadPack a = SmallPack(), b = SmallPack();
  EXPECT_NE(a.name.put, b.name.put);
}

TEST_F(PackTest, WriterIsEmptyAfterwardsAndMayBeUsedAgain) {
  PackWriter writer = NewWriter();
  AddTo(writer, MakeFrame({1}));
  EXPECT_TRUE(writer.Has(IdOf(1)));
  Finish(writer);
  EXPECT_TRUE(writer.empty());
  EXPECT_FALSE(writer.Has(IdOf(1)));
  EXPECT_EQ(writer.frame_bytes(), 0u);
  AddTo(writer, MakeFrame({1}));
  const ReadPack pack = Finish(writer);
  EXPECT_EQ(pack.directory.frames.size(), 1u);
  EXPECT_EQ(pack.directory.sessions.size(), 1u);
  EXPECT_TRUE(VerifyPack(sealer_, BlobKind::kData, pack.name, pack.object));
}

TEST_F(PackTest, EqualSessionsShareAnEntry) {
  PackWriter writer = NewWriter();
  AddTo(writer, MakeFrame({1}), 7);
  AddTo(writer, MakeFrame({2}), 8);
  AddTo(writer, MakeFrame({3}), 7);
  const ReadPack pack = Finish(writer);
  ASSERT_EQ(pack.directory.sessions.size(), 2u);
  EXPECT_EQ(pack.directory.sessions[1], SessionOf(8));
  EXPECT_EQ(pack.directory.frames[0].session, 0u);
  EXPECT_EQ(pack.directory.frames[1].session, 1u);
  EXPECT_EQ(pack.directory.frames[2].session, 0u);
}

TEST_F(PackTest, SegmentPackCountsInTheSegmentsSessions) {
  PackWriter writer = NewWriter(BlobKind::kMetadata);
  AddTo(writer, MakeFrame({1}), 7);
  AddTo(writer, MakeFrame({2}), 8);
  const ReadPack pack = Finish(writer, true);
  const SegmentPack entry = ToSegmentPack(pack, {5, 3});
  EXPECT_EQ(entry.name, pack.name);
  EXPECT_EQ(entry.kind, BlobKind::kMetadata);
  EXPECT_EQ(entry.size, pack.object.size());
  ASSERT_EQ(entry.frames.size(), 3u);
  EXPECT_EQ(entry.frames[0].session, 5u);
  EXPECT_EQ(entry.frames[1].session, 3u);
  EXPECT_EQ(entry.frames[2].codec, Codec::kPadding);
  EXPECT_EQ(entry.frames[2].session, 0u);
}

TEST_F(PackTest, PaddedPackHasAPadmeSize) {
  for (const size_t size : {33, 34, 100, 127, 128, 129, 1'000, 4'000, 4'096, 16'383, 65'536, 100'000, 1'048'576}) {
    for (const size_t extra : {0, 1, 2, 15, 31, 32, 33, 64}) {
      SCOPED_TRACE(size + extra);
      PackWriter writer = NewWriter();
      AddTo(writer, MakeFrame({1}, size + extra));
      const ReadPack pack = Finish(writer, true);
      ASSERT_EQ(PadmeSize(pack.object.size()), pack.object.size());
      ASSERT_EQ(pack.directory.frames.size(), 2u);
      const FrameEntry& padding = pack.directory.frames.back();
      ASSERT_EQ(padding.codec, Codec::kPadding);
      ASSERT_EQ(padding.plain_length, 0u);
      ASSERT_GE(padding.sealed_length, limits::kFrameSealedBytesMin);
      ASSERT_TRUE(VerifyPack(sealer_, BlobKind::kData, pack.name, pack.object));
    }
  }
}

TEST_F(PackTest, PaddingTakesTheNextSizeAndNotALaterOne) {
  for (size_t size = 1'000; size < 1'400; ++size) {
    PackWriter plain = NewWriter(), padded = NewWriter();
    AddTo(plain, MakeFrame({1}, size));
    AddTo(padded, MakeFrame({1}, size));
    const uint64_t without = Finish(plain).object.size();
    const uint64_t with = Finish(padded, true).object.size();
    // The padding frame is at least 33 bytes, and its entry in the directory some twenty more.
    ASSERT_LE(with, PadmeSize(PadmeSize(without + 33 + 22) + 1)) << size;
  }
}

TEST_F(PackTest, PaddingIsRightAcrossThePiecesOfTheDirectory) {
  // Directories of about one piece of the seal, 2^20 bytes: at its border the seal grows by a tag.
  for (uint32_t blobs = 29'940; blobs < 29'960; blobs += 3) {
    PackWriter writer = NewWriter();
    std::vector<uint32_t> numbers(blobs);
    for (uint32_t n = 0; n < blobs; ++n) numbers[n] = n;
    AddTo(writer, MakeFrame(numbers, 5'000));
    const ReadPack pack = Finish(writer, true);
    ASSERT_EQ(PadmeSize(pack.object.size()), pack.object.size()) << blobs;
    ASSERT_TRUE(VerifyPack(sealer_, BlobKind::kData, pack.name, pack.object));
  }
}

TEST_F(PackTest, FitsKeepsTheDirectoryWithinItsLimit) {
  PackWriter writer = NewWriter();
  uint32_t next = 0;
  for (Frame frame = MakeFrame({0}); writer.Fits(frame.entry); frame = MakeFrame({++next})) {
    // Each of a session of its own, with the largest envelope there is.
    PackSession session{.epoch = next, .envelope = {.sealed = Bytes(limits::kEnvelopeBytesMax)}};
    random_.Fill(session.session.mutable_bytes());
    std::fill(session.envelope.sealed.begin(), session.envelope.sealed.end(), uint8_t{1});
    ASSERT_TRUE(writer.AddFrame(session, frame.entry, frame.sealed));
  }
  const ReadPack pack = Finish(writer, true);
  const auto header = ObjectHeader::Parse(pack.object);
  EXPECT_LE(header->body_length, limits::kDirectoryBytesMax);
  EXPECT_GT(header->body_length, limits::kDirectoryBytesMax - 3 * limits::kEnvelopeBytesMax);
}

TEST_F(PackTest, WriterWithoutTheRightIsToldSo) {
  auto made = MakeConfigWithSlot(keyring_, {.rights = kListerRights, .label = "lister"}, SystemRandom(), SystemClock());
  ASSERT_TRUE(made);
  const auto lister = Keyring::Open(std::move(made->slot), 2, made->config_object);
  ASSERT_TRUE(lister);
  const ObjectSealer sealer(*lister, SystemRandom());
  PackWriter writer(BlobKind::kData, sealer, random_, store_);
  AddTo(writer, MakeFrame({1}));
  const auto finished = writer.Finish(false);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), ErrorCode::kNoRight);
  EXPECT_TRUE(writer.empty());
}

using PackDeathTest = PackTest;

TEST_F(PackDeathTest, BrokenPromisesEndTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  PackWriter writer = NewWriter();
  AddTo(writer, MakeFrame({1}));
  EXPECT_DEATH(AddTo(writer, MakeFrame({2, 1})), "");  // an id twice in one pack
  Frame lying = MakeFrame({3});
  lying.entry.sealed_length += 1;
  EXPECT_DEATH(AddTo(writer, lying), "");
  EXPECT_DEATH(AddTo(writer, MakeFrame({}, 100)), "");
}

}  // namespace
}  // namespace cairn::pack_test
