// Stores of which one process at a time may change anything: whoever comes second is refused.
#include <gtest/gtest.h>

#include "tests/protocol/shared_repository.h"
#include "tests/support/matchers.h"

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
