// Stores of which one process at a time may change anything: whoever comes second is refused.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <utility>

#include "engine/repo/protocol.h"
#include "tests/protocol/shared_repository.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using testing::HasSubstr;

// Of which only one process at a time may change anything. Borrows the base.
class OneWriterStore final : public InterceptedStore {
 public:
  explicit OneWriterStore(ObjectStore& base) : InterceptedStore(base) {}
  bool takes_one_writer() const override { return true; }

 protected:
  Result<void> Before(const StoreCall&) override { return {}; }
  Result<void> After(const StoreCall&) override { return {}; }
};

class OneWriter : public SharedRepository {
 protected:
  FaultStore faults_{memory_};
  OneWriterStore store_{faults_};
  const MemoryFiles files_ = MakeFiles({.count = 3});
};

TEST_F(OneWriter, ASecondMachineIsRefused) {
  Machine first(store_, 1), second(store_, 2);
  const InsideCall inside(faults_, IsCommit, [&] {
    EXPECT_THAT(second.Backup(files_), ErrorIs(ErrorCode::kBusy, HasSubstr("takes one writer at a time")));
  });
  ASSERT_OK(first.Backup(files_));
  EXPECT_TRUE(inside.ran());
  EXPECT_OK(second.Backup(files_));
}

// They put something, and looked for nobody.
TEST_F(OneWriter, NeitherForgetNorAKeyOfASecondMachineComesBetween) {
  Machine first(store_, 1), second(store_, 2);
  ASSERT_OK_AND_ASSIGN(const BackupReport old, first.Backup(files_));
  const uint64_t keys = CountOf("keys/"), configs = CountOf("config/");
  const auto refused = ErrorIs(ErrorCode::kBusy, HasSubstr("takes one writer at a time"));
  const InsideCall inside(faults_, IsCommit, [&] {
    EXPECT_THAT(second.Forget({*old.id}), refused);
    EXPECT_THAT(AddKey(*second.repository, {.rights = kWriterRights, .label = "new"}, AsBytes("other"),
                       PasswordCost::ForTests(), second.context.job),
                refused);
  });
  MemoryFiles more = files_;
  more["more"] = "x";
  ASSERT_OK(first.Backup(more));
  EXPECT_TRUE(inside.ran());
  EXPECT_EQ(CountOf("snapshots/"), 2U);
  EXPECT_EQ(CountOf("keys/"), keys);
  EXPECT_EQ(CountOf("config/"), configs);
  EXPECT_OK(second.Forget({*old.id}));
}

// Containers that share a cache folder are one machine, and their processes may have equal numbers.
TEST_F(OneWriter, AnotherProcessOfTheSameNumberIsAnother) {
  Machine machine(store_, 1);
  const SessionId other = machine.context.random.NewId<SessionId>();
  ASSERT_OK_AND_ASSIGN(const auto lock, machine.repository->cache().LockSession(other));
  Protocol protocol(*machine.repository, machine.context.job);
  ASSERT_OK(protocol.PutSession(other, SessionPurpose::kBackup, "cairn"));
  EXPECT_THAT(machine.Backup(files_), ErrorIs(ErrorCode::kBusy, HasSubstr("takes one writer at a time")));
  machine.repository->cache().NoteOwner(other);
  EXPECT_OK(machine.Backup(files_)) << "this process itself knows what it does";
}

// A server that looks first and writes then: what another writes meanwhile takes the place of what was put.
class LooksFirst final : public InterceptedStore {
 public:
  LooksFirst(ObjectStore& base, MemoryStore& memory) : InterceptedStore(base), memory_(memory) {}
  bool may_have_two_winners() const override { return true; }
  // In the next commit: another machine fences the session, and both are told that they were first.
  void FenceTheNextCommit(Machine& other) { other_ = &other; }

