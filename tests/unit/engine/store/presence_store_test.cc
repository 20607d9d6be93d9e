#include "engine/store/presence_store.h"

#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPack =
    "data/00/0000000000000000000000000000000000000000000000000000000000000000-0000000000000000";
constexpr const char* kOtherPack =
    "data/00/0000000000000000000000000000000000000000000000000000000000000000-0000000000000001";

class PresenceStoreTest : public testing::Test {
 protected:
  PresenceStoreTest() {
    for (const char* name : {"config/1", "config/2", "snapshots/a", kPack}) {
      EXPECT_OK(memory_.Put(Named(name), AsBytes("0123")));
    }
  }

  void ListConfigs() {
    EXPECT_OK(store_.List(kConfigPrefix, [](const ObjectInfo&) -> Result<void> { return {}; }));
  }
  void FailAll(const Error& error) {
    faults_.FailWhere([](const StoreCall&) { return true; }, error);
  }

  MemoryStore memory_;
  FaultStore faults_{memory_};
  PresenceStore store_{faults_};
};

TEST_F(PresenceStoreTest, AStoreThatGivesNothingIsAwayWhateverWasAsked) {
  ListConfigs();
  const Error refused(ErrorCode::kPermission, "the key is over");
  for (const Error& error : {FaultStore::Transient(), FaultStore::Broken(), refused}) {
    FailAll(error);
    const auto away = ErrorIs(ErrorCode::kStoreAway, AllOf(HasSubstr("the store is away"), HasSubstr(error.message())));
    EXPECT_THAT(store_.Get(Named(kPack), 10), away);
    EXPECT_THAT(store_.GetRange(Named(kPack), 0, 1), away);
    Bytes into;
    EXPECT_THAT(store_.GetInto(Named(kPack), 10, into), away);
    EXPECT_THAT(store_.Stat(Named(kPack)), away);
    EXPECT_THAT(store_.Put(Named("data/x"), {}), away);
    EXPECT_THAT(store_.PutIfAbsent(Named("data/x"), {}), away);
    EXPECT_THAT(store_.Remove(Named("data/x")), away);
    EXPECT_THAT(store_.List("", [](const ObjectInfo&) -> Result<void> { return {}; }), away);
    faults_.ClearFaults();
    EXPECT_OK(store_.Get(Named(kPack), 10));
  }
}

TEST_F(PresenceStoreTest, WhatGoesIntoADraftSaysNothingOfTheStoreButItsPutDoes) {
  ListConfigs();
  ASSERT_OK_AND_ASSIGN(const auto draft, store_.NewDraft(10));
  FailAll(FaultStore::Transient());
  const auto away = ErrorCodeIs(ErrorCode::kStoreAway);
  EXPECT_THAT(store_.Get(Named(kPack), 10), away);
  const uint64_t asked = faults_.calls();
  EXPECT_OK(draft->Append(AsBytes("abc")));
  EXPECT_OK(draft->WriteStart(AsBytes("A")));
  EXPECT_THAT(draft->Put(Named("data/x")), away);
  EXPECT_EQ(faults_.calls(), asked + 1) << "it was away all the while: no look";
  faults_.ClearFaults();
  ASSERT_OK_AND_ASSIGN(const auto next, store_.NewDraft(10));
  EXPECT_OK(next->Append(AsBytes("abc")));
  EXPECT_OK(next->Put(Named("data/x")));
  EXPECT_THAT(store_.Get(Named("data/x"), 10), IsOkAnd(BytesAre("abc")));
}

// As one that lies on a disk that has gone.
class GoneDraft final : public ObjectDraft {
 public:
  Result<void> Append(ByteSpan) override { return FaultStore::Broken(); }
  Result<void> WriteStart(ByteSpan) override { return FaultStore::Broken(); }
  Result<void> ForEachPiece(const Piece& each) override {
    RETURN_IF_ERROR(each(AsBytes("the first piece")));
    return FaultStore::Broken();
  }
  Result<ByteSpan> Whole(Bytes&) override { return FaultStore::Broken(); }
  Result<void> Put(const ObjectName&) override { return FaultStore::Broken(); }
};

