#include "engine/env/executor.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "engine/env/thread.h"

namespace cairn {
namespace {

class ThreadPool : public Executor {
 public:
  explicit ThreadPool(unsigned workers) {
    threads_.reserve(std::max(workers, 1U));
    while (threads_.size() < std::max(workers, 1U) && StartOne()) {
    }
  }
  ~ThreadPool() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    threads_.clear();  // joins
  }
  void Submit(std::function<void()> task) override {
    if (threads_.empty()) return task();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
  }
  unsigned workers() const override { return std::max(static_cast<unsigned>(threads_.size()), 1U); }

 private:
  // A system that gives no more threads gets a smaller pool.
  bool StartOne() {
    auto started = StartThread([this](const std::stop_token&) { Run(); });
    if (started) threads_.push_back(*std::move(started));
    return started.has_value();
  }
  void Run() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return ending_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_; bounded by those who submit
  bool ending_ = false;                      // guarded by mutex_
  std::vector<std::jthread> threads_;
};

class InlineExecutor : public Executor {
 public:
  void Submit(std::function<void()> task) override { task(); }
  unsigned workers() const override { return 1; }
};

}  // namespace

std::unique_ptr<Executor> MakeThreadPool(unsigned workers) { return std::make_unique<ThreadPool>(workers); }
std::unique_ptr<Executor> MakeInlineExecutor() { return std::make_unique<InlineExecutor>(); }

}  // namespace cairn
