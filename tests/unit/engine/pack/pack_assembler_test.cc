#include "engine/pack/pack_assembler.h"

#include <set>
#include <thread>

#include "tests/unit/engine/pack/pack_fixture.h"

namespace cairn::pack_test {
namespace {

constexpr uint64_t kPackBytes = 20'000;

class PackAssemblerTest : public PackTest {
 protected:
  PackAssembler NewAssembler(uint64_t pack_bytes = kPackBytes, uint64_t pack_blobs_max = 1'000'000,
                             uint64_t object_bytes_max = UINT64_MAX) {
    const auto finished = [this](FinishedPack finished_pack) -> Result<void> {
      ReadPack pack(std::move(finished_pack));
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(VerifyPack(sealer_, pack.kind, pack.name, pack.object));
      packs_.push_back(std::move(pack));
      return {};
    };
    return PackAssembler(BlobKind::kData, sealer_, random_, store_, {pack_bytes, pack_blobs_max, object_bytes_max},
                         finished);
  }
  void Add(PackAssembler& assembler, const std::vector<uint32_t>& blobs, size_t size = 1'000) {
    Frame frame = MakeFrame(blobs, size);
    const auto added = assembler.Add(SessionOf(1), std::move(frame.entry), frame.sealed);
    ASSERT_TRUE(added) << added.error().message();
  }
  static bool IsPadded(const ReadPack& pack) { return pack.directory.frames.back().codec == Codec::kPadding; }
  // The first blob of each frame, pack by pack.
  std::vector<std::vector<uint32_t>> Contents() const {
    std::vector<std::vector<uint32_t>> contents;
    for (const ReadPack& pack : packs_) {
      contents.emplace_back();
      for (const FrameEntry& frame : pack.directory.frames) {
        if (frame.codec == Codec::kPadding) continue;
        const ByteSpan id = frame.blobs[0].id.bytes();
        contents.back().push_back(id[0] | id[1] << 8 | id[2] << 16);
      }
    }
    return contents;
  }

