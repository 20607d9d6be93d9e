// The numbers of packs: rows of what was dropped stay for a while, so no number may come to mean another pack.
#include <thread>

#include "engine/index/index_bulk.h"
#include "engine/index/pack_digest.h"
#include "tests/support/matchers.h"
#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

class IndexNumbers : public IndexTest {
 protected:
  std::unique_ptr<IndexTable> OpenTable() {
    const std::string folder = folder_ + "/index/shared";  // where an Index has it
    std::filesystem::create_directories(folder);
    auto opened = IndexTable::Open({.folder = folder, .repository = repository_, .memory_bytes = 4 * kMiB});
    EXPECT_OK(opened);
    return opened ? *std::move(opened) : nullptr;
  }
  static void Put(IndexTable& table, uint32_t number, const SegmentPack& pack) {
    const auto sessions = SessionsForAdd();
    ASSERT_OK(table.PutPack(number, pack, sessions, DigestOf(pack, sessions)));
  }
};

// Two threads put packs at the same time, and the later number is written first. Both packs go, and what was in the
// second must not be taken for stored when its number is given again: the next backup would leave it out.
TEST_F(IndexNumbers, WhatWasInAPackThatWentIsNotInTheNextOne) {
  {
    const auto table = OpenTable();
    Put(*table, 1, PackOf(11, {{{110}}, {{111}}}));
    Put(*table, 0, PackOf(10, {{{100}}}));
    ASSERT_OK(table->Flush());
  }
  {
    const auto index = Open();
    Sync(*index);  // no segment names them any more
    EXPECT_TRUE(index->Packs().empty());
  }
  const auto index = Open();
  Sync(*index);
  ASSERT_OK(index->AddPack(PackOf(12, {{{120}}}), SessionsForAdd()));
  EXPECT_TRUE(HasForWriter(*index, 120));
  EXPECT_FALSE(HasForWriter(*index, 100));
  EXPECT_FALSE(HasForWriter(*index, 110));
  EXPECT_FALSE(HasForWriter(*index, 111));
  EXPECT_EQ(index->Frames(index->Packs().front().number)->size(), 1u);
}

TEST_F(IndexNumbers, TheNextNumberNeverGoesBack) {
  const auto table = OpenTable();
  EXPECT_EQ(*table->NextNumber(), 0u);
  Put(*table, 5, PackOf(5, {{{50}}}));
  Put(*table, 3, PackOf(3, {{{30}}}));
  EXPECT_EQ(*table->NextNumber(), 6u);
  ASSERT_OK(table->TakeNumber(2));
  EXPECT_EQ(*table->NextNumber(), 6u);
  ASSERT_OK(table->TakeNumber(6));
  EXPECT_EQ(*table->NextNumber(), 7u);
}

// There is memory for each number that ever was: one that cannot be is damage, and the copy is made anew.
TEST_F(IndexNumbers, ANextNumberThatCannotBeIsDamage) {
  {
    const auto table = OpenTable();
    ASSERT_OK(table->TakeNumber(UINT32_MAX - 1));
    EXPECT_THAT(table->NextNumber(), ErrorCodeIs(ErrorCode::kCorrupt));
    ASSERT_OK(table->Flush());
  }
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(index->next_number(), 0u);
}

TEST_F(IndexNumbers, ThreadsThatAddPacksLeaveTheHighest) {
  constexpr uint64_t kThreads = 8, kPacks = 50;
  {
    const auto index = Open();
    Sync(*index);
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t n = t * kPacks; n < (t + 1) * kPacks; ++n) {
          std::vector<Blobs> frames(1);
          for (uint64_t b = 0; b <= n % 40; ++b) frames.front().numbers.push_back(n * 100 + b);
          EXPECT_OK(index->AddPack(PackOf(n, frames), SessionsForAdd()));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_OK(index->Flush());
  }
  EXPECT_EQ(*OpenTable()->NextNumber(), kThreads * kPacks);
}

}  // namespace
}  // namespace cairn::index_test
