#include "engine/index/frame_cache.h"

namespace cairn {
namespace {

// Of the structures around a frame: nodes, counters, the entry itself.
constexpr uint64_t kOverhead = 256;

uint64_t BytesOf(const IndexedFrame& frame) {
  return kOverhead + frame.entry->blobs.size() * sizeof(BlobEntry) + frame.session.envelope.sealed.size();
}

}  // namespace

std::shared_ptr<const IndexedFrame> FrameCache::Get(uint32_t pack, uint32_t frame) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(Key(pack, frame));
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->frame;
}

void FrameCache::Put(uint32_t pack, uint32_t frame, std::shared_ptr<const IndexedFrame> value) {
  const uint64_t key = Key(pack, frame);
  const uint64_t bytes = BytesOf(*value);
  const std::lock_guard lock(mutex_);
  if (bytes > bytes_max_ || places_.contains(key)) return;
  entries_.push_front({.key = key, .bytes = bytes, .frame = std::move(value)});
  places_[key] = entries_.begin();
  bytes_ += bytes;
  while (bytes_ > bytes_max_) {
    bytes_ -= entries_.back().bytes;
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

void FrameCache::Clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  places_.clear();
  bytes_ = 0;
}

}  // namespace cairn
