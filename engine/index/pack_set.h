// The packs of the derived copy, in memory: which of them count, and what is said of them.
#pragma once

#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/index/index.h"
#include "engine/index/index_rows.h"

namespace cairn {

// A pack counts where a segment of the last listing names it and none removes it, or where this process added it.
// Safe for concurrent use; a lock is held for look-ups in memory only. About 200 bytes a pack.
class PackSet {
 public:
  // At opening: a row of the copy, and the first number that is not taken.
  void Load(uint32_t number, const index_rows::PackRow& row);
  void SetNextNumber(uint32_t number);
  void Clear();

  // The pack's number, a new one where it has none. No number comes to mean another pack while this lives.
  struct Slot {
    uint32_t number = 0;
    bool complete = false;   // its rows are in the copy
    PackDigest digest = {};  // of what they were made from
  };
  Slot SlotOf(const PackName& name);
  std::optional<Slot> FindSlot(const PackName& name) const;
  void SetComplete(uint32_t number, const index_rows::PackRow& row);
  void SetIncomplete(uint32_t number);
  void Erase(uint32_t number);

  // A `removed` list of the last listing names it: it can not be added.
  bool IsRemoved(const PackName& name) const;
  void SetAdded(uint32_t number);
  void DropAdded();
  void SetTombstones(const std::vector<PackName>& packs);
  // Whether Settle with these would take away a pack that counts.
  bool Loses(const std::vector<bool>& named, const std::unordered_set<PackName>& removed) const;
  // Takes over a listing: `named[number]` are packs that its segments name, `disputed` those on which they do not
  // agree, `removed` those that they remove. Gives back what no longer counts, and so has rows for nothing.
  std::vector<uint32_t> Settle(const std::vector<bool>& named, const std::unordered_set<PackName>& disputed,
                               std::unordered_set<PackName> removed);

  // Of packs that count, else nothing.
  std::optional<IndexedPack> Find(uint32_t number) const;
  std::optional<IndexedPack> Find(const PackName& name) const;
  std::vector<IndexedPack> Sorted() const;  // by name
  uint64_t blob_count() const;
  uint32_t next_number() const;

 private:
  struct Pack {
    IndexedPack info;
    PackDigest digest = {};
    bool complete = false;
    bool named = false;  // and not removed
    bool added = false;
    bool counts() const { return complete && (named || added); }
  };

  mutable std::shared_mutex mutex_;
  std::unordered_map<uint32_t, Pack> packs_;        // guarded by mutex_
  std::unordered_map<PackName, uint32_t> numbers_;  // guarded by mutex_
  std::unordered_set<PackName> tombstones_;         // guarded by mutex_
  std::unordered_set<PackName> removed_;            // guarded by mutex_: of the last listing
  uint32_t next_number_ = 0;                        // guarded by mutex_
};

}  // namespace cairn
