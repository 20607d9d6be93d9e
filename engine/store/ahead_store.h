// A store that lists before it is asked to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/clock.h"
#include "engine/store/compact_listing.h"
#include "engine/store/store_decorator.h"

namespace cairn {

// Makes the listings that ListAhead tells of, while its user derives a key: over a long wire each is a way there and
// back. A List of a prefix is given the first of its listings that nobody has had; so `waves` is what he will list, in
// the order in which he will, and what he concludes from that order holds: it is as if he had come a little earlier.
//
// What does not fit is dropped, and listed when it is asked for: all that is left, from when one has failed, has grown
// too large or too old, when anything is written, or when what the waves have is listed anew. Errors are never told
// from here.
//
// Stands below what tries again, so that nothing is tried again for nobody. ListAhead counts once. Safe for concurrent
// use where the base is; borrows the clock. Memory: kObjectsMax objects of each listing, as CompactListing has them.
// Its end waits for the answers that are under way, and asks for nothing more.
class AheadStore final : public StoreDecorator {
 public:
  static constexpr size_t kObjectsMax = 100'000;
  static constexpr std::chrono::seconds kAgeMax{10};

  AheadStore(std::unique_ptr<ObjectStore> base, const Clock& clock) : StoreDecorator(std::move(base)), clock_(clock) {}
  ~AheadStore() override;

  void ListAhead(const ListingWaves& waves) override;
  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;

 private:
  struct Listing {
    std::string prefix;
    size_t wave = 0;
    bool is_made = false;
    bool is_taken = false;
    std::chrono::nanoseconds made{0};  // when
    CompactListing objects;
  };

  void MakeAll(size_t waves) noexcept;
  void Make(Listing& listing) noexcept;
  // The next one of this prefix, when it is made; nothing: the base is to be asked.
  std::optional<CompactListing> Take(std::string_view prefix, bool with_strangers);
  bool is_dropped();
  void Drop();
  void DropLocked();

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_dropped_ = true;         // guarded by mutex_, as is the content of each listing
  std::vector<Listing> listings_;  // by waves; filled once, before `made_` begins
  std::future<void> made_;         // last: its end is waited for before the rest goes
};

}  // namespace cairn
