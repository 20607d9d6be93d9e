// A repository that several machines share, and what tests of prune do with it: they fill it with many blobs of which
// part is forgotten, let one machine work inside a call of another, and look at what is left.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/memory_store.h"

namespace cairn {

// For how long a session may be silent, for a prune that takes none for dead.
constexpr int64_t kNever = INT64_MAX;

// Files of incompressible bytes, none like another: file0, file1, and so on.
struct ManyFiles {
  std::string_view name = "file";
  uint32_t count = 0;
  uint32_t number_first = 0;
  uint32_t seed_first = 0;  // each file has a seed of its own, from here on
};
MemoryFiles MakeFiles(const ManyFiles& many);
// The first of them, the third, and so on: what shares each pack with them and needs half of it.
MemoryFiles EveryOther(const MemoryFiles& files);

// Backs up each of these in turn, and forgets all but the last, which it returns.
SnapshotId BackUpAndKeepLast(Machine& machine, const std::vector<MemoryFiles>& states);

// Calls of a store, by what they are to the protocol.
bool IsCommit(const StoreCall& call);
bool PutsSegment(const StoreCall& call);
bool PutsTombstone(const StoreCall& call);
bool PutsSeenList(const StoreCall& call);
bool ListsDataPacks(const StoreCall& call);

// Somebody's work inside a call of a store, before it has its effect: the first that fits, once.
//
// Not thread-safe. Takes the hook of the store; must live as long as calls of the store are made.
class InsideCall {
 public:
  InsideCall(FaultStore& store, FaultStore::Predicate fits, std::function<void()> work);
  // In the nth call from now on, from 1.
  InsideCall(FaultStore& store, uint64_t n, std::function<void()> work);
  InsideCall(const InsideCall&) = delete;
  InsideCall& operator=(const InsideCall&) = delete;
  bool ran() const { return ran_; }

 private:
  mutable bool ran_ = false;  // set by the hook, also of one that is const
};

// The fixture. A new repository, with no snapshot.
class SharedRepository : public testing::Test {
 protected:
  SharedRepository() { InitForTests(memory_); }

  // The objects that are there.
  std::vector<std::string> Names(std::string_view prefix) const;
  uint64_t CountOf(std::string_view prefix) const { return Names(prefix).size(); }

  // That the snapshot reads back as these files, and that a check finds no damage anywhere; without a machine: a new
  // one.
  static void ExpectGood(Machine& reader, const SnapshotId& id, const MemoryFiles& files,
                         std::source_location where = std::source_location::current());
  void ExpectGood(const SnapshotId& id, const MemoryFiles& files,
                  std::source_location where = std::source_location::current());

  MemoryStore memory_;
};

}  // namespace cairn
