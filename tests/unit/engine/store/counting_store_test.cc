#include "engine/store/counting_store.h"

#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

ObjectName Name(std::string_view text) { return ObjectName::Parse(text).value(); }

// Owned by the counting store, over one that the test holds.
std::unique_ptr<ObjectStore> Over(ObjectStore& base) { return std::make_unique<FaultStore>(base); }

class CountingStoreTest : public testing::Test {
 protected:
  MemoryStore memory_;
  RequestMeter meter_;
  CountingStore store_{Over(memory_), meter_};
};

TEST_F(CountingStoreTest, CountsEachKindAndItsBytes) {
  ASSERT_OK(store_.Put(Name("index/a"), AsBytes("12345")));
  ASSERT_OK(store_.PutIfAbsent(Name("snapshots/a"), AsBytes("123")));
  ASSERT_OK(store_.Get(Name("index/a"), 10));
  ASSERT_OK(store_.GetRange(Name("index/a"), 1, 2));
  ASSERT_OK(store_.Stat(Name("index/a")));
  ASSERT_OK(store_.Remove(Name("index/a")));
  ASSERT_OK(store_.List("", [](const ObjectInfo&) -> Result<void> { return {}; }));
  EXPECT_EQ(
      meter_.counts(),
      (RequestCounts{.puts = 2, .gets = 2, .lists = 1, .heads = 1, .removes = 1, .bytes_up = 8, .bytes_down = 7}));
  EXPECT_EQ(meter_.counts().requests(), 7u);
}

TEST_F(CountingStoreTest, TellsDataPacksFromTheOthers) {
  ASSERT_OK(store_.Put(Name("data/ab/pack"), AsBytes("1234")));
  ASSERT_OK(store_.Put(Name("meta/ab/pack"), AsBytes("1234")));
  ASSERT_OK(store_.Get(Name("data/ab/pack"), 10));
  EXPECT_EQ(meter_.counts().data_puts, 1u);
  EXPECT_EQ(meter_.counts().data_gets, 1u);
  EXPECT_EQ(meter_.counts().data_bytes_down, 4u);
  EXPECT_EQ(meter_.counts().bytes_up, 8u);
}

TEST_F(CountingStoreTest, CountsThePagesOfAListing) {
  const auto lists = [&] {
    const uint64_t before = meter_.counts().lists;
    EXPECT_OK(store_.List("index/", [](const ObjectInfo&) -> Result<void> { return {}; }));
    return meter_.counts().lists - before;
  };
  EXPECT_EQ(lists(), 1u);
  for (int i = 0; i < 1'000; ++i) ASSERT_OK(memory_.Put(Name("index/" + std::to_string(i)), {}));
  EXPECT_EQ(lists(), 1u);
  ASSERT_OK(memory_.Put(Name("index/more"), {}));
  EXPECT_EQ(lists(), 2u);
}

TEST_F(CountingStoreTest, CountsWhatFailsAndWhatIsAskedAgain) {
  EXPECT_FALSE(store_.Get(Name("index/a"), 10));
  EXPECT_FALSE(store_.Stat(Name("index/a")));
  EXPECT_EQ(meter_.counts(), (RequestCounts{.gets = 2, .heads = 1}));
  ASSERT_OK(store_.PutIfAbsent(Name("index/a"), AsBytes("1")));
  EXPECT_THAT(store_.PutIfAbsent(Name("index/a"), AsBytes("2")), IsOkAnd(false));
  EXPECT_EQ(meter_.counts().puts, 2u);
  EXPECT_EQ(meter_.counts().gets, 3u);
}

}  // namespace
}  // namespace cairn
