#include "engine/store/ahead_store.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Says which prefixes it was asked to list, in order, and waits before some where it is told to.
class ListedStore final : public StoreDecorator {
 public:
  ListedStore(ObjectStore& base, std::string held) : StoreDecorator(base), held_(std::move(held)) {}

  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger) override {
    {
      std::unique_lock lock(mutex_);
      listed_.emplace_back(prefix);
      changed_.notify_all();
      changed_.wait(lock, [&] { return held_.empty() || prefix != held_; });
    }
    return base().List(prefix, each, stranger);
  }

  void LetGo() {
    const std::lock_guard lock(mutex_);
    held_.clear();
    changed_.notify_all();
  }
  // Once there are so many.
  std::vector<std::string> Listed(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return listed_.size() >= count; });
    return listed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string held_;                 // guarded by mutex_; the prefix; empty: none
  std::vector<std::string> listed_;  // guarded by mutex_
};

class AheadStoreTest : public testing::Test {
 protected:
  AheadStoreTest() { Put("snapshots/a"); }

  void Put(const std::string& name) { EXPECT_OK(memory_.Put(Named(name), AsBytes("0123"))); }
  void Open(const ListingWaves& waves, std::string held = "") {
    auto listed = std::make_unique<ListedStore>(faults_, std::move(held));
    listed_ = listed.get();
    store_ = std::make_unique<AheadStore>(std::move(listed), clock_);
    store_->ListAhead(waves);
  }
  std::vector<std::string> List(std::string_view prefix) {
    std::vector<std::string> names;
    EXPECT_OK(store_->List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      names.push_back(info.name.text());
      return {};
    }));
    std::ranges::sort(names);
    return names;
  }

  FakeClock clock_;
  MemoryStore memory_;
  FaultStore faults_{memory_};
  ListedStore* listed_ = nullptr;
  std::unique_ptr<AheadStore> store_;
};

TEST_F(AheadStoreTest, WhatIsAskedForWasListedBefore) {
  Open({{"snapshots/"}, {"snapshots/"}, {"notes/"}});
  EXPECT_THAT(listed_->Listed(3), ElementsAre("snapshots/", "snapshots/", "notes/"));
  Put("snapshots/b");
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a"));
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a"));
  EXPECT_THAT(List("notes/"), IsEmpty());
  EXPECT_EQ(listed_->Listed(3).size(), 3U);
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a", "snapshots/b"));
}

TEST_F(AheadStoreTest, AWaveAwaitsTheOneBefore) {
  Open({{"snapshots/", "index/"}, {"notes/"}}, "index/");
  EXPECT_THAT(listed_->Listed(2), UnorderedElementsAre("snapshots/", "index/"));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(listed_->Listed(2).size(), 2U);
  listed_->LetGo();
  EXPECT_EQ(listed_->Listed(3).back(), "notes/");
}

TEST_F(AheadStoreTest, WhoAsksWhileItIsMadeWaitsForIt) {
  Open({{"snapshots/"}}, "snapshots/");
  listed_->Listed(1);
  std::jthread lets_go([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    listed_->LetGo();
  });
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a"));
  EXPECT_EQ(listed_->Listed(1).size(), 1U);
}

TEST_F(AheadStoreTest, OthersAreListedAsTheyAre) {
  Open({{"snapshots/"}, {"notes/"}, {"index/"}});
  List("snapshots/");
  Put("config/1");
  EXPECT_THAT(List("config/"), ElementsAre("config/1"));
  listed_->Listed(4);  // so notes/ is made
  Put("notes/a");
  EXPECT_THAT(List("notes/"), IsEmpty());  // the one that was made ahead
}

