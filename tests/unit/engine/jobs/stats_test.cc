#include "engine/jobs/stats.h"

#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

class StatsTest : public testing::Test {
 protected:
  StatsTest() {
    InitForTests(memory_);
    Machine machine(memory_, 1);
    EXPECT_OK(machine.Backup({{"a", RandomText(1, 3'000)}, {"b", RandomText(2, 3'000)}}));
  }
  Result<StatsReport> Stats(ObjectStore& store) {
    Machine machine(store, 2);
    const auto set = LoadSnapshots(*machine.repository, machine.context.job, {});
    EXPECT_OK(set);
    std::vector<const LoadedSnapshot*> all;
    for (const LoadedSnapshot& snapshot : set->snapshots) all.push_back(&snapshot);
    return RunStats(machine.context.job, *machine.repository, all,
                    [this](const Finding& finding) { findings_.push_back(finding); });
  }

  MemoryStore memory_;
  std::vector<Finding> findings_;
};

TEST_F(StatsTest, AllOfItIsCounted) {
  ASSERT_OK_AND_ASSIGN(const StatsReport report, Stats(memory_));
  EXPECT_EQ(report.unread, 0u);
  EXPECT_GE(report.blob_bytes, 6'000u);
  EXPECT_TRUE(findings_.empty());
}

// It counted what was left, and said nothing.
TEST_F(StatsTest, ADamagedSegmentIsTold) {
  for (const auto& [name, bytes] : memory_.Contents()) {
    if (!name.starts_with("index/")) continue;
    ASSERT_TRUE(memory_.Damage(*ObjectName::Parse(name), [](Bytes& segment) { segment.back() ^= 1; }));
    break;
  }
  ASSERT_OK_AND_ASSIGN(const StatsReport report, Stats(memory_));
  EXPECT_GT(report.unread, 0u);
  EXPECT_FALSE(findings_.empty());
}

TEST_F(StatsTest, TreesThatCannotBeReadAreToldAsThat) {
  FaultStore store(memory_);
  store.FailWhere([](const StoreCall& call) { return call.name.starts_with("meta/"); }, FaultStore::Broken());
  ASSERT_OK_AND_ASSIGN(const StatsReport report, Stats(store));
  EXPECT_GT(report.unread, 0u);
  for (const Finding& finding : findings_) EXPECT_EQ(finding.severity, Finding::Severity::kUnread) << finding.object;
}

}  // namespace
}  // namespace cairn
