#include "engine/index/neighbours.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr size_t kBytesABlob = 128;                // in both containers
constexpr size_t kRunsMax = 64;                    // packs that are read along at once, each with room for a step
constexpr uint32_t kFirstStep = 4, kStepMax = 64;  // frames
constexpr uint32_t kGapMax = 16;                   // frames that are passed over, and it is the same run still
constexpr uint32_t kPauseMin = 16, kPauseMax = 1024;

}  // namespace

Neighbours::Neighbours(uint64_t bytes_max)
    : blobs_max_(bytes_max / kBytesABlob), step_blobs_(std::max<size_t>(blobs_max_ / kRunsMax, 1)) {}

std::optional<BlobPlace> Neighbours::Find(const BlobId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(id);
  if (found == places_.end()) return std::nullopt;
  return BlobPlace{.pack = found->second.pack, .frame = found->second.frame, .length = found->second.length};
}

// Out of the list; a new one ends behind the position.
Neighbours::Run Neighbours::TakeRun(uint32_t pack, const Position& position) {
  const auto known = std::ranges::find(runs_, pack, &Run::pack);
  if (known == runs_.end()) return {.pack = pack, .begin = position, .end = position};
  const Run run = *known;
  runs_.erase(known);
  return run;
}

Neighbours::Step Neighbours::NoteFound(const BlobPlace& place) {
  const std::lock_guard lock(mutex_);
  const Position here = {place.frame, place.blob};
  Run run = TakeRun(place.pack, here);
  Step step;
  if (run.pause > 0) {
    --run.pause;
  } else if (here >= run.begin && here < run.end) {  // it was remembered, and is not any more
    run.pause = run.pause_last = std::clamp(run.pause_last * 2, kPauseMin, kPauseMax);
    run.frames = 0;
  } else if (here > run.end || (here == run.end && run.begin != run.end)) {
    const bool goes_on = here.first <= run.end.first + kGapMax;
    run.frames = goes_on ? std::clamp(run.frames * 4, kFirstStep, kStepMax) : 0;
    if (goes_on) step = {run.frames, step_blobs_};
  } else {
    run.frames = 0;
  }
  run.begin = here;
  run.end = {here.first, here.second + 1};
  runs_.push_front(run);
  if (runs_.size() > kRunsMax) runs_.pop_back();
  return step;
}

bool Neighbours::Put(uint32_t pack, uint32_t frame, const FrameEntry& entry, uint32_t first, Step& step) {
  const std::lock_guard lock(mutex_);
  uint32_t blob = first;
  for (; blob < entry.blobs.size() && step.blobs > 0; ++blob, --step.blobs) {
    const BlobEntry& one = entry.blobs[blob];
    const auto [place, is_new] = places_.insert_or_assign(one.id, Place{pack, frame, one.length});
    if (is_new) order_.push_back(one.id);
  }
  for (; order_.size() > blobs_max_; order_.pop_front()) places_.erase(order_.front());
  const auto run = std::ranges::find(runs_, pack, &Run::pack);
  if (run != runs_.end()) run->end = {frame, blob};
  return step.blobs > 0;
}

void Neighbours::Clear() {
  const std::lock_guard lock(mutex_);
  places_.clear();
  order_.clear();
  runs_.clear();
}

}  // namespace cairn
