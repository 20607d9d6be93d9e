#include "engine/store/ahead_store.h"

#include <system_error>
#include <utility>

namespace cairn {

AheadStore::~AheadStore() { Drop(); }

void AheadStore::ListAhead(const ListingWaves& waves) {
  const std::lock_guard lock(mutex_);
  if (!listings_.empty()) return;
  for (size_t wave = 0; wave < waves.size(); ++wave) {
    for (const std::string& prefix : waves[wave]) listings_.push_back({.prefix = prefix, .wave = wave, .objects = {}});
  }
  try {
    made_ = std::async(std::launch::async, [this, count = waves.size()] { MakeAll(count); });
    is_dropped_ = false;
  } catch (const std::system_error&) {  // no thread: each is made when it is asked for
  }
}

void AheadStore::MakeAll(size_t waves) noexcept {
  for (size_t wave = 0; wave < waves && !is_dropped(); ++wave) {
    std::vector<std::future<void>> others;
    try {
      for (Listing& one : listings_) {
        if (one.wave == wave) others.push_back(std::async(std::launch::async, [this, &one] { Make(one); }));
      }
    } catch (const std::system_error&) {
      Drop();
    }
    for (auto& one : others) one.wait();
  }
}

void AheadStore::Make(Listing& listing) noexcept {
  CompactListing objects;
  const auto listed = base().List(listing.prefix, [&](const ObjectInfo& info) -> Result<void> {
    if (is_dropped() || objects.count() == kObjectsMax) return Error(ErrorCode::kBusy, "not needed ahead");
    objects.Add(info);
    return {};
  });
  const std::lock_guard lock(mutex_);
  if (!listed || is_dropped_) return DropLocked();
  listing.objects = std::move(objects);
  listing.made = clock_.Steady();
  listing.is_made = true;
  changed_.notify_all();
}

std::optional<CompactListing> AheadStore::Take(std::string_view prefix, bool with_strangers) {
  std::unique_lock lock(mutex_);
  bool is_among_them = false;
  for (Listing& one : listings_) {
    if (is_dropped_) return std::nullopt;
    if (one.prefix.starts_with(prefix) || prefix.starts_with(one.prefix)) is_among_them = true;
    if (one.prefix != prefix || one.is_taken || with_strangers) continue;
    one.is_taken = true;
    changed_.wait(lock, [&] { return is_dropped_ || one.is_made; });
    if (!is_dropped_ && clock_.Steady() - one.made <= kAgeMax) return std::move(one.objects);
    break;
  }
  // What is left would be older than what is listed now.
  if (is_among_them) DropLocked();
  return std::nullopt;
}

bool AheadStore::is_dropped() {
  const std::lock_guard lock(mutex_);
  return is_dropped_;
}

void AheadStore::Drop() {
  const std::lock_guard lock(mutex_);
  DropLocked();
}

void AheadStore::DropLocked() {
  is_dropped_ = true;
  for (Listing& one : listings_) one.objects.Clear();
  changed_.notify_all();
}

Result<void> AheadStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  if (const auto ahead = Take(prefix, stranger != nullptr)) return ahead->ForEach(each);
  return base().List(prefix, each, stranger);
}

Result<void> AheadStore::Put(const ObjectName& name, ByteSpan bytes) {
  Drop();
  return base().Put(name, bytes);
}

Result<bool> AheadStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  Drop();
  return base().PutIfAbsent(name, bytes);
}

Result<void> AheadStore::Remove(const ObjectName& name) {
  Drop();
  return base().Remove(name);
}

}  // namespace cairn
