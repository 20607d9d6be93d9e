// Frames of the index that were asked for lately: what was written together is asked for together.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine/index/index.h"

namespace cairn {

// Safe for concurrent use. Memory: bytes_max, and what its users still hold.
class FrameCache {
 public:
  explicit FrameCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  std::shared_ptr<const IndexedFrame> Get(uint32_t pack, uint32_t frame);  // nullptr: not here
  void Put(uint32_t pack, uint32_t frame, std::shared_ptr<const IndexedFrame> value);
  void Clear();

 private:
  struct Entry {
    uint64_t key = 0;
    uint64_t bytes = 0;
    std::shared_ptr<const IndexedFrame> frame;
  };
  static uint64_t Key(uint32_t pack, uint32_t frame) { return static_cast<uint64_t>(pack) << 32 | frame; }

  const uint64_t bytes_max_;
  std::mutex mutex_;
  std::list<Entry> entries_;                                         // guarded by mutex_; the latest first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> places_;  // guarded by mutex_
  uint64_t bytes_ = 0;                                               // guarded by mutex_
};

}  // namespace cairn
