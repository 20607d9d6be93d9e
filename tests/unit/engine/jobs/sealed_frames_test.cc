#include "engine/jobs/sealed_frames.h"

#include <algorithm>
#include <atomic>

#include "engine/codec/frame_codec.h"
#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/test_context.h"

namespace cairn {
namespace {

using testing::ElementsAre;

class SealedFrames : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override { context_.job.limits.gets = GetParam(); }

  // A pack of frames of these sizes, without the directory that nobody reads here. Locations of all its frames.
  std::vector<BlobLocation> MakePack(const std::vector<uint32_t>& sizes) {
    PackName name;
    context_.random.Fill(name.put);
    const IndexedPack pack{.name = name, .kind = BlobKind::kData};
    Bytes object(ObjectHeader::kSize);
    std::vector<BlobLocation> frames;
    for (const uint32_t size : sizes) {
      const Bytes sealed = context_.random.SomeBytes(size);
      auto entry = std::make_shared<FrameEntry>(FrameEntry{.sealed_length = size, .check = CheckOfFrame(sealed)});
      frames.push_back({.pack = pack,
                        .frame_number = static_cast<uint32_t>(frames.size()),
                        .frame_offset = object.size(),
                        .frame = std::move(entry)});
      Append(object, sealed);
    }
    EXPECT_OK(memory_.Put(PackObjectName(BlobKind::kData, name), object));
    return frames;
  }

  // "0 1 x": numbers of frames in the order in which they came, x where one could not be read.
  std::vector<std::string> Read(const std::vector<BlobLocation>& frames) {
    std::vector<std::string> told;
    const auto each = [&](const BlobLocation& frame, Result<ByteSpan> sealed) -> Result<void> {
      told.push_back(sealed ? std::to_string(frame.frame_number) : "x");
      EXPECT_TRUE(!sealed || CheckOfFrame(*sealed) == frame.frame->check);
      return {};
    };
    EXPECT_OK(ReadSealedFrames(store_, frames, context_.job, each));
    return told;
  }

  MemoryStore memory_;
  FaultStore store_{memory_};
  TestContext context_;
};

TEST_P(SealedFrames, ComeInTheOrderOfTheirPlacesAndNeighboursByOneRequest) {
  auto frames = MakePack({1000, 2000, 3000, 4000, 5000});
  std::erase_if(frames, [](const BlobLocation& frame) { return frame.frame_number == 2; });
  std::swap(frames[0], frames[3]);
  EXPECT_THAT(Read(frames), ElementsAre("0", "1", "3", "4"));
  EXPECT_EQ(store_.calls(StoreOperation::kGetRange), 2U);
}

TEST_P(SealedFrames, OfManyBytesAreSeveralRequests) {
  EXPECT_EQ(Read(MakePack(std::vector<uint32_t>(6, 400'000))).size(), 6U);
  EXPECT_EQ(store_.calls(StoreOperation::kGetRange), 3U) << "a MiB at most, where memory is small";
}

TEST_P(SealedFrames, OneThatRottedLeavesItsNeighbours) {
  const auto frames = MakePack({1000, 1000, 1000});
  const ObjectName name = PackObjectName(BlobKind::kData, frames[0].pack.name);
  ASSERT_OK_AND_ASSIGN(Bytes object, memory_.Get(name, kMiB));
  object[frames[1].frame_offset] ^= 1;
  ASSERT_OK(memory_.Put(name, object));
  EXPECT_THAT(Read(frames), ElementsAre("0", "x", "2"));
}

TEST_P(SealedFrames, OfAPackThatIsGoneAreToldEach) {
  auto frames = MakePack({1000, 1000});
  ASSERT_OK(memory_.Remove(PackObjectName(BlobKind::kData, frames[0].pack.name)));
  EXPECT_THAT(Read(frames), ElementsAre("x", "x"));
}

TEST_P(SealedFrames, SeveralRequestsAreUnderWayAtOnce) {
  std::vector<BlobLocation> frames;
  for (int i = 0; i < 40; ++i) frames.push_back(MakePack({1000}).front());
  std::atomic<unsigned> at_once = 0, most = 0;
  store_.SetHook([&](const StoreCall&) {
    const unsigned now = ++at_once;
    unsigned before = most;
    while (before < now && !most.compare_exchange_weak(before, now)) {
    }
    SystemClock().Sleep(std::chrono::milliseconds(5), std::stop_token());
    --at_once;
  });
  EXPECT_EQ(Read(frames).size(), 40U);
  EXPECT_LE(most, GetParam());
  EXPECT_GE(most, std::min(GetParam(), 2U));
}

TEST_P(SealedFrames, AnErrorOfEachEndsIt) {
  std::vector<BlobLocation> frames;
  for (int i = 0; i < 20; ++i) frames.push_back(MakePack({1000}).front());
  int told = 0;
  const auto read = ReadSealedFrames(store_, frames, context_.job, [&](const BlobLocation&, const Result<ByteSpan>&) {
    return ++told == 3 ? Result<void>(Error(ErrorCode::kNoSpace, "full")) : Result<void>();
  });
  EXPECT_THAT(read, ErrorCodeIs(ErrorCode::kNoSpace));
  EXPECT_EQ(told, 3);
}

TEST_P(SealedFrames, StopWhenAskedTo) {
  const auto frames = MakePack({1000});
  context_.stop.request_stop();
  EXPECT_THAT(ReadSealedFrames(store_, frames, context_.job, [](const auto&, const auto&) { return Result<void>(); }),
              ErrorCodeIs(ErrorCode::kInterrupted));
}

INSTANTIATE_TEST_SUITE_P(Gets, SealedFrames, testing::Values(1U, 4U));

}  // namespace
}  // namespace cairn
