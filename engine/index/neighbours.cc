#include "engine/index/neighbours.h"

#include <algorithm>
#include <span>

namespace cairn {
namespace {

constexpr size_t kRunsMax = 64;                    // packs that are read along at once, each with room for a step
constexpr uint32_t kFirstStep = 4, kStepMax = 64;  // frames
constexpr uint32_t kGapMax = 16;                   // frames that are passed over, and it is the same run still
constexpr uint32_t kPauseMin = 16, kPauseMax = 1024;

}  // namespace

// Half of the places are for runs: what was remembered lately is not pushed out by chance.
Neighbours::Neighbours(uint64_t bytes_max)
    : sets_(std::max<size_t>(bytes_max / kBytesABlob / kSetPlaces, 1)),
      step_blobs_(std::max<size_t>(sets_ * kSetPlaces / kRunsMax / 2, 1)) {
  static_assert(kSetPlaces * sizeof(Place) + 1 <= kSetPlaces * kBytesABlob);
}

std::optional<BlobPlace> Neighbours::Find(const BlobId& id) {
  const std::lock_guard lock(mutex_);
  if (places_.empty()) return std::nullopt;
  const auto set = std::span(places_).subspan(SetOf(id) * kSetPlaces, kSetPlaces);
  const auto found = std::ranges::find(set, id, &Place::id);
  if (found == set.end() || found->length == kEmpty) return std::nullopt;
  return BlobPlace{.pack = found->pack, .frame = found->frame, .length = found->length};
}

void Neighbours::Remember(const Place& place) {
  if (places_.empty()) {
    places_.resize(sets_ * kSetPlaces);
    oldest_.resize(sets_);
  }
  const size_t number = SetOf(place.id);
  const auto set = std::span(places_).subspan(number * kSetPlaces, kSetPlaces);
  const auto same = std::ranges::find(set, place.id, &Place::id);
  if (same != set.end()) {
    *same = place;
    return;
  }
  set[oldest_[number]] = place;
  oldest_[number] = static_cast<uint8_t>((oldest_[number] + 1) % kSetPlaces);
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
    Remember({.id = one.id, .pack = pack, .frame = frame, .length = one.length});
  }
  const auto run = std::ranges::find(runs_, pack, &Run::pack);
  if (run != runs_.end()) run->end = {frame, blob};
  return step.blobs > 0;
}

void Neighbours::Clear() {
  const std::lock_guard lock(mutex_);
  places_.clear();
  oldest_.clear();
  runs_.clear();
}

}  // namespace cairn
