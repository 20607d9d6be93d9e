#include "engine/index/pack_set.h"

#include <algorithm>
#include <mutex>

namespace cairn {

void PackSet::Load(uint32_t number, const index_rows::PackRow& row) {
  {
    const std::lock_guard lock(mutex_);
    numbers_[row.name] = number;
    packs_[number] = Pack{.info = {.number = number, .name = row.name}};
    next_number_ = std::max(next_number_, number + 1);
  }
  if (row.complete) SetComplete(number, row);
}

void PackSet::SetNextNumber(uint32_t number) {
  const std::lock_guard lock(mutex_);
  next_number_ = std::max(next_number_, number);
}

void PackSet::Clear() {
  const std::lock_guard lock(mutex_);
  packs_.clear();
  numbers_.clear();
  // next_number_ goes on: a number that somebody still holds means nothing, rather than another pack.
}

PackSet::Slot PackSet::SlotOf(const PackName& name) {
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = numbers_.try_emplace(name, next_number_);
  if (is_new) {
    CHECK(next_number_ != UINT32_MAX);  // four billion packs through one copy of an index
    packs_[next_number_] = Pack{.info = {.number = next_number_, .name = name}};
    ++next_number_;
  }
  const Pack& pack = packs_[place->second];
  return {.number = place->second, .complete = pack.complete, .digest = pack.digest};
}

std::optional<PackSet::Slot> PackSet::FindSlot(const PackName& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return std::nullopt;
  const Pack& pack = packs_.at(found->second);
  return Slot{.number = found->second, .complete = pack.complete, .digest = pack.digest};
}

void PackSet::SetComplete(uint32_t number, const index_rows::PackRow& row) {
  const std::lock_guard lock(mutex_);
  Pack& pack = packs_[number];
  pack.info.kind = row.kind;
  pack.info.size = row.size;
  pack.info.frame_count = row.frame_count;
  pack.info.blob_count = row.blob_count;
  pack.info.tombstoned = tombstones_.contains(row.name);
  pack.digest = row.digest;
  pack.complete = true;
}

void PackSet::SetIncomplete(uint32_t number) {
  const std::lock_guard lock(mutex_);
  packs_[number].complete = false;
}

void PackSet::Erase(uint32_t number) {
  const std::lock_guard lock(mutex_);
  numbers_.erase(packs_[number].info.name);
  packs_.erase(number);
}

bool PackSet::IsRemoved(const PackName& name) const {
  const std::shared_lock lock(mutex_);
  return removed_.contains(name);
}

void PackSet::SetAdded(uint32_t number) {
  const std::lock_guard lock(mutex_);
  packs_[number].added = true;
}

void PackSet::DropAdded() {
  const std::lock_guard lock(mutex_);
  for (auto& [number, pack] : packs_) pack.added = false;
}

void PackSet::SetTombstones(const std::vector<PackName>& packs) {
  const std::lock_guard lock(mutex_);
  tombstones_ = std::unordered_set<PackName>(packs.begin(), packs.end());
  for (auto& [number, pack] : packs_) pack.info.tombstoned = tombstones_.contains(pack.info.name);
}

bool PackSet::Loses(const std::vector<bool>& named, const std::unordered_set<PackName>& removed) const {
  const std::shared_lock lock(mutex_);
  return std::ranges::any_of(packs_, [&](const auto& entry) {
    const auto& [number, pack] = entry;
    const bool is_named = number < named.size() && named[number];
    return pack.complete && (removed.contains(pack.info.name) || (!is_named && !pack.added));
  });
}

std::vector<uint32_t> PackSet::Settle(const std::vector<bool>& named, const std::unordered_set<PackName>& disputed,
                                      std::unordered_set<PackName> removed) {
  std::vector<uint32_t> dropped;
  const std::lock_guard lock(mutex_);
  for (auto& [number, pack] : packs_) {
    const bool is_named = number < named.size() && named[number];
    const bool is_removed = removed.contains(pack.info.name);
    pack.named = is_named && !is_removed;
    pack.info.disputed = disputed.contains(pack.info.name);
    pack.added = pack.added && !is_named && !is_removed;
    if (!pack.counts()) dropped.push_back(number);
  }
  removed_ = std::move(removed);
  return dropped;
}

std::optional<IndexedPack> PackSet::Find(uint32_t number) const {
  const std::shared_lock lock(mutex_);
  const auto found = packs_.find(number);
  if (found == packs_.end() || !found->second.counts()) return std::nullopt;
  return found->second.info;
}

std::optional<IndexedPack> PackSet::Find(const PackName& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return std::nullopt;
  const Pack& pack = packs_.at(found->second);
  if (!pack.counts()) return std::nullopt;
  return pack.info;
}

std::vector<IndexedPack> PackSet::Sorted() const {
  std::vector<IndexedPack> sorted;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [number, pack] : packs_) {
      if (pack.counts()) sorted.push_back(pack.info);
    }
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return sorted;
}

uint64_t PackSet::blob_count() const {
  const std::shared_lock lock(mutex_);
  uint64_t count = 0;
  for (const auto& [number, pack] : packs_) count += pack.counts() ? pack.info.blob_count : 0;
  return count;
}

uint32_t PackSet::next_number() const {
  const std::shared_lock lock(mutex_);
  return next_number_;
}

}  // namespace cairn
