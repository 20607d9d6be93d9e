#include "engine/store/store_decorator.h"

#include <chrono>

#include "engine/store/ahead_store.h"
#include "engine/store/counting_store.h"
#include "engine/store/limit_store.h"
#include "engine/store/object_size_store.h"
#include "engine/store/presence_store.h"
#include "engine/store/read_only_store.h"
#include "engine/store/retry_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

// Says of itself what no store says that says nothing.
class TellingStore final : public StoreDecorator {
 public:
  TellingStore(ObjectStore& base, int& cleaned, int& told_ahead)
      : StoreDecorator(base), cleaned_(cleaned), told_ahead_(told_ahead) {}
  Result<void> CleanTemporary() override {
    ++cleaned_;
    return {};
  }
  bool is_far() const override { return true; }
  bool takes_one_writer() const override { return true; }
  bool may_have_two_winners() const override { return true; }
  uint64_t object_bytes_max() const override { return 77; }
  std::string description() const override { return "a telling store"; }
  void ListAhead(const ListingWaves&) override { ++told_ahead_; }

 private:
  int& cleaned_;
  int& told_ahead_;
};

class StoreDecoratorTest : public testing::Test {
 protected:
  std::unique_ptr<ObjectStore> Telling() { return std::make_unique<TellingStore>(memory_, cleaned_, told_ahead_); }

  void ExpectHandsOn(ObjectStore& store) {
    EXPECT_TRUE(store.is_far());
    EXPECT_TRUE(store.takes_one_writer());
    EXPECT_TRUE(store.may_have_two_winners());
    EXPECT_EQ(store.object_bytes_max(), 77U);
    EXPECT_EQ(store.description(), "a telling store");
    const int before = cleaned_;
    EXPECT_OK(store.CleanTemporary());
    EXPECT_EQ(cleaned_, before + 1);
    const ObjectName name = ObjectName::Parse("index/a").value();
    EXPECT_OK(store.Put(name, AsBytes("12345")));
    EXPECT_THAT(store.PutIfAbsent(name, AsBytes("x")), IsOkAnd(false));
    EXPECT_THAT(store.Get(name, 10), IsOkAnd(BytesAre("12345")));
    EXPECT_THAT(store.GetRange(name, 1, 2), IsOkAnd(BytesAre("23")));
    Bytes into;
    EXPECT_OK(store.GetInto(name, 10, into));
    EXPECT_EQ(AsText(into), "12345");
    EXPECT_EQ(store.Stat(name).value().size, 5U);
    const auto draft = store.NewDraft(10);
    ASSERT_OK(draft);
    EXPECT_OK((*draft)->Append(AsBytes("123")));
    EXPECT_OK((*draft)->Put(name));
    EXPECT_EQ(store.Stat(name).value().size, 3U);
    int listed = 0;
    EXPECT_OK(store.List("index/", [&](const ObjectInfo&) -> Result<void> {
      ++listed;
      return {};
    }));
    EXPECT_EQ(listed, 1);
    EXPECT_OK(store.Remove(name));
  }

  MemoryStore memory_;
  int cleaned_ = 0, told_ahead_ = 0;
  FakeClock clock_;
  SeededRandom random_;
};

TEST_F(StoreDecoratorTest, EachHandsOnWhatTheStoreSaysOfItself) {
  RequestMeter meter;
  CountingStore counting(Telling(), meter);
  ExpectHandsOn(counting);
  AheadStore ahead(Telling(), clock_);
  ExpectHandsOn(ahead);
  RetryStore retry(Telling(), clock_, random_, {});
  ExpectHandsOn(retry);
  LimitStore limit(Telling(), {}, clock_, {});
  ExpectHandsOn(limit);
  PresenceStore presence(Telling());
  ExpectHandsOn(presence);
}

TEST_F(StoreDecoratorTest, WhatIsToBeListedReachesTheOneThatListsAhead) {
  RequestMeter meter;
  CountingStore(Telling(), meter).ListAhead({});
  RetryStore(Telling(), clock_, random_, {}).ListAhead({});
  LimitStore(Telling(), {}, clock_, {}).ListAhead({});
  PresenceStore(Telling()).ListAhead({});
  ReadOnlyStore(Telling()).ListAhead({});
  ObjectSizeStore(Telling(), 100).ListAhead({});
  EXPECT_EQ(told_ahead_, 6);
}

TEST_F(StoreDecoratorTest, WhatIsOnlyReadIsNotCleaned) {
  ReadOnlyStore store(Telling());
  EXPECT_TRUE(store.is_far());
  EXPECT_TRUE(store.takes_one_writer());
  EXPECT_OK(store.CleanTemporary());
  EXPECT_EQ(cleaned_, 0);
}

}  // namespace
}  // namespace cairn
