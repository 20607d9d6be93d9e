#include "engine/index/pack_set.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "repo-format/base/check.h"

namespace cairn {

size_t PackSet::HashOfName::operator()(const auto& one) const {
  std::array<uint8_t, PackName::kSize> bytes;
  const PackName& name = NameOf(one);
  const auto put = std::ranges::copy(name.digest.bytes(), bytes.begin()).out;
  std::ranges::copy(name.put, put);
  return hash(bytes);
}

PackSet::PackSet() : names_(0, HashOfName{{&packs_}, ShortHash()}, SameName{{&packs_}}) {}

const PackSet::Pack* PackSet::At(uint32_t number) const {
  const Place place = number < places_.size() ? places_[number] : kNowhere;
  return place == kNowhere ? nullptr : &packs_[place];
}

const PackSet::Pack* PackSet::At(const PackName& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &packs_[*found];
}

PackSet::Pack& PackSet::Put(uint32_t number, const PackName& name) {
  if (free_.empty()) {
    free_.push_back(static_cast<Place>(packs_.size()));
    packs_.emplace_back();
  }
  const Place place = free_.back();
  free_.pop_back();
  packs_[place] = Pack{.info = {.number = number, .name = name}};
  if (const auto [other, is_new] = names_.insert(place); !is_new) {
    names_.erase(other);
    names_.insert(place);
  }
  if (places_.size() <= number) places_.resize(number + 1, kNowhere);
  places_[number] = place;
  next_number_ = std::max(next_number_, number + 1);
  return packs_[place];
}

void PackSet::Fill(Pack& pack, const index_rows::PackRow& row) const {
  pack.info.kind = row.kind;
  pack.info.size = row.size;
  pack.info.frame_count = row.frame_count;
  pack.info.blob_count = row.blob_count;
  pack.info.tombstoned = tombstones_.contains(row.name);
  pack.digest = row.digest;
}

void PackSet::Reserve(uint64_t packs) {
  const std::lock_guard lock(mutex_);
  const uint64_t most = std::min<uint64_t>(packs, 1'000'000);  // it is a guess
  names_.reserve(most);
  places_.reserve(most);
}

void PackSet::Load(uint32_t number, const index_rows::PackRow& row) {
  const std::lock_guard lock(mutex_);
  Pack& pack = Put(number, row.name);
  if (!row.complete) return;
  Fill(pack, row);
  pack.complete = true;
}

void PackSet::SetNextNumber(uint32_t number) {
  const std::lock_guard lock(mutex_);
  next_number_ = std::max(next_number_, number);
}

void PackSet::Clear() {
  const std::lock_guard lock(mutex_);
  names_.clear();
  packs_.clear();
  free_.clear();
  places_.clear();
  // next_number_ goes on: a number that somebody still holds means nothing, rather than another pack.
}

PackSet::Slot PackSet::SlotOf(const PackName& name) {
  const std::lock_guard lock(mutex_);
  const Pack* pack = At(name);
  if (pack == nullptr) {
    CHECK(next_number_ != kNoNumber);  // four billion packs through one copy of an index
    pack = &Put(next_number_, name);
  }
  return {.number = pack->info.number, .complete = pack->complete, .digest = pack->digest};
}

std::optional<PackSet::Slot> PackSet::FindSlot(const PackName& name) const {
  const std::shared_lock lock(mutex_);
  const Pack* pack = At(name);
  if (pack == nullptr) return std::nullopt;
  return Slot{.number = pack->info.number, .complete = pack->complete, .digest = pack->digest};
}

void PackSet::SetRow(uint32_t number, const index_rows::PackRow& row) {
  const std::lock_guard lock(mutex_);
  if (Pack* pack = At(number)) Fill(*pack, row);
}

void PackSet::SetComplete(uint32_t number) {
  const std::lock_guard lock(mutex_);
  if (Pack* pack = At(number)) pack->complete = true;
}

void PackSet::SetIncomplete(uint32_t number) {
  const std::lock_guard lock(mutex_);
  if (Pack* pack = At(number)) pack->complete = false;
}

void PackSet::Erase(uint32_t number) {
  const std::lock_guard lock(mutex_);
  Pack* pack = At(number);
  if (pack == nullptr) return;
  const Place place = std::exchange(places_[number], kNowhere);
  const auto named = names_.find(pack->info.name);
  if (named != names_.end() && *named == place) names_.erase(named);
  *pack = Pack{.info = {.number = kNoNumber}};
  free_.push_back(place);
}

bool PackSet::IsRemoved(const PackName& name) const {
  const std::shared_lock lock(mutex_);
  return removed_.contains(name);
}

void PackSet::SetAdded(uint32_t number) {
  const std::lock_guard lock(mutex_);
  if (Pack* pack = At(number)) pack->added = true;
}

void PackSet::DropAdded() {
  const std::lock_guard lock(mutex_);
  for (Pack& pack : packs_) pack.added = false;
}

void PackSet::SetTombstones(const std::vector<PackName>& packs) {
  const std::lock_guard lock(mutex_);
  tombstones_ = std::unordered_set<PackName>(packs.begin(), packs.end());
  for (Pack& pack : packs_) pack.info.tombstoned = tombstones_.contains(pack.info.name);
}

bool PackSet::Loses(const std::vector<bool>& named, const std::unordered_set<PackName>& removed) const {
  const std::shared_lock lock(mutex_);
  return std::ranges::any_of(packs_, [&](const Pack& pack) {
    const bool is_named = pack.info.number < named.size() && named[pack.info.number];
    return pack.complete && (removed.contains(pack.info.name) || (!is_named && !pack.added));
  });
}

std::vector<uint32_t> PackSet::Settle(const std::vector<bool>& named, const std::unordered_set<PackName>& disputed,
                                      std::unordered_set<PackName> removed) {
  std::vector<uint32_t> dropped;
  const std::lock_guard lock(mutex_);
  for (Pack& pack : packs_) {
    if (pack.info.number == kNoNumber) continue;
    const bool is_named = pack.info.number < named.size() && named[pack.info.number];
    const bool is_removed = removed.contains(pack.info.name);
    pack.named = is_named && !is_removed;
    pack.info.disputed = disputed.contains(pack.info.name);
    pack.added = pack.added && !is_named && !is_removed;
    if (!pack.counts()) dropped.push_back(pack.info.number);
  }
  removed_ = std::move(removed);
  return dropped;
}

std::optional<IndexedPack> PackSet::Find(uint32_t number) const {
  const std::shared_lock lock(mutex_);
  const Pack* pack = At(number);
  if (pack == nullptr || !pack->counts()) return std::nullopt;
  return pack->info;
}

std::optional<IndexedPack> PackSet::Find(const PackName& name) const {
  const std::shared_lock lock(mutex_);
  const Pack* pack = At(name);
  if (pack == nullptr || !pack->counts()) return std::nullopt;
  return pack->info;
}

bool PackSet::CountsForWriter(uint32_t number) const {
  const std::shared_lock lock(mutex_);
  const Pack* pack = At(number);
  return pack != nullptr && pack->counts() && !pack->info.tombstoned && !pack->info.disputed;
}

std::vector<IndexedPack> PackSet::Sorted() const {
  std::vector<IndexedPack> sorted;
  {
    const std::shared_lock lock(mutex_);
    for (const Pack& pack : packs_) {
      if (pack.counts()) sorted.push_back(pack.info);
    }
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return sorted;
}

uint64_t PackSet::blob_count() const {
  const std::shared_lock lock(mutex_);
  uint64_t count = 0;
  for (const Pack& pack : packs_) count += pack.counts() ? pack.info.blob_count : 0;
  return count;
}

uint32_t PackSet::next_number() const {
  const std::shared_lock lock(mutex_);
  return next_number_;
}

std::vector<bool> PackSet::MissingNumbers(uint32_t next) const {
  std::vector<bool> missing(next, true);
  const std::shared_lock lock(mutex_);
  for (const Pack& pack : packs_) {
    if (pack.info.number < next) missing[pack.info.number] = false;
  }
  return missing;
}

}  // namespace cairn
