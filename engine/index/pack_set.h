// The packs of the derived copy, in memory: which of them count, and what is said of them.
#pragma once

#include <tsl/robin_set.h>

#include <deque>
#include <optional>
#include <shared_mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/crypto/short_hash.h"
#include "engine/index/index.h"
#include "engine/index/index_rows.h"

namespace cairn {

// A pack counts where a segment of the last listing names it and none removes it, or where this process added it.
// Safe for concurrent use; a lock is held for look-ups in memory only. About 130 bytes a pack, and 4 for each number
// that ever was.
class PackSet {
 public:
  PackSet();
  // At opening: about how many packs come, a row of the copy, and the first number that is not taken.
  void Reserve(uint64_t packs);
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
  // What its row says; then, when all its rows are in the copy: it is complete.
  void SetRow(uint32_t number, const index_rows::PackRow& row);
  void SetComplete(uint32_t number);
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
  bool CountsForWriter(uint32_t number) const;  // and is neither tombstoned nor disputed
  std::vector<IndexedPack> Sorted() const;      // by name
  uint64_t blob_count() const;
  uint32_t next_number() const;
  // By number, those below `next` that no pack has.
  std::vector<bool> MissingNumbers(uint32_t next) const;

 private:
  struct Pack {
    IndexedPack info;
    PackDigest digest = {};
    bool complete = false;
    bool named = false;  // and not removed
    bool added = false;
    bool counts() const { return complete && (named || added); }
  };
  using Place = uint32_t;  // in packs_
  static constexpr Place kNowhere = UINT32_MAX;
  static constexpr uint32_t kNoNumber = UINT32_MAX;
  // Places as the names of what is there.
  struct Names {
    using is_transparent = void;
    const std::deque<Pack>* packs = nullptr;
    const PackName& NameOf(Place place) const { return (*packs)[place].info.name; }
    static const PackName& NameOf(const PackName& name) { return name; }
  };
  // Keyed: who may put packs chooses their names, and the set grows while very many of them meet.
  struct HashOfName : Names {
    ShortHash hash;
    size_t operator()(const auto& one) const;
  };
  struct SameName : Names {
    bool operator()(const auto& a, const auto& b) const { return NameOf(a) == NameOf(b); }
  };

  // With mutex_ held; nullptr: there is none.
  const Pack* At(uint32_t number) const;
  Pack* At(uint32_t number) { return const_cast<Pack*>(std::as_const(*this).At(number)); }
  const Pack* At(const PackName& name) const;
  // A new pack, which takes the name from another that has it.
  Pack& Put(uint32_t number, const PackName& name);
  void Fill(Pack& pack, const index_rows::PackRow& row) const;

  mutable std::shared_mutex mutex_;
  // Guarded by mutex_.
  std::deque<Pack> packs_;  // what is free has kNoNumber, and is in free_
  std::vector<Place> free_;
  std::vector<Place> places_;  // by number
  tsl::robin_set<Place, HashOfName, SameName, std::allocator<Place>, /*StoreHash=*/true> names_;
  std::unordered_set<PackName> tombstones_;
  std::unordered_set<PackName> removed_;  // of the last listing
  uint32_t next_number_ = 0;
};

}  // namespace cairn
