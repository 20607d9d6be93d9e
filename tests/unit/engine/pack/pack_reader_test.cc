#include "engine/pack/pack_reader.h"

#include "tests/unit/engine/pack/pack_fixture.h"

namespace cairn::pack_test {
namespace {

TEST_F(PackTest, DirectoryIsReadByTwoRequests) {
  const ReadPack pack = SmallPack(BlobKind::kMetadata, true);
  Put(pack);
  const auto opened = Read(pack);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->directory, pack.directory);
  EXPECT_EQ(opened->slot, keyring_.slot());
  EXPECT_EQ(store_.requests_, 2);
}

TEST_F(PackTest, FramesAreReadByTheirRange) {
  const ReadPack pack = SmallPack();
  Put(pack);
  const auto offsets = FrameOffsets(pack.directory.frames);
  EXPECT_EQ(offsets, (std::vector<uint64_t>{96, 296}));
  const auto frame = ReadFrame(store_, pack.kind, pack.name, offsets[1], pack.directory.frames[1]);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(Equal(*frame, ByteSpan(pack.object).subspan(296, 300)));
  const auto wrong = ReadFrame(store_, pack.kind, pack.name, offsets[1] - 1, pack.directory.frames[1]);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(wrong.error().message().find(pack.name.ToString()), std::string::npos);
}

TEST_F(PackTest, AbsentPackIsNotFound) {
  const ReadPack pack = SmallPack();
  EXPECT_EQ(Read(pack).error().code(), ErrorCode::kNotFound);
}

TEST_F(PackTest, RejectsEverySizeButItsOwn) {
  const ReadPack pack = SmallPack();
  Put(pack);
  const uint64_t size = pack.object.size();
  for (const uint64_t wrong : {uint64_t{0}, uint64_t{95}, uint64_t{96}, size - 1, size + 1, uint64_t{2} * kGiB}) {
    const auto opened = ReadDirectory(store_, sealer_, pack.kind, pack.name, wrong);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt) << wrong << opened.error().message();
  }
}

TEST_F(PackTest, RejectsTruncatedPacks) {
  const ReadPack pack = SmallPack();
  for (size_t size = 0; size < pack.object.size(); size += 7) {
    const ByteSpan cut = ByteSpan(pack.object).first(size);
    EXPECT_EQ(VerifyPack(sealer_, pack.kind, pack.name, cut).error().code(), ErrorCode::kCorrupt);
    // Under the name that the cut bytes would have, too.
    EXPECT_EQ(VerifyPack(sealer_, pack.kind, NameOf(cut), cut).error().code(), ErrorCode::kCorrupt) << size;
  }
}

TEST_F(PackTest, RejectsFlippedBitsAnywhere) {
  const ReadPack pack = SmallPack();
  for (size_t at = 0; at < pack.object.size(); ++at) {
    Bytes flipped = pack.object;
    flipped[at] ^= 0x20;
    // Rot is never taken for a newer version: the SHA-256 is looked at first.
    ASSERT_EQ(VerifyPack(sealer_, pack.kind, pack.name, flipped).error().code(), ErrorCode::kCorrupt) << at;
    const auto renamed = VerifyPack(sealer_, pack.kind, NameOf(flipped), flipped);
    ASSERT_FALSE(renamed) << at;
  }
}

TEST_F(PackTest, FlippedFramesAreFoundByTheirCheck) {
  const ReadPack pack = SmallPack();
  Bytes flipped = pack.object;
  flipped[300] ^= 1;
  const auto verified = VerifyPack(sealer_, pack.kind, NameOf(flipped), flipped);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(verified.error().message().find("frame of 300 bytes at offset 296"), std::string::npos)
      << verified.error().message();
  // The directory is whole, and so it can be read.
  ASSERT_TRUE(store_.Put(PackObjectName(pack.kind, pack.name), flipped));
  EXPECT_TRUE(Read(pack));
}

TEST_F(PackTest, RejectsAPackUnderAnothersName) {
  const ReadPack a = SmallPack(), b = SmallPack();
  EXPECT_EQ(VerifyPack(sealer_, a.kind, b.name, a.object).error().code(), ErrorCode::kCorrupt);
}

TEST_F(PackTest, RejectsAPackOfTheOtherKind) {
  const ReadPack pack = SmallPack(BlobKind::kMetadata);
  EXPECT_EQ(VerifyPack(sealer_, BlobKind::kData, pack.name, pack.object).error().code(), ErrorCode::kForged);
}

TEST_F(PackTest, RejectsADirectoryOfAnotherPack) {
  const ReadPack pack = SmallPack();
  PackWriter writer = NewWriter();
  AddTo(writer, MakeFrame({9}, 100));
  const ReadPack other = Finish(writer);
  // The frames of one between the header and directory of the other.
  Bytes mixed = ToBytes(ByteSpan(other.object).first(ObjectHeader::kSize));
  Append(mixed, ByteSpan(pack.object).subspan(ObjectHeader::kSize, 500));
  Append(mixed, ByteSpan(other.object).subspan(ObjectHeader::kSize + 100));
  const auto verified = VerifyPack(sealer_, pack.kind, NameOf(mixed), mixed);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(verified.error().message().find("header, frames and directory make"), std::string::npos);
}

TEST_F(PackTest, RejectsAPackOfAnotherRepository) {
  const ReadPack pack = SmallPack();
  const Keyring other = NewKeyring();
  const ObjectSealer sealer(other, SystemRandom());
  const auto verified = VerifyPack(sealer, pack.kind, pack.name, pack.object);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code(), ErrorCode::kForged);
}

TEST_F(PackTest, NewerVersionIsUnsupportedNotCorrupt) {
  Bytes newer = SmallPack().object;
  newer[7] = 2;
  EXPECT_EQ(VerifyPack(sealer_, BlobKind::kData, NameOf(newer), newer).error().code(), ErrorCode::kUnsupported);
  const PackName name = NameOf(newer);
  ASSERT_TRUE(store_.Put(PackObjectName(BlobKind::kData, name), newer));
  EXPECT_EQ(ReadDirectory(store_, sealer_, BlobKind::kData, name, newer.size()).error().code(),
            ErrorCode::kUnsupported);
}

TEST_F(PackTest, PackOfASlotThatIsNotKnownYetIsForged) {
  auto made = MakeConfigWithSlot(keyring_, {.rights = kWriterRights, .label = "new"}, SystemRandom(), SystemClock());
  ASSERT_TRUE(made);
  const auto writer_keyring = Keyring::Open(std::move(made->slot), 2, made->config_object);
  ASSERT_TRUE(writer_keyring);
  const ObjectSealer sealer(*writer_keyring, SystemRandom());
  PackWriter writer(BlobKind::kData, sealer, random_, store_);
  AddTo(writer, MakeFrame({1}));
  const ReadPack pack = Finish(writer);
  Put(pack);
  const auto opened = ReadDirectory(store_, sealer_, pack.kind, pack.name, pack.object.size());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kForged);
  EXPECT_TRUE(VerifyPack(sealer, pack.kind, pack.name, pack.object));
}

TEST_F(PackTest, HugeDirectoryLengthIsRefusedBeforeMemoryIsSpent) {
  Bytes object = SmallPack().object;
  object[72 + 5] = 1;  // the body's length: two to the fortieth more
  const PackName name = NameOf(object);
  ASSERT_TRUE(store_.Put(PackObjectName(BlobKind::kData, name), object));
  const auto opened = ReadDirectory(store_, sealer_, BlobKind::kData, name, object.size());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(store_.requests_, 1);
}

}  // namespace
}  // namespace cairn::pack_test
