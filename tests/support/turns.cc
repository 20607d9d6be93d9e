#include "tests/support/turns.h"

#include <algorithm>

namespace cairn {

Turns::Turns(uint64_t seed, size_t actors) : random_(seed), actors_(actors) {
  constexpr uint64_t kStays[] = {0, 32, 60, 63};
  stays_ = kStays[random_() % 4];
  current_ = random_() % actors;
}

void Turns::Wait(std::unique_lock<std::mutex>& lock, size_t actor) {
  actors_[actor].turn.wait(lock, [&] { return current_ == actor; });
}

void Turns::PassOn(size_t actor) {
  std::vector<size_t> awake, all;
  for (size_t i = 0; i < actors_.size(); ++i) {
    if (actors_[i].ended) continue;
    all.push_back(i);
    if (actors_[i].asleep == 0) awake.push_back(i);
    if (i != actor && actors_[i].asleep > 0) --actors_[i].asleep;
  }
  if (all.empty()) return;
  const std::vector<size_t>& from = awake.empty() ? all : awake;
  current_ = from[random_() % from.size()];
  actors_[current_].asleep = 0;
  actors_[current_].turn.notify_one();
}

void Turns::Begin(size_t actor) {
  std::unique_lock lock(mutex_);
  Wait(lock, actor);
}

void Turns::Yield(size_t actor) {
  std::unique_lock lock(mutex_);
  if (random_() % 64 < stays_) return;
  if (random_() % 100 == 0) actors_[actor].asleep = random_() % 400;
  PassOn(actor);
  Wait(lock, actor);
}

void Turns::End(size_t actor) {
  const std::lock_guard lock(mutex_);
  actors_[actor].ended = true;
  PassOn(actor);
}

}  // namespace cairn
