// Something that another thread reads, while a screen can be left.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "engine/env/executor.h"
#include "repo-format/base/result.h"

namespace cairn::browse {

// One thread, but for what it starts. What was abandoned ends when it next looks at its token, and nobody hears of it;
// what it borrows must outlive the executor.
template <class T>
class Reading {
 public:
  using Read = std::function<Result<T>(const std::stop_token& stop)>;
  Reading() = default;
  ~Reading() { Abandon(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  void Start(Executor& executor, Read read) {
    Abandon();
    shared_ = std::make_shared<Shared>();
    executor.Submit([shared = shared_, read = std::move(read)] {
      const std::stop_token stop = shared->stop.get_token();
      if (stop.stop_requested()) return;
      auto result = read(stop);
      const std::lock_guard lock(shared->mutex);
      shared->result = std::move(result);
    });
  }
  bool is_under_way() const { return shared_ != nullptr; }
  // Once: when it is there.
  std::optional<Result<T>> Take() {
    if (shared_ == nullptr) return std::nullopt;
    std::optional<Result<T>> taken;
    {
      const std::lock_guard lock(shared_->mutex);
      taken.swap(shared_->result);
    }
    if (taken) shared_.reset();
    return taken;
  }
  // Asks it to end, and goes on waiting for what it says.
  void RequestStop() {
    if (shared_ != nullptr) shared_->stop.request_stop();
  }
  void Abandon() {
    RequestStop();
    shared_.reset();
  }

 private:
  struct Shared {
    std::stop_source stop;
    std::mutex mutex;
    std::optional<Result<T>> result;  // guarded by mutex
  };
  std::shared_ptr<Shared> shared_;
};

}  // namespace cairn::browse
