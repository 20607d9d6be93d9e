#include "engine/repo/blob_reader.h"

#include <atomic>
#include <future>
#include <random>
#include <set>
#include <thread>

#include "engine/repo/write_session.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

constexpr size_t kBlobs = 400, kBlobBytes = 500, kBlobsAFrame = 10;
constexpr uint64_t kFrames = kBlobs / kBlobsAFrame;
// What a frame takes of a cache: its bytes, and what finds its blobs.
constexpr uint64_t kFrameInCache = kBlobsAFrame * (kBlobBytes + 128);

class BlobReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    InitForTests(memory_);
    machine_ = std::make_unique<Machine>(store_, 1);
    index_ = machine_->repository->LoadIndex(machine_->context.job).value();
    ASSERT_OK_AND_ASSIGN(const auto session,
                         WriteSession::Begin(*machine_->repository, *index_, machine_->context.job, {}));
    const auto writer = session->NewBlobWriter(kBlobsAFrame * kBlobBytes);
    for (size_t i = 0; i < kBlobs; ++i) {
      texts_.push_back(RandomText(static_cast<uint32_t>(i), kBlobBytes));
      ASSERT_OK_AND_ASSIGN(const BlobId id, writer->AddBlob(BlobKind::kData, AsBytes(texts_.back())));
      ids_.push_back(id);
    }
    ASSERT_OK(writer->Finish());
    ASSERT_OK(session->Flush());
    ASSERT_OK(session->Abandon());
  }

  BlobReader Reader(uint64_t cache_bytes) {
    return {*machine_->repository, *index_, machine_->context.job, cache_bytes};
  }
  void ExpectRead(BlobReader& reader, size_t i) {
    const auto blob = reader.ReadBlob(BlobKind::kData, ids_[i]);
    ASSERT_TRUE(blob) << blob.error().message();
    ASSERT_EQ(ToString(**blob), texts_[i]) << i;
  }

  MemoryStore memory_;
  FaultStore store_{memory_};
  std::unique_ptr<Machine> machine_;
  std::shared_ptr<Index> index_;
  std::vector<std::string> texts_;
  std::vector<BlobId> ids_;
};

TEST_F(BlobReaderTest, OpensAFrameOnceForAllItsBlobs) {
  BlobReader reader = Reader(2 * kFrameInCache);
  for (size_t i = 0; i < kBlobs; ++i) ExpectRead(reader, i);
  EXPECT_EQ(reader.frames_read(), kFrames);
}

// Opened by twos, each is given by itself, and what is wrong with one is told of that one.
TEST_F(BlobReaderTest, OpensFramesThatWereFetched) {
  constexpr size_t kOdd = 5, kRotten = 1, kWithoutKey = 2;
  BlobReader reader = Reader(0);
  std::vector<Bytes> fetched;
  std::vector<BlobReader::Sealed> frames;
  for (size_t i = 0; i < kOdd; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::vector<BlobLocation> found, index_->Find(ids_[i * kBlobsAFrame]));
    const BlobLocation& one = found.front();
    ASSERT_OK_AND_ASSIGN(fetched.emplace_back(), store_.GetRange(PackObjectName(one.pack.kind, one.pack.name),
                                                                 one.frame_offset, one.frame->sealed_length));
    frames.push_back({one, {}, std::nullopt});
  }
  fetched[kRotten].back() ^= 1;
  for (size_t i = 0; i < kOdd; ++i) frames[i].bytes = fetched[i];
  frames[kWithoutKey].location.session.envelope.sealed.back() ^= 1;
  size_t given = 0;
  reader.OpenSealedEach(frames, [&](size_t number, const Result<Bytes>& plain) {
    EXPECT_EQ(number, given++);
    std::string text;
    for (size_t i = 0; i < kBlobsAFrame; ++i) text += texts_[number * kBlobsAFrame + i];
    if (number == kRotten) {
      EXPECT_THAT(plain, ErrorIs(ErrorCode::kCorrupt, testing::HasSubstr("its bytes differ from their check")));
    } else if (number == kWithoutKey) {
      EXPECT_FALSE(plain);
    } else {
      EXPECT_TRUE(plain && ToString(*plain) == text) << number;
    }
    return true;
  });
  EXPECT_EQ(given, kOdd);
  given = 0;
  reader.OpenSealedEach(frames, [&](size_t, const Result<Bytes>&) { return ++given < 3; });
  EXPECT_EQ(given, 3);
  reader.OpenSealedEach({}, [&](size_t, const Result<Bytes>&) { return ++given > 0; });
  EXPECT_EQ(given, 3);
}

