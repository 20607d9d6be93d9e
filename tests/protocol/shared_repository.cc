#include "tests/protocol/shared_repository.h"

#include <utility>

namespace cairn {

MemoryFiles MakeFiles(const ManyFiles& many) {
  MemoryFiles files;
  for (uint32_t i = 0; i < many.count; ++i) {
    files[std::string(many.name) + std::to_string(many.number_first + i)] = RandomText(many.seed_first + i, 3'000);
  }
  return files;
}

MemoryFiles EveryOther(const MemoryFiles& files) {
  MemoryFiles half;
  bool takes = true;
  for (const auto& file : files) {
    if (std::exchange(takes, !takes)) half.insert(file);
  }
  return half;
}

SnapshotId BackUpAndKeepLast(Machine& machine, const std::vector<MemoryFiles>& states) {
  std::vector<SnapshotId> ids;
  for (const MemoryFiles& files : states) {
    const auto report = machine.Backup(files);
    CHECK(report.has_value());
    ids.push_back(*report->id);
  }
  const SnapshotId last = ids.back();
  ids.pop_back();
  CHECK(machine.Forget(ids).has_value());
  return last;
}

bool IsCommit(const StoreCall& call) {
  return call.operation == StoreOperation::kPutIfAbsent && call.name.starts_with("snapshots/");
}
bool PutsSegment(const StoreCall& call) {
  return call.operation == StoreOperation::kPut && call.name.starts_with("index/");
}
bool PutsTombstone(const StoreCall& call) {
  return call.operation == StoreOperation::kPut && call.name.starts_with("tombstones/") &&
         !call.name.ends_with(".seen");
}
bool PutsSeenList(const StoreCall& call) {
  return call.operation == StoreOperation::kPut && call.name.ends_with(".seen");
}
bool ListsDataPacks(const StoreCall& call) { return call.operation == StoreOperation::kList && call.name == "data/"; }

InsideCall::InsideCall(FaultStore& store, FaultStore::Predicate fits, std::function<void()> work) {
  store.SetHook([this, fits = std::move(fits), work = std::move(work)](const StoreCall& call) {
    if (ran_ || !fits(call)) return;
    ran_ = true;
    work();
  });
}

InsideCall::InsideCall(FaultStore& store, uint64_t n, std::function<void()> work)
    : InsideCall(
          store, [at = store.InterceptedStore::calls() + n](const StoreCall& call) { return call.number == at; },
          std::move(work)) {}

std::vector<std::string> SharedRepository::Names(std::string_view prefix) const {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : memory_.Contents()) {
    if (name.starts_with(prefix)) names.push_back(name);
  }
  return names;
}

void SharedRepository::ExpectGood(Machine& reader, const SnapshotId& id, const MemoryFiles& files,
                                  std::source_location where) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "expected good");
  EXPECT_TRUE(reader.Read(id) == files);
  EXPECT_EQ(reader.Damages(), 0u);
}

void SharedRepository::ExpectGood(const SnapshotId& id, const MemoryFiles& files, std::source_location where) {
  Machine reader(memory_, 99);
  ExpectGood(reader, id, files, where);
}

}  // namespace cairn
