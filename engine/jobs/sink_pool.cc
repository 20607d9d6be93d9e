#include "engine/jobs/sink_pool.h"

namespace cairn {

std::unique_ptr<AddingSink> SinkPool::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!sinks_.empty()) {
      auto sink = std::move(sinks_.back());
      sinks_.pop_back();
      return sink;
    }
  }
  return target_.NewSink(frame_bytes_);
}

void SinkPool::Return(std::unique_ptr<AddingSink> sink) {
  const std::lock_guard lock(mutex_);
  sinks_.push_back(std::move(sink));
}

Result<void> SinkPool::Finish() {
  std::vector<std::unique_ptr<AddingSink>> sinks;
  {
    const std::lock_guard lock(mutex_);
    std::swap(sinks, sinks_);
  }
  Result<void> first;
  for (const auto& sink : sinks) {
    auto finished = sink->Finish();
    if (!finished && first) first = std::move(finished);
  }
  return first;
}

}  // namespace cairn
