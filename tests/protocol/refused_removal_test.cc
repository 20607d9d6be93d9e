// A store that lets some objects not be removed: a lock, or a legal hold. What else may go goes all the same.
#include <algorithm>

#include "tests/protocol/shared_repository.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

using testing::HasSubstr;

class RefusedRemoval : public SharedRepository {
 protected:
  void Refuse(std::string name) {
    faults_.FailWhere(
        [name = std::move(name)](const StoreCall& call) {
          return call.operation == StoreOperation::kRemove && call.name == name;
        },
        Error(ErrorCode::kPermission, "it is under a legal hold, says the test"));
  }

  FaultStore faults_{memory_};
};

TEST_F(RefusedRemoval, OfOnePackLeavesThatPackAlone) {
  Machine machine(faults_, 1);
  const MemoryFiles other = MakeFiles({.name = "other", .count = 2, .seed_first = 50});
  ASSERT_OK_AND_ASSIGN(const BackupReport gone, machine.Backup(MakeFiles({.count = 12})));
  const std::vector<std::string> dead = Names("data/");
  ASSERT_GT(dead.size(), 2u);
  ASSERT_OK_AND_ASSIGN(const BackupReport kept, machine.Backup(other));
  ASSERT_OK(machine.Forget({*gone.id}));
  const auto count_dead = [&] {
    const std::vector<std::string> there = Names("data/");
    return std::ranges::count_if(dead, [&](const auto& name) { return std::ranges::count(there, name) > 0; });
  };
  Refuse(dead.front());
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(machine.Prune(0), ErrorIs(ErrorCode::kPermission, HasSubstr("legal hold")));
    EXPECT_EQ(count_dead(), 1);
    EXPECT_EQ(CountOf("tombstones/"), 2u) << "its own, and the seen list";
    ExpectGood(*kept.id, other);
  }
  faults_.ClearFaults();
  EXPECT_OK(machine.Prune(0));
  EXPECT_EQ(count_dead(), 0);
  EXPECT_EQ(CountOf("tombstones/"), 0u);
  ExpectGood(*kept.id, other);
}

TEST_F(RefusedRemoval, OfOneSnapshotLeavesThatSnapshotAlone) {
  Machine machine(faults_, 1);
  std::vector<SnapshotId> ids;
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const BackupReport made, machine.Backup(MakeFiles({.count = 2, .seed_first = 10 * i})));
    ids.push_back(*made.id);
  }
  Refuse(SnapshotName(ids[0]).text());
  EXPECT_THAT(machine.Forget(ids), ErrorIs(ErrorCode::kPermission, HasSubstr("legal hold")));
  EXPECT_EQ(Names("snapshots/"), std::vector<std::string>{SnapshotName(ids[0]).text()});
  ExpectGood(ids[0], MakeFiles({.count = 2}));
  faults_.ClearFaults();
  EXPECT_OK(machine.Forget({ids[0]}));
  EXPECT_EQ(CountOf("snapshots/"), 0u);
}

}  // namespace
}  // namespace cairn