  std::mutex mutex_;
  std::vector<ReadPack> packs_;
};

TEST_F(PackAssemblerTest, LittleDataGoesIntoOnePaddedPack) {
  PackAssembler assembler = NewAssembler();
  for (uint32_t n = 0; n < 10; ++n) Add(assembler, {n});
  EXPECT_EQ(packs_.size(), 0u);
  ASSERT_TRUE(assembler.Flush());
  ASSERT_EQ(packs_.size(), 1u);
  EXPECT_TRUE(IsPadded(packs_[0]));
  EXPECT_EQ(PadmeSize(packs_[0].object.size()), packs_[0].object.size());
  EXPECT_EQ(packs_[0].blobs, 10u);
}

TEST_F(PackAssemblerTest, FlushOfNothingIsNothing) {
  PackAssembler assembler = NewAssembler();
  ASSERT_TRUE(assembler.Flush());
  EXPECT_EQ(packs_.size(), 0u);
}

// Also where the next frame, the directory or the padding would have gone beyond.
TEST_F(PackAssemblerTest, NoObjectIsLargerThanTheStoreTakes) {
  constexpr uint64_t kObjectBytesMax = 200'000;
  for (const uint64_t pack_bytes : {uint64_t{20'000}, uint64_t{100'000}, uint64_t{190'000}, uint64_t{1'000'000}}) {
    packs_.clear();
    PackAssembler assembler = NewAssembler(pack_bytes, 1'000'000, kObjectBytesMax);
    size_t frames = 0;
    for (uint32_t n = 0; n < 120; ++n, ++frames) Add(assembler, {n}, 200 + (n * 7'919) % 40'000);
    ASSERT_TRUE(assembler.Flush());
    for (const ReadPack& pack : packs_) EXPECT_LE(pack.object.size(), kObjectBytesMax) << pack_bytes;
    for (const auto& content : Contents()) frames -= content.size();
    EXPECT_EQ(frames, 0u);
  }
}

// Padme's next size is more than the store takes: all that come near to it have the size of the largest.
TEST_F(PackAssemblerTest, PaddingEndsWhereTheStoreDoes) {
  const uint64_t sizes[] = {131'000, 131'500};
  for (const uint64_t size : sizes) {
    packs_.clear();
    PackAssembler assembler = NewAssembler(1'000'000, 1'000'000, 132'000);
    Add(assembler, {1}, size);
    ASSERT_TRUE(assembler.Flush());
    ASSERT_EQ(packs_.size(), 1u);
    EXPECT_EQ(packs_[0].object.size(), 132'000u) << size;
  }
}

TEST_F(PackAssemblerTest, OnlyTheLastPacksArePadded) {
  PackAssembler assembler = NewAssembler();
  for (uint32_t n = 0; n < 130; ++n) Add(assembler, {n});
  const size_t full = packs_.size();
  ASSERT_TRUE(assembler.Flush());
  EXPECT_LE(packs_.size(), full + 2);
  EXPECT_GT(packs_.size(), full);
  for (size_t i = 0; i < packs_.size(); ++i) {
    EXPECT_EQ(IsPadded(packs_[i]), i >= full) << i;
    if (i < full) {
      EXPECT_GE(packs_[i].object.size(), kPackBytes);
    }
  }
  size_t frames = 0;
  for (const auto& content : Contents()) frames += content.size();
  EXPECT_EQ(frames, 130u);
}

TEST_F(PackAssemblerTest, FirstPackIsInOrderAndTheRestIsDealtAtRandom) {
  PackAssembler assembler = NewAssembler();
  constexpr uint32_t kFrames = 4'000;
  for (uint32_t n = 0; n < kFrames; ++n) Add(assembler, {n});
  ASSERT_TRUE(assembler.Flush());
  const auto contents = Contents();
  std::vector<uint32_t> first(20);
  for (uint32_t n = 0; n < first.size(); ++n) first[n] = n;
  EXPECT_EQ(contents[0], first);

  std::vector<size_t> pack_of(kFrames);
  for (size_t p = 0; p < contents.size(); ++p) {
    for (const uint32_t n : contents[p]) pack_of[n] = p;
  }
  int together = 0;
  for (uint32_t n = 20; n + 1 < kFrames; ++n) together += pack_of[n] == pack_of[n + 1] ? 1 : 0;
  // A fair coin: 1,990 of 3,979 on average, and 200 is more than six standard deviations.
  EXPECT_NEAR(together, 1'990, 200);
}

TEST_F(PackAssemblerTest, AfterAFlushFramesAreDealtToTwo) {
  PackAssembler assembler = NewAssembler();
  Add(assembler, {0});
  ASSERT_TRUE(assembler.Flush());
  for (uint32_t n = 1; n < 18; ++n) Add(assembler, {n});
  ASSERT_TRUE(assembler.Flush());
  EXPECT_EQ(packs_.size(), 3u);
}

TEST_F(PackAssemblerTest, FrameLargerThanAPackEndsOne) {
  PackAssembler assembler = NewAssembler(1'000);
  Add(assembler, {1}, 500);
  Add(assembler, {2}, 50'000);
  ASSERT_EQ(packs_.size(), 1u);
  EXPECT_EQ(packs_[0].blobs, 2u);
  Add(assembler, {3}, 60'000);
  ASSERT_EQ(packs_.size(), 2u);
  EXPECT_EQ(packs_[1].blobs, 1u);
  ASSERT_TRUE(assembler.Flush());
  EXPECT_EQ(packs_.size(), 2u);
}

TEST_F(PackAssemblerTest, PackWithManyBlobsIsFullAndPaddedThoughItIsSmall) {
  PackAssembler assembler = NewAssembler(kPackBytes, 4);
  for (uint32_t n = 0; n < 20; n += 2) Add(assembler, {n, n + 1}, 100);
  ASSERT_GE(packs_.size(), 4u);  // two that are open may have two each
  for (const ReadPack& pack : packs_) {
    EXPECT_EQ(pack.blobs, 4u);
    EXPECT_TRUE(IsPadded(pack));
    EXPECT_EQ(PadmeSize(pack.object.size()), pack.object.size());
  }
  ASSERT_TRUE(assembler.Flush());
  EXPECT_GE(packs_.size(), 5u);
}

TEST_F(PackAssemblerTest, BlobThatIsInAnOpenPackGoesToAnother) {
  PackAssembler assembler = NewAssembler();
  for (int copy = 0; copy < 5; ++copy) Add(assembler, {7, static_cast<uint32_t>(100 + copy)}, 200);
  ASSERT_TRUE(assembler.Flush());
  EXPECT_EQ(packs_.size(), 5u);
  for (const ReadPack& pack : packs_) {
    std::set<BlobId> ids;
    for (const FrameEntry& frame : pack.directory.frames) {
      for (const BlobEntry& blob : frame.blobs) EXPECT_TRUE(ids.insert(blob.id).second);
    }
    EXPECT_TRUE(ids.contains(IdOf(7)));
  }
}

TEST_F(PackAssemblerTest, ErrorOfFinishedIsGivenToWhoFilledThePack) {
  PackAssembler assembler(BlobKind::kData, sealer_, random_, store_, {1'000, 100},
                          [](FinishedPack) -> Result<void> { return MakeError(ErrorCode::kNoSpace, "full"); });
  Frame small = MakeFrame({1}, 100), large = MakeFrame({2}, 1'000);
  EXPECT_TRUE(assembler.Add(SessionOf(1), small.entry, small.sealed));
  EXPECT_EQ(assembler.Add(SessionOf(1), large.entry, large.sealed).error().code(), ErrorCode::kNoSpace);
  Add(assembler, {3}, 100);
  EXPECT_EQ(assembler.Flush().error().code(), ErrorCode::kNoSpace);
}

// Wherever it is: at the header, in the middle, at the directory.
TEST_F(PackAssemblerTest, APackThatTheStoreHasNoRoomForIsTold) {
  for (const uint64_t room : {50, 500, 1'500, 2'200}) {
    packs_.clear();
    store_.draft_bytes_max_ = room;
    PackAssembler assembler = NewAssembler();
    const auto added = [&]() -> Result<void> {
      for (const uint32_t n : {1, 2}) {
        const Frame frame = MakeFrame({n}, 1'000);
        RETURN_IF_ERROR(assembler.Add(SessionOf(1), frame.entry, frame.sealed));
      }
      return assembler.Flush();
    }();
    ASSERT_FALSE(added) << room;
    EXPECT_EQ(added.error().code(), ErrorCode::kNoSpace) << room;
    EXPECT_EQ(packs_.size(), 0U);
    // With what was there before it is gone.
    store_.draft_bytes_max_ = std::nullopt;
    Add(assembler, {3});
    ASSERT_TRUE(assembler.Flush());
    ASSERT_EQ(packs_.size(), 1U);
    EXPECT_EQ(packs_[0].blobs, 1U);
  }
}

TEST_F(PackAssemblerTest, ManyThreadsLoseNothing) {
  PackAssembler assembler = NewAssembler();
  {
    std::vector<std::jthread> threads;
    for (uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint32_t n = 0; n < 200; ++n) Add(assembler, {t * 1'000 + n}, 300 + n);
      });
    }
  }
  ASSERT_TRUE(assembler.Flush());
  std::set<uint32_t> seen;
  for (const auto& content : Contents()) seen.insert(content.begin(), content.end());
  EXPECT_EQ(seen.size(), 800u);
}

}  // namespace
}  // namespace cairn::pack_test