 protected:
  Result<void> Before(const StoreCall& call) override {
    if (other_ == nullptr || !IsCommit(call)) return {};
    name_ = *ObjectName::Parse(call.name);
    Protocol protocol(*other_->repository, other_->context.job);
    const SessionId session = ParseObjectName(call.name).session;
    EXPECT_THAT(protocol.Fence(session, other_->context.random.NewId<SessionId>()), IsOkAnd(SnapshotSlot::kFence));
    fence_ = *memory_.Get(*name_, kMiB);
    other_ = nullptr;
    return memory_.Remove(*name_);
  }
  Result<void> After(const StoreCall& call) override {
    if (!fence_ || call.name != name_->text()) return {};
    return memory_.Put(*name_, *std::exchange(fence_, std::nullopt));
  }

 private:
  MemoryStore& memory_;
  Machine* other_ = nullptr;
  std::optional<ObjectName> name_;
  std::optional<Bytes> fence_;
};

// It was told as done, and its snapshot was a fence.
TEST_F(OneWriter, ACommitThatAnotherTookThePlaceOfIsDoneAgain) {
  LooksFirst store(faults_, memory_);
  Machine machine(store, 1), other(memory_, 2);
  store.FenceTheNextCommit(other);
  ASSERT_OK_AND_ASSIGN(const BackupReport report, machine.Backup(files_));
  EXPECT_EQ(CountOf("snapshots/"), 2U) << "the fence, and the snapshot of the second session";
  ExpectGood(*report.id, files_);
}

// A server that looks first and writes then, and what another writes at the same time is what stands there.
class TakesTheLast final : public InterceptedStore {
 public:
  TakesTheLast(MemoryStore& memory, std::function<void()> meanwhile)
      : InterceptedStore(memory), memory_(memory), meanwhile_(std::move(meanwhile)) {}
  bool may_have_two_winners() const override { return true; }

 protected:
  Result<void> Before(const StoreCall&) override { return {}; }
  Result<void> After(const StoreCall& call) override {
    if (call.name != ConfigName(1).text() || call.operation != StoreOperation::kPutIfAbsent || !meanwhile_) return {};
    EXPECT_OK(memory_.Remove(ConfigName(1)));
    std::exchange(meanwhile_, nullptr)();
    return {};
  }

 private:
  MemoryStore& memory_;
  std::function<void()> meanwhile_;
};

// Both were told that the repository is theirs, and the password of one of them opened nothing.
TEST(Init, OfTwoAtTheSameTimeOneIsToldThatItIsAnothers) {
  MemoryStore memory;
  TakesTheLast store(memory, [&] { InitForTests(memory, 2); });
  const auto made = Repository::Init(store, AsBytes("first"), {.repository = {}, .cost = PasswordCost::ForTests()},
                                     SeededRandom(1), SystemClock());
  EXPECT_THAT(made, ErrorIs(ErrorCode::kAlreadyExists, HasSubstr("somebody else has just made")));
  size_t keys = 0;
  for (const auto& [name, bytes] : memory.Contents()) keys += name.starts_with("keys/") ? 1 : 0;
  EXPECT_EQ(keys, 1u) << "the other's";
  Machine machine(memory, 3);
  EXPECT_OK(machine.Backup({{"a", "b"}}));
}

// It may be of a key that came after this run began.
TEST_F(OneWriter, ASessionWhoseRecordCannotBeReadMayBeAtWork) {
  FakeClock clock;
  MemoryStore memory(clock);
  InitForTests(memory);
  OneWriterStore store(memory);
  Machine machine(store, 1);
  const SessionId other = machine.context.random.NewId<SessionId>();
  ASSERT_OK(memory.Put(SessionName(other), AsBytes("of a key that this run does not know")));
  EXPECT_THAT(machine.Backup(files_), ErrorIs(ErrorCode::kBusy, HasSubstr(other.ToHex())));
  EXPECT_THAT(memory.Stat(SessionName(other)), IsOk());
  clock.Advance(std::chrono::minutes(50));
  ASSERT_OK(memory.Put(SignOfLifeName(other, 1), AsBytes("a sign of life")));
  clock.Advance(std::chrono::minutes(50));
  EXPECT_THAT(machine.Backup(files_), ErrorCodeIs(ErrorCode::kBusy));
  clock.Advance(std::chrono::minutes(20));
  EXPECT_OK(machine.Backup(files_));
}

}  // namespace
}  // namespace cairn
