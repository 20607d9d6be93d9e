// What the kernel knows of a mount, by number, for as long as it does.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontends/view/view_tree.h"

namespace cairn::mount {

// Safe for concurrent use. Memory: about kEntryBytes a place that is known.
class InodeTable {
 public:
  static constexpr uint64_t kEntryBytes = 300;
  explicit InodeTable(const view::Place& root);

  // One more look-up of a place, found in the folder `parent`. Its number here: the place's own, unless another place
  // has that.
  uint64_t Remember(const view::Place& place, uint64_t parent);
  // So many look-ups are undone; at none the place is forgotten. The root never is.
  void Forget(uint64_t number, uint64_t lookups);
  std::optional<view::Place> Find(uint64_t number) const;
  uint64_t ParentOf(uint64_t number) const;  // the root's for what is not known
  // "/by-time/2026-11-22_12-58-12/etc/fstab", as far up as it is known; for people.
  std::string PathOf(uint64_t number) const;
  size_t size() const;

  // The oldest of the places, where more than `known_max` are known: as many as are beyond it, and at most `count`. Who
  // asks again is given the next. Folders in snapshots only where there are too few others, and those alone that were
  // not asked for in the last kIdleRounds calls: a program that stands in one would see it without a way up for a
  // while. For who asks the kernel to forget, now and then.
  struct Known {
    uint64_t parent = 0;
    Bytes name;
  };
  std::vector<Known> OldestBeyond(size_t known_max, size_t count);
  static constexpr uint64_t kIdleRounds = 10;

 private:
  struct Entry {
    view::Place place;
    uint64_t parent = 0;
    uint64_t lookups = 0;
    std::optional<std::list<uint64_t>::iterator> order = {};  // of what may be asked to be forgotten
    uint64_t used_round = 0;                                  // of a folder: when it was asked for last
  };
  void Use(uint64_t number, Entry& entry) const;                           // mutex_ is held
  void AddOldest(std::list<uint64_t>& order, std::vector<Known>& oldest);  // mutex_ is held

  const uint64_t root_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<uint64_t, Entry> entries_;  // guarded by mutex_, as what follows
  std::list<uint64_t> order_;                            // what is no folder; oldest first
  mutable std::list<uint64_t> folders_;                  // in snapshots; those first that were not asked for longest
  uint64_t round_ = 0;                                   // how often the oldest were asked for
};

}  // namespace cairn::mount
