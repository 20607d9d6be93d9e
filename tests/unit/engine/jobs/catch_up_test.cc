#include "engine/jobs/catch_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CatchUp : public testing::Test {
 protected:
  // Made on this day, at noon.
  LoadedSnapshot& Make(int day, std::vector<std::string> tags = {"job:a"}) {
    LoadedSnapshot snapshot;
    snapshot.id = random_.NewId<SnapshotId>();
    snapshot.inner.start.seconds = day * 86'400LL + 43'200;
    snapshot.inner.items.push_back({.name = "files", .root = random_.NewId<BlobId>(), .paths = {}});
    snapshot.tags = std::move(tags);
    snapshot.opened = true;
    source_.push_back(std::move(snapshot));
    return source_.back();
  }
  // As a copy of it is in another repository.
  void Copy(const LoadedSnapshot& snapshot) {
    LoadedSnapshot copy = snapshot;
    copy.id = random_.NewId<SnapshotId>();
    copy.inner.original = snapshot.inner.original.value_or(snapshot.id);
    copy.inner.items[0].root = random_.NewId<BlobId>();
    target_.push_back(std::move(copy));
  }
  CatchUpPlan Plan(CatchUpOptions options = {}) {
    auto plan = PlanCatchUp(source_, target_, options);
    EXPECT_OK(plan);
    return plan ? *plan : CatchUpPlan();
  }

  SeededRandom random_{1};
  std::vector<LoadedSnapshot> source_, target_;
};

TEST_F(CatchUp, SendsWhatIsNotThere) {
  for (int day = 1; day <= 4; ++day) Make(day);
  Copy(source_[0]);
  Copy(source_[2]);
  const CatchUpPlan plan = Plan();
  EXPECT_THAT(plan.missing, ElementsAre(source_[1].id, source_[3].id));
  EXPECT_EQ(plan.there, 2U);
}

TEST_F(CatchUp, ACopyOfACopyIsKnownByItsOriginal) {
  Make(1).inner.original = random_.NewId<SnapshotId>();
  Copy(source_[0]);
  EXPECT_THAT(Plan().missing, IsEmpty());
}

TEST_F(CatchUp, WhatARewriteLeftThereDoesNotStandForTheWhole) {
  Make(1);
  Copy(source_[0]);
  target_[0].inner.totals.files += 1;
  EXPECT_THAT(Plan().missing, ElementsAre(source_[0].id));
}

TEST_F(CatchUp, LeavesOtherJobsAndSafetySnapshots) {
  Make(1, {"job:b"});
  Make(2).inner.snapshot_class = SnapshotClass::kSafety;
  Make(3);
  const auto is_of_job = [](const LoadedSnapshot& one) { return one.tags.front() == "job:a"; };
  EXPECT_THAT(Plan({.filter = is_of_job}).missing, ElementsAre(source_[2].id));
}

TEST_F(CatchUp, DoesNotSendWhatTheTargetWouldLetGoAtOnce) {
  for (int day = 1; day <= 9; ++day) Make(day);
  Copy(source_[0]);
  const CatchUpPlan plan = Plan({.policy = RetentionPolicy{.daily = 3}});
  EXPECT_THAT(plan.missing, ElementsAre(source_[6].id, source_[7].id, source_[8].id));
  EXPECT_EQ(plan.passed_over.size(), 5U);
}

// What the target has counts, too: its newest fill the places.
TEST_F(CatchUp, CountsWhatTheTargetHas) {
  for (int day = 1; day <= 5; ++day) Make(day);
  Copy(source_[4]);
  Copy(source_[2]);
  EXPECT_THAT(Plan({.policy = RetentionPolicy{.last = 3}}).missing, ElementsAre(source_[3].id));
}

TEST_F(CatchUp, SendsWhatIsProtected) {
  for (int day = 1; day <= 3; ++day) Make(day);
  source_[0].is_protected = true;
  EXPECT_THAT(Plan({.policy = RetentionPolicy{.last = 1}}).missing, ElementsAre(source_[0].id, source_[2].id));
}

// A clock that had begun anew in 1970: by its time, a policy would let go of it at once.
TEST_F(CatchUp, SendsWhatWasJustMadeWhateverItsTime) {
  for (int day = 1000; day <= 1005; ++day) Make(day);
  Copy(source_[5]);
  Make(0);
  const CatchUpPlan plan = Plan({.policy = RetentionPolicy{.last = 1}, .guard = {.made = source_[6].id}});
  EXPECT_THAT(plan.missing, ElementsAre(source_[6].id));
}

TEST_F(CatchUp, OneOfTheFutureDisplacesNone) {
  for (int day = 1; day <= 3; ++day) Make(day);
  Make(5000);
  Copy(source_[3]);
  const RetentionGuard guard{.now = 4 * 86'400'000'000'000, .made = {}};
  const CatchUpPlan plan = Plan({.policy = RetentionPolicy{.within = {.days = 1}}, .guard = guard});
  EXPECT_THAT(plan.missing, ElementsAre(source_[1].id, source_[2].id));
}

// A key that may only write there opens none of what is there.
TEST_F(CatchUp, KnowsACopyThatItCannotOpen) {
  Make(1);
  Make(2);
  for (const LoadedSnapshot& one : source_) Copy(one);
  for (LoadedSnapshot& one : target_) one.opened = false;
  EXPECT_EQ(Plan().missing.size(), 2U);
  const auto copy_of = [&](const SnapshotId& id) {
    return id == source_[1].id ? std::optional(target_[1].id) : std::nullopt;
  };
  EXPECT_THAT(Plan({.copy_of = copy_of}).missing, ElementsAre(source_[0].id));
}

TEST_F(CatchUp, DoesNotSendAgainWhatWasForgottenThere) {
  Make(1);
  Make(2);
  const SnapshotId forgotten = source_[0].id;
  const CatchUpPlan plan = Plan({.was_forgotten = [&](const SnapshotId& id) { return id == forgotten; }});
  EXPECT_THAT(plan.missing, ElementsAre(source_[1].id));
}

}  // namespace
}  // namespace cairn
