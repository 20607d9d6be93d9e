// Objects of a listing, many of them, in little memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/store/object_store.h"
#include "repo-format/base/bytes.h"

namespace cairn {

// Keeps what it is given, in that order: an object of cairn's takes 40 to 60 bytes (its id as half of its text; an
// ObjectInfo is 130 to 160), another as much as its name is longer than what it has in common with the one before.
//
// One thread at a time. Memory: what is kept, and at most 1 MiB that is not used yet.
class CompactListing {
 public:
  void Add(const ObjectInfo& info);
  void Clear();
  size_t count() const { return count_; }
  size_t bytes() const;  // of memory
  // An Error of `each` ends it and is returned.
  Result<void> ForEach(const ObjectStore::Each& each) const;

 private:
  std::vector<Bytes> blocks_;  // each entry is in one
  std::string last_;           // the name that was added last
  size_t count_ = 0;
};

}  // namespace cairn
