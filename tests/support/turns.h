// Several threads of which one runs at a time, in an order that is drawn from a seed: the same in each run.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <random>
#include <vector>

namespace cairn {

// Each of `actors` threads calls Begin, then Yield wherever others may go on, then End. Between two calls it is alone,
// so that what they share needs no lock. One that yields goes on with a likelihood that is drawn for the whole run, and
// now and then sleeps for hundreds of turns of others.
class Turns {
 public:
  Turns(uint64_t seed, size_t actors);
  void Begin(size_t actor);
  void Yield(size_t actor);
  void End(size_t actor);

 private:
  struct Actor {
    bool ended = false;
    uint64_t asleep = 0;  // for so many turns
    std::condition_variable turn;
  };
  void PassOn(size_t actor);
  void Wait(std::unique_lock<std::mutex>& lock, size_t actor);

  std::mutex mutex_;
  std::mt19937_64 random_;  // guarded by mutex_, as what follows
  std::deque<Actor> actors_;
  size_t current_ = 0;
  uint64_t stays_ = 0;  // of 64 times
};

}  // namespace cairn
