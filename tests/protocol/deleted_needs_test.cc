// Snapshots that go with others, as retention keeps them: what becomes of that when they are brought back. SPEC 11.2.
#include <algorithm>

#include "engine/jobs/undelete.h"
#include "engine/repo/write_session.h"
#include "tests/protocol/shared_repository.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kKeep = 1'000;

class DeletedNeeds : public SharedRepository {
 protected:
  SnapshotSet Load() { return *LoadSnapshotsAndDeleted(*machine_.repository, machine_.context.job, {}); }
  LoadedSnapshot Get(const SnapshotId& id) { return **ResolveSnapshot(set_ = Load(), id.ToHex(), {}); }

  SnapshotId Base() {
    const auto made = machine_.Backup(files_);
    EXPECT_OK(made);
    return *made->id;
  }
  // The same trees once more, by another run that needs these.
  SnapshotId Dependent(const SnapshotId& base, const std::vector<SnapshotId>& needs) {
    const JobContext& job = machine_.context.job;
    SnapshotInner inner = Get(base).inner;
    inner.needs = needs;
    inner.end.seconds += 1;
    inner.start.seconds += 1;
    const SlotHeads heads = HeadsOfSlot(set_, machine_.repository->keyring().slot());
    const auto index = machine_.repository->LoadIndex(job);
    EXPECT_OK(index);
    const auto session = WriteSession::Begin(*machine_.repository, **index, job, {});
    EXPECT_OK(session);
    const auto id = (*session)->Commit(inner, heads.heads, heads.counter_next);
    EXPECT_OK(id);
    return *id;
  }
  void Forget(const std::vector<SnapshotId>& ids) {
    ASSERT_OK(machine_.Forget(ids, {.keep_seconds = kKeep}));
    ASSERT_OK(machine_.Prune(0));
  }
  Result<SnapshotId> Undelete(const SnapshotId& id) {
    set_ = Load();
    ASSIGN_OR_RETURN(const DeletedSnapshot* one, ResolveDeleted(set_, id.ToHex(), {}));
    return RunUndelete(machine_.context.job, *machine_.repository, *one,
                       [this](const Finding& finding) { findings_.push_back(finding); });
  }

  const MemoryFiles files_ = MakeFiles({.count = 3});
  Machine machine_{memory_, 1};
  SnapshotSet set_;
  std::vector<Finding> findings_;
};

TEST_F(DeletedNeeds, WhatStayedIsNeededAgain) {
  const SnapshotId base = Base(), gone = Dependent(base, {base});
  Forget({gone});
  ASSERT_OK_AND_ASSIGN(const SnapshotId back, Undelete(gone));
  EXPECT_THAT(Get(back).inner.needs, ElementsAre(base));
  EXPECT_THAT(machine_.Forget({base}), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr(back.ToHex())));
  EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(DeletedNeeds, WhatCameBackBeforeItCountsByItsNewName) {
  const SnapshotId base = Base(), gone = Dependent(base, {base});
  Forget({base, gone});
  ASSERT_OK_AND_ASSIGN(const SnapshotId base_back, Undelete(base));
  ASSERT_OK_AND_ASSIGN(const SnapshotId back, Undelete(gone));
  EXPECT_THAT(Get(back).inner.needs, ElementsAre(base_back));
  EXPECT_THAT(machine_.Forget({base_back}), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(findings_, IsEmpty());
}

// The second time its original is not the one that it had the name of.
TEST_F(DeletedNeeds, WhatCameBackTwiceIsFoundByItsOriginal) {
  const SnapshotId base = Base();
  Forget({base});
  ASSERT_OK_AND_ASSIGN(const SnapshotId once, Undelete(base));
  const SnapshotId gone = Dependent(once, {once});
  Forget({once, gone});
  ASSERT_OK_AND_ASSIGN(const SnapshotId twice, Undelete(once));
  ASSERT_OK_AND_ASSIGN(const SnapshotId back, Undelete(gone));
  EXPECT_THAT(Get(back).inner.needs, ElementsAre(twice));
  EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(DeletedNeeds, WhatIsNotThereIsToldAndLeftOut) {
  const SnapshotId base = Base(), gone = Dependent(base, {base});
  Forget({base, gone});
  ASSERT_OK_AND_ASSIGN(const SnapshotId back, Undelete(gone));
  EXPECT_THAT(Get(back).inner.needs, IsEmpty());
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].severity, Finding::Severity::kWarning);
  EXPECT_THAT(findings_[0].detail, HasSubstr(base.ToHex()));
  ExpectGood(back, files_);
}

}  // namespace
}  // namespace cairn
