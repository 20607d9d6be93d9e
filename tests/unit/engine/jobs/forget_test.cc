#include "engine/jobs/forget.h"

#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

using testing::HasSubstr;

TEST(Forget, WhoMayNotRemoveChangesNothing) {
  MemoryStore memory;
  InitForTests(memory);
  MemoryFiles files;
  files["file"] = RandomText(1, 3'000);
  const auto gone = Machine(memory, 1).Backup(files);
  ASSERT_TRUE(gone);
  FaultStore append_only(memory);
  append_only.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kRemove; },
                        Error(ErrorCode::kPermission, "put-only"));
  // Its session stays, so that a fence would be put over it.
  ASSERT_TRUE(Machine(append_only, 2).Backup(files));
  const auto before = memory.Contents();
  Machine machine(append_only, 3);
  EXPECT_THAT(machine.Forget({*gone->id}), ErrorIs(ErrorCode::kPermission, HasSubstr("cannot forget a snapshot")));
  EXPECT_THAT(machine.ForgetAll(), ErrorIs(ErrorCode::kPermission, HasSubstr("cannot forget a snapshot")));
  EXPECT_THAT(machine.Prune(0), ErrorIs(ErrorCode::kPermission, HasSubstr("cannot prune")));
  EXPECT_EQ(memory.Contents(), before);
}

}  // namespace
}  // namespace cairn