class DraftsGoStore final : public StoreDecorator {
 public:
  explicit DraftsGoStore(ObjectStore& base) : StoreDecorator(base) {}
  Result<std::unique_ptr<ObjectDraft>> NewDraft(uint64_t) override {
    return std::unique_ptr<ObjectDraft>(std::make_unique<GoneDraft>());
  }
};

TEST_F(PresenceStoreTest, ADraftThatIsGoneIsGoneWithItsStore) {
  DraftsGoStore drafts_go(faults_);
  PresenceStore store(drafts_go);
  ASSERT_OK(store.List(kConfigPrefix, [](const ObjectInfo&) -> Result<void> { return {}; }));
  ASSERT_OK_AND_ASSIGN(const auto draft, store.NewDraft(10));
  const auto good = [](ByteSpan) -> Result<void> { return {}; };
  Bytes room;
  const auto each_is = [&](ErrorCode code) {
    EXPECT_THAT(draft->Append(AsBytes("x")), ErrorCodeIs(code));
    EXPECT_THAT(draft->WriteStart(AsBytes("x")), ErrorCodeIs(code));
    EXPECT_THAT(draft->ForEachPiece(good), ErrorCodeIs(code));
    EXPECT_THAT(draft->Whole(room), ErrorCodeIs(code));
    EXPECT_THAT(draft->Put(Named("data/x")), ErrorCodeIs(code));
  };
  each_is(ErrorCode::kIo);
  FailAll(FaultStore::Broken());
  each_is(ErrorCode::kStoreAway);
  const Error own(ErrorCode::kIo, "the caller's own");
  EXPECT_THAT(draft->ForEachPiece([&](ByteSpan) -> Result<void> { return own; }),
              ErrorIs(ErrorCode::kIo, HasSubstr("the caller's own")));
}

TEST_F(PresenceStoreTest, AnObjectThatCannotBeReadIsThatObjects) {
  ListConfigs();
  faults_.FailWhere([](const StoreCall& call) { return call.name == kPack; }, FaultStore::Broken());
  EXPECT_THAT(store_.Get(Named(kPack), 10), ErrorIs(ErrorCode::kIo, Not(HasSubstr("away"))));
  EXPECT_OK(store_.Get(Named("snapshots/a"), 10));
}

// A disk, or a bucket, that went is no repository full of lost packs.
TEST_F(PresenceStoreTest, APackThatIsNotThereIsLostOnlyWhereTheRestIsThere) {
  ListConfigs();
  EXPECT_THAT(store_.Get(Named(kOtherPack), 10), ErrorIs(ErrorCode::kNotFound, HasSubstr("")));
  for (const auto& [name, bytes] : memory_.Contents()) ASSERT_OK(memory_.Remove(Named(name.c_str())));
  EXPECT_THAT(store_.Get(Named(kPack), 10), ErrorIs(ErrorCode::kStoreAway, HasSubstr("config/1")));
}

TEST_F(PresenceStoreTest, OneOutageIsOneErrorAndOneLook) {
  ListConfigs();
  FailAll(FaultStore::Transient());
  const auto first = store_.Get(Named(kPack), 10);
  const uint64_t asked = faults_.calls();
  for (int i = 0; i < 10; ++i) {
    const auto next = store_.Stat(Named("snapshots/a"));
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().message(), first.error().message());
  }
  EXPECT_EQ(faults_.calls(), asked + 10) << "the calls themselves, and nothing besides";
}

TEST_F(PresenceStoreTest, BeforeAConfigWasListedErrorsAreTheStores) {
  FailAll(FaultStore::Transient());
  EXPECT_THAT(store_.Get(Named("config/1"), 10), ErrorIs(ErrorCode::kIo, Not(HasSubstr("away"))));
}

TEST_F(PresenceStoreTest, WhatTheCallersOwnFunctionSaysIsNotTheStores) {
  ListConfigs();
  faults_.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kGetRange; },
                    FaultStore::Broken());
  const auto listed =
      store_.List("", [](const ObjectInfo&) -> Result<void> { return Error(ErrorCode::kIo, "the caller's disk"); });
  EXPECT_THAT(listed, ErrorIs(ErrorCode::kIo, HasSubstr("the caller's disk")));
}

}  // namespace
}  // namespace cairn