TEST_F(BlobReaderTest, OpensAFrameAgainThatTheCacheHadToDrop) {
  BlobReader reader = Reader(2 * kFrameInCache);
  const auto first_of = [](size_t frame) { return frame * kBlobsAFrame; };
  for (const size_t frame : {0, 1, 0, 2, 0}) ExpectRead(reader, first_of(frame));
  EXPECT_EQ(reader.frames_read(), 3);  // the one that was asked for last stays
  ExpectRead(reader, first_of(1) + 1);
  EXPECT_EQ(reader.frames_read(), 4);
  ExpectRead(reader, first_of(2) + 1);
  EXPECT_EQ(reader.frames_read(), 5);
}

TEST_F(BlobReaderTest, KeepsNothingWhereTheCacheIsTooSmallForAFrame) {
  BlobReader reader = Reader(kFrameInCache - 1);
  for (size_t i = 0; i < 3; ++i) ExpectRead(reader, i);
  EXPECT_EQ(reader.frames_read(), 3);
}

TEST_F(BlobReaderTest, GivesNoBlobOfTheOtherKind) {
  BlobReader reader = Reader(10 * kFrameInCache);
  ExpectRead(reader, 5);
  const auto blob = reader.ReadBlob(BlobKind::kMetadata, ids_[5]);
  ASSERT_FALSE(blob);
  EXPECT_EQ(blob.error().code(), ErrorCode::kNotFound) << blob.error().message();
}

TEST_F(BlobReaderTest, AsksTheStoreForNothingThatItHas) {
  BlobReader reader = Reader(10 * kFrameInCache);
  ExpectRead(reader, 0);
  store_.FailWhere([](const StoreCall&) { return true; }, FaultStore::Transient());
  for (size_t i = 0; i < kBlobsAFrame; ++i) ExpectRead(reader, i);
  EXPECT_FALSE(reader.ReadBlob(BlobKind::kData, ids_[kBlobsAFrame]));
}

TEST_F(BlobReaderTest, AViewIsTheBlobInsideItsFrameAndOutlivesTheCache) {
  BlobReader reader = Reader(kFrameInCache);
  const auto view = reader.ViewBlob(BlobKind::kData, ids_[3]);
  ASSERT_OK(view);
  EXPECT_EQ(view->owner->size(), kBlobsAFrame * kBlobBytes);
  for (size_t i = 0; i < kBlobs; ++i) ExpectRead(reader, i);
  EXPECT_EQ(ToString(view->bytes), texts_[3]);
}

// As a restore does that runs while somebody looks on.
TEST_F(BlobReaderTest, TwoReadersOfOneIndexBringItIntoStepOneAfterTheOther) {
  std::atomic<int> inside = 0, inside_max = 0;
  store_.SetHook([&](const StoreCall& call) {
    if (call.operation != StoreOperation::kList || call.name != kIndexPrefix) return;
    inside_max = std::max(inside_max.load(), ++inside);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    --inside;
  });
  BlobReader first = Reader(0), second = Reader(0);
  auto begun = std::async(std::launch::async, [&] { return second.BringIndexIntoStep(); });
  EXPECT_OK(first.BringIndexIntoStep());
  EXPECT_OK(begun.get());
  EXPECT_EQ(inside_max.load(), 1);
  ExpectRead(first, 0);
}

TEST_F(BlobReaderTest, AFrameThatManyAskForAtOnceIsOpenedOnce) {
  BlobReader reader = Reader(2 * kFrameInCache);
  store_.SetHook([](const StoreCall&) { std::this_thread::sleep_for(std::chrono::milliseconds(200)); });
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < kBlobsAFrame; ++i) threads.emplace_back([&, i] { ExpectRead(reader, i); });
  threads.clear();
  EXPECT_EQ(reader.frames_read(), 1);
}

