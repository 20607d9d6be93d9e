// Objects of the protocol itself (sessions, their ends and signs of life, tombstones, seen lists, fences), each missing
// or damaged in several ways: backup and prune lose nothing that a snapshot needs, and say what they saw.
#include <gtest/gtest.h>

#include "engine/jobs/check.h"
#include "engine/repo/protocol.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

constexpr int64_t kNever = INT64_MAX;
using Contents = std::map<std::string, Bytes>;

// All of them at once, as after crashes: a prune that waits, beside a session that sleeps and others that have ended.
class DamagedProtocol : public testing::Test {
 protected:
  DamagedProtocol() {
    InitForTests(memory_);
    FaultStore store(memory_);
    Machine machine(store, 1);
    for (uint32_t i = 0; i < 4; ++i) first_["file" + std::to_string(i)] = RandomText(i, 3'000);
    kept_files_ = {{"file1", first_["file1"]}, {"other", RandomText(9, 3'000)}};
    const auto first = machine.Backup(first_);
    const auto kept = machine.Backup(kept_files_);
    const auto fenced = machine.Backup({{"fenced", RandomText(10, 3'000)}});
    EXPECT_TRUE(first && kept && fenced);
    kept_ = *kept->id;

    Protocol protocol(*machine.repository, machine.context.job);
    // One whose session is still there when its snapshot is forgotten gets a fence.
    const auto still_there = SessionId::FromBytes(fenced->id->bytes());
    EXPECT_TRUE(protocol.PutSession(still_there, SessionPurpose::kBackup, "test"));
    EXPECT_TRUE(machine.Forget({*fenced->id}));
    const auto sleeper = machine.context.random.NewId<SessionId>();
    EXPECT_TRUE(protocol.PutSession(sleeper, SessionPurpose::kBackup, "test"));
    EXPECT_TRUE(protocol.PutSignOfLife(sleeper, 1));
    EXPECT_TRUE(machine.Forget({*first->id}));
    const auto pruned = machine.Prune(kNever);
    EXPECT_TRUE(pruned && pruned->packs_waiting > 0);
    // One that ended since, and may not remove itself: the next prune clears it away.
    const auto ended = machine.context.random.NewId<SessionId>();
    EXPECT_TRUE(protocol.PutSession(ended, SessionPurpose::kBackup, "test"));
    store.FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kRemove; },
                    Error(ErrorCode::kPermission, "may not remove"));
    EXPECT_TRUE(protocol.EndSession(ended));
    store.ClearFaults();
    good_ = memory_.Contents();
    fence_ = "snapshots/" + fenced->id->ToHex();
  }

  std::vector<std::string> Victims() const {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : good_) {
      const bool is_of_protocol = name.starts_with("sessions/") || name.starts_with("tombstones/");
      if (is_of_protocol || name == fence_) names.push_back(name);
    }
    return names;
  }

  // Backup and prune beside it, by somebody who has seen nothing before.
  void Try(const std::string& victim, const std::string& way, const Contents& contents) {
    SCOPED_TRACE(way + ": " + victim);
    memory_.SetContents(contents);
    Machine machine(memory_, 7);
    std::vector<std::string> told;
    const auto sink = [&](const Finding& finding) { told.push_back(finding.object + ": " + finding.detail); };
    MemoryFiles next = kept_files_;
    next["file2"] = first_["file2"];  // in a pack with a tombstone
    const auto backup = machine.Backup(next);
    if (!backup) told.push_back(backup.error().message());
    for (const int64_t quiet : {kNever, int64_t{0}, int64_t{0}}) {
      PruneOptions options;
      options.max_unused_percent = 0;
      options.quiet_session_ns = quiet;
      const auto pruned = RunPrune(machine.context.job, *machine.repository, options, sink);
      if (!pruned) told.push_back(pruned.error().message());
    }
    EXPECT_TRUE(machine.Read(kept_) == kept_files_);
    if (backup) {
      EXPECT_TRUE(machine.Read(*backup->id) == next);
    }
    CheckOptions check;
    check.data = CheckOptions::Data::kAll;
    const auto checked = RunCheck(machine.context.job, *machine.repository, check, [&](const Finding& finding) {
      told.push_back(finding.object);
      const bool is_of_it = finding.object == victim || finding.object.starts_with("snapshots/");
      EXPECT_TRUE(is_of_it || finding.severity != Finding::Severity::kDamage) << finding.object << finding.detail;
    });
    EXPECT_TRUE(checked) << checked.error().message();
    if (way != "missing") {
      EXPECT_FALSE(told.empty());
    }
  }

  MemoryStore memory_;
  MemoryFiles first_, kept_files_;
  SnapshotId kept_;
  Contents good_;
  std::string fence_;
};

TEST_F(DamagedProtocol, AllKindsAreThere) {
  std::map<ParsedName::Kind, int> kinds;
  for (const std::string& name : Victims()) {
    ++kinds[ParseObjectName(name).kind];
  }
  EXPECT_GE(kinds.size(), 6u);  // session, end, sign of life, tombstone, seen list, fence
}

TEST_F(DamagedProtocol, NothingIsLostBesideIt) {
  const std::vector<std::string> victims = Victims();
  for (const std::string& victim : victims) {
    const auto with = [&](const std::function<void(Bytes&)>& change) {
      Contents contents = good_;
      change(contents.at(victim));
      return contents;
    };
    Contents without = good_;
    without.erase(victim);
    Try(victim, "missing", without);
    Try(victim, "empty", with([](Bytes& bytes) { bytes.clear(); }));
    Try(victim, "truncated", with([](Bytes& bytes) { bytes.resize(bytes.size() * 2 / 3); }));
    for (const size_t place : {6u, 30u, 80u, 120u}) {
      Try(victim, "flipped at " + std::to_string(place), with([&](Bytes& bytes) { bytes.at(place) ^= 1; }));
    }
    for (const std::string& other : victims) {
      if (other != victim) Try(victim, "as " + other, with([&](Bytes& bytes) { bytes = good_.at(other); }));
    }
  }
}

}  // namespace
}  // namespace cairn