// What would be given would be older than what was listed since, or than what this process has put.
TEST_F(AheadStoreTest, NothingIsGivenOutOfOrder) {
  const auto ignore = [](const ObjectInfo&) -> Result<void> { return {}; };
  const auto gone = [&](const std::function<void()>& act) {
    memory_.SetContents({});
    Open({{"snapshots/"}, {"notes/"}, {"index/"}});
    List("snapshots/");
    listed_->Listed(3);  // so notes/ is made
    act();
    Put("notes/new");
    EXPECT_THAT(List("notes/"), ElementsAre("notes/new"));
  };
  gone([&] { List("snapshots/"); });
  gone([&] { EXPECT_OK(store_->List("", ignore)); });
  gone([&] { EXPECT_OK(store_->List("notes/a/", ignore)); });
  gone([&] { EXPECT_OK(store_->List("notes/", ignore, [](const std::string&) -> Result<void> { return {}; })); });
  gone([&] { EXPECT_OK(store_->Put(Named("data/a"), {})); });
  gone([&] { EXPECT_OK(store_->PutIfAbsent(Named("data/b"), {})); });
  gone([&] { EXPECT_OK(store_->Remove(Named("data/a"))); });
  gone([&] { clock_.Advance(AheadStore::kAgeMax + std::chrono::seconds(1)); });
}

TEST_F(AheadStoreTest, WhatFailsIsListedAgainAndNobodyIsTold) {
  faults_.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kList && call.number == 1; },
                    FaultStore::Transient());
  Open({{"snapshots/"}, {"notes/"}});
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a"));
  store_.reset();
  for (const StoreCall& call : faults_.History()) {
    if (call.operation != StoreOperation::kList) continue;
    EXPECT_EQ(call.name, "snapshots/") << "the waves ended there";
  }
}

TEST_F(AheadStoreTest, WhenOneFailsWhatWasMadeIsDropped) {
  faults_.FailWhere([](const StoreCall& call) { return call.name == "notes/"; }, FaultStore::Transient(),
                    FaultStore::When::kBefore, 1);
  Open({{"snapshots/"}, {"notes/"}});
  EXPECT_THAT(List("notes/"), IsEmpty());
  Put("snapshots/b");
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a", "snapshots/b"));
}

TEST_F(AheadStoreTest, AWriteWakesWhoWaits) {
  Open({{"snapshots/", "notes/"}}, "snapshots/");
  std::jthread puts([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_OK(store_->Put(Named("notes/a"), {}));
    listed_->LetGo();
  });
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a"));
  EXPECT_THAT(listed_->Listed(3), testing::SizeIs(3)) << "snapshots/ again";
}

TEST_F(AheadStoreTest, WhatFailsDoesNotWaitForTheRestOfItsWave) {
  faults_.FailWhere([](const StoreCall& call) { return call.name == "notes/"; }, FaultStore::Transient(),
                    FaultStore::When::kBefore, 1);
  Put("notes/a");
  Open({{"snapshots/", "notes/"}}, "snapshots/");
  EXPECT_THAT(List("notes/"), ElementsAre("notes/a"));
  listed_->LetGo();
  EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a"));
}

TEST_F(AheadStoreTest, TooManyAreNotKept) {
  for (size_t i = 1; i < AheadStore::kObjectsMax; ++i) Put("snapshots/" + std::to_string(i));
  Open({{"snapshots/"}});
  EXPECT_EQ(List("snapshots/").size(), AheadStore::kObjectsMax);
  EXPECT_EQ(listed_->Listed(1).size(), 1U);
  Put("snapshots/one-more");
  Open({{"snapshots/"}});
  EXPECT_EQ(List("snapshots/").size(), AheadStore::kObjectsMax + 1);
  EXPECT_EQ(listed_->Listed(2).size(), 2U);
}

TEST_F(AheadStoreTest, SeveralWhoListGetOneEach) {
  Open({{"snapshots/"}, {"snapshots/"}, {"snapshots/"}}, "snapshots/");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { EXPECT_THAT(List("snapshots/"), ElementsAre("snapshots/a")); });
    }
    listed_->LetGo();
  }
  EXPECT_EQ(listed_->Listed(3).size(), 3U);
}

TEST_F(AheadStoreTest, ItsEndAsksForNothingMore) {
  Open({{"snapshots/"}, {"notes/"}}, "snapshots/");
  listed_->Listed(1);
  std::vector<std::string> prefixes;
  faults_.SetHook([&](const StoreCall& call) { prefixes.push_back(call.name); });
  std::jthread lets_go([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    listed_->LetGo();
  });
  store_.reset();
  EXPECT_THAT(prefixes, ElementsAre("snapshots/"));
}

}  // namespace
}  // namespace cairn
