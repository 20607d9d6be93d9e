#include "frontends/mount/inode_table.h"

#include <algorithm>

#include "repo-format/tree_path.h"

namespace cairn::mount {

using view::Place;

InodeTable::InodeTable(const Place& root) : root_(root.number) {
  entries_.emplace(root_, Entry{.place = root, .parent = root_, .lookups = 1});
}

void InodeTable::Use(uint64_t number, Entry& entry) const {
  if (!entry.place.is_folder || !entry.order) return;
  entry.used_round = round_;
  if (folders_.back() != number) folders_.splice(folders_.end(), folders_, *entry.order);
}

uint64_t InodeTable::Remember(const Place& place, uint64_t parent) {
  const std::lock_guard lock(mutex_);
  uint64_t number = place.number;
  for (;; ++number) {  // two places with one number are as good as never
    const auto found = entries_.find(number);
    if (found == entries_.end()) break;
    if (found->second.place.check != place.check || found->second.place.number != place.number) continue;
    ++found->second.lookups;
    Use(number, found->second);
    return number;
  }
  Entry entry{.place = place, .parent = parent, .lookups = 1, .used_round = round_};
  if (place.kind == Place::Kind::kNode && !place.name.empty()) {
    auto& order = place.is_folder ? folders_ : order_;
    entry.order = order.insert(order.end(), number);
  }
  entries_.emplace(number, std::move(entry));
  return number;
}

void InodeTable::Forget(uint64_t number, uint64_t lookups) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(number);
  if (found == entries_.end() || number == root_) return;
  Entry& entry = found->second;
  entry.lookups -= std::min(entry.lookups, lookups);
  if (entry.lookups > 0) return;
  if (entry.order) (entry.place.is_folder ? folders_ : order_).erase(*entry.order);
  entries_.erase(found);
}

std::optional<Place> InodeTable::Find(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(number);
  if (found == entries_.end()) return std::nullopt;
  Use(number, found->second);
  return found->second.place;
}

uint64_t InodeTable::ParentOf(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(number);
  return found == entries_.end() ? root_ : found->second.parent;
}

size_t InodeTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

// The first of them goes to the end.
void InodeTable::AddOldest(std::list<uint64_t>& order, std::vector<Known>& oldest) {
  const Entry& entry = entries_.find(order.front())->second;
  oldest.push_back({entry.parent, entry.place.name});
  order.splice(order.end(), order, order.begin());
}

std::vector<InodeTable::Known> InodeTable::OldestBeyond(size_t known_max, size_t count) {
  const std::lock_guard lock(mutex_);
  ++round_;
  std::vector<Known> oldest;
  if (entries_.size() <= known_max) return oldest;
  count = std::min(count, entries_.size() - known_max);
  for (size_t i = std::min(count, order_.size()); i > 0; --i) AddOldest(order_, oldest);
  for (size_t i = std::min(count - oldest.size(), folders_.size()); i > 0; --i) {
    Entry& entry = entries_.find(folders_.front())->second;
    if (entry.used_round + kIdleRounds > round_) break;
    entry.used_round = round_;  // else it would be named again at once
    AddOldest(folders_, oldest);
  }
  return oldest;
}

std::string InodeTable::PathOf(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  std::string path;
  for (int depth = 0; number != root_ && depth < 5000; ++depth) {
    const auto found = entries_.find(number);
    if (found == entries_.end()) return "..." + path;
    const Place& place = found->second.place;
    if (place.kind == Place::Kind::kFolders) return "/" + PathForPeople(place.name) + path;
    const bool is_inside = place.kind == Place::Kind::kNode || place.kind == Place::Kind::kMade;
    const bool is_root = !is_inside || place.name.empty();
    if (is_root && place.tree_number == place.number && place.snapshot->inner.items.size() > 1) {
      path = "/" + PathForPeople(AsBytes(place.snapshot->inner.items[place.item].name)) + path;
    } else {
      path = "/" + (is_root ? place.snapshot->id.Short() : PathForPeople(place.name)) + path;
    }
    number = found->second.parent;
  }
  return path.empty() ? "/" : path;
}

}  // namespace cairn::mount
