#include "engine/index/neighbours.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr size_t kBytesABlob = 128;                // in both containers
constexpr size_t kRunsMax = 32;                    // packs that are read along at once
constexpr uint32_t kFirstStep = 4, kStepMax = 64;  // frames
constexpr uint32_t kGapMax = 16;                   // frames that were passed over, and it is the same run still

}  // namespace

Neighbours::Neighbours(uint64_t bytes_max) : blobs_max_(bytes_max / kBytesABlob) {}

std::optional<BlobPlace> Neighbours::Find(const BlobId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(id);
  if (found == places_.end()) return std::nullopt;
  return BlobPlace{.pack = found->second.pack, .frame = found->second.frame, .length = found->second.length};
}

Neighbours::Ahead Neighbours::NoteFound(const BlobPlace& place) {
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find(runs_, place.pack, &Run::pack);
  if (known == runs_.end()) {
    runs_.push_front({.pack = place.pack, .first = place.frame, .end = place.frame + 1});
    if (runs_.size() > kRunsMax) runs_.pop_back();
    return {};
  }
  Run run = *known;
  runs_.erase(known);
  const bool goes_on = place.frame >= run.first && place.frame < run.end + kGapMax;
  run.count = goes_on ? std::min(kStepMax, std::max(kFirstStep, run.count * 4)) : 0;
  run.first = place.frame;
  run.end = place.frame + std::max(run.count, 1u);
  runs_.push_front(run);
  return {run.first, run.count};
}

void Neighbours::Put(uint32_t pack, uint32_t frame, const FrameEntry& entry) {
  const std::lock_guard lock(mutex_);
  for (const BlobEntry& blob : entry.blobs) {
    const auto [place, is_new] = places_.insert_or_assign(blob.id, Place{pack, frame, blob.length});
    if (is_new) order_.push_back(blob.id);
  }
  for (; order_.size() > blobs_max_; order_.pop_front()) places_.erase(order_.front());
}

void Neighbours::Clear() {
  const std::lock_guard lock(mutex_);
  places_.clear();
  order_.clear();
  runs_.clear();
}

}  // namespace cairn