TEST_F(BlobReaderTest, WhatOneFailsToOpenAllWhoWaitAreTold) {
  BlobReader reader = Reader(2 * kFrameInCache);
  store_.SetHook([](const StoreCall&) { std::this_thread::sleep_for(std::chrono::milliseconds(100)); });
  store_.FailWhere([](const StoreCall&) { return true; }, FaultStore::Broken());
  std::atomic<size_t> failed = 0;
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < kBlobsAFrame; ++i) {
    threads.emplace_back([&, i] { failed += reader.ReadBlob(BlobKind::kData, ids_[i]) ? 0 : 1; });
  }
  threads.clear();
  EXPECT_EQ(failed, kBlobsAFrame);
  store_.ClearFaults();
  store_.SetHook({});
  ExpectRead(reader, 0);
}

TEST_F(BlobReaderTest, NobodyWaitsForAnIndexThatIsBroughtIntoStepButWhoNeedsIt) {
  BlobReader reader = Reader(2 * kFrameInCache);
  std::promise<void> begun, go_on;
  std::atomic<bool> is_first = true;
  store_.SetHook([&, go = go_on.get_future().share()](const StoreCall& call) {
    if (call.operation != StoreOperation::kList) return;
    if (is_first.exchange(false)) begun.set_value();
    go.wait();
  });
  const std::jthread syncs([&] { EXPECT_OK(reader.BringIndexIntoStep()); });
  begun.get_future().wait();
  const auto read = std::async(std::launch::async, [&] { ExpectRead(reader, 0); });
  EXPECT_EQ(read.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  go_on.set_value();
}

TEST_F(BlobReaderTest, TellsOneFindingAtATime) {
  {
    ASSERT_OK_AND_ASSIGN(const auto session,
                         WriteSession::Begin(*machine_->repository, *index_, machine_->context.job, {}));
    const auto writer = session->NewBlobWriter(kBlobsAFrame * kBlobBytes);
    for (const std::string& text : texts_) ASSERT_OK(writer->AddAnew(BlobKind::kData, AsBytes(text)));
    ASSERT_OK(writer->Finish());
    ASSERT_OK(session->Flush());
    ASSERT_OK(session->Abandon());
  }
  std::set<std::string> broken;
  for (size_t i = 0; i < kBlobs; i += kBlobsAFrame) {
    ASSERT_OK_AND_ASSIGN(const auto locations, index_->Find(ids_[i]));
    ASSERT_EQ(locations.size(), 2);
    broken.insert(PackObjectName(BlobKind::kData, locations.front().pack.name).text());
  }
  store_.FailWhere([&](const StoreCall& call) { return broken.contains(call.name); },
                   Error(ErrorCode::kCorrupt, "it is broken"));
  std::atomic<int> inside = 0, told = 0, beside_another = 0;
  BlobReader reader(*machine_->repository, *index_, machine_->context.job, 2 * kFrameInCache, [&](const Finding&) {
    if (++inside > 1) ++beside_another;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --inside;
    ++told;
  });
  std::vector<std::jthread> threads;
  for (size_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      const auto blob = reader.ReadBlob(BlobKind::kData, ids_[thread * kBlobsAFrame]);
      EXPECT_TRUE(!blob || ToString(**blob) == texts_[thread * kBlobsAFrame]);  // its other copy may be broken, too
    });
  }
  threads.clear();
  EXPECT_GE(told, 8);
  EXPECT_EQ(beside_another, 0);
}

TEST_F(BlobReaderTest, ManyThreadsReadThroughOneSmallCache) {
  BlobReader reader = Reader(5 * kFrameInCache);
  std::vector<std::jthread> threads;
  std::atomic<size_t> wrong = 0;
  for (uint32_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(thread);
      for (int n = 0; n < 2'000; ++n) {
        // Near each other, as a stream's are, so that the cache is used and emptied by turns.
        const size_t i = (static_cast<size_t>(n) / 4 + random() % 30 + thread * 50) % kBlobs;
        const auto blob = reader.ReadBlob(BlobKind::kData, ids_[i]);
        if (!blob || ToString(**blob) != texts_[i]) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace cairn
