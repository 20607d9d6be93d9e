// Windows: how they are begun, fed and ended.
#include "engine/jobs/file_restorer.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/jobs/restore_window.h"

namespace cairn {
namespace {

constexpr size_t kWindowFiles = 4'096;
constexpr size_t kWindowFilesFar = 16'384;  // each window has twice the files of the one before, up to this
constexpr size_t kFinishedAtOnce = 64;      // files, by one task

}  // namespace

FileRestorer::FileRestorer(const JobContext& context, Repository& repository, Index& index, BlobReader& blobs,
                           Sink& sink, const RestoreOptions& options, RestoreReport& report, FindingSink findings)
    : context_(context),
      repository_(repository),
      index_(index),
      blobs_(blobs),
      sink_(sink),
      options_(options),
      report_(report),
      findings_(std::move(findings)),
      is_far_(repository.store().is_far()),
      window_files_max_(kWindowFiles),
      // The way is long, and what is on it is held.
      fetch_budget_(context.limits.memory_bytes / 8 * (is_far_ ? 3 : 2)),
      // A core is not busy while it waits for a far store.
      far_executor_(is_far_ && context.limits.gets > context.executor.workers() ? MakeThreadPool(context.limits.gets)
                                                                                : nullptr),
      open_(std::make_unique<Window>()) {}

FileRestorer::~FileRestorer() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  while (!running_.empty()) IgnoreError(Finish(), "the restore has ended with another error");
  changed_.notify_all();
}

Result<void> FileRestorer::Add(FilePlan plan) { return PlanFile(std::move(plan)); }

bool FileRestorer::is_full() const {
  return open_->files.size() >= window_files_max_ || open_->wants.size() >= context_.limits.window_blobs ||
         open_->has_parts;
}

FileRestorer::Outcome FileRestorer::OutcomeOf(const LinkGroup& group) {
  const std::lock_guard lock(report_mutex_);
  const auto found = outcomes_.find(group);
  return found == outcomes_.end() ? Outcome::kWhole : found->second;
}

void FileRestorer::ForgetOutcome(const LinkGroup& group) {
  const std::lock_guard lock(report_mutex_);
  outcomes_.erase(group);
}

void FileRestorer::ForgetOutcomes() {
  const std::lock_guard lock(report_mutex_);
  outcomes_.clear();
}

Result<void> FileRestorer::TargetEnd() {
  const std::lock_guard lock(report_mutex_);
  return target_end_;
}

bool FileRestorer::Ends(const Error& error, const TreePath& path) const {
  if (!EndsTarget(error)) return false;
  TreePath folder = path;
  while (!folder.empty() && folder.back() != '/') folder.pop_back();
  if (!folder.empty()) folder.pop_back();
  const auto there = sink_.Existing(folder), root = sink_.Existing({});
  return !there || !there->has_value() || !root || !root->has_value() || (*there)->mount == (*root)->mount;
}

// Where nothing is to run beside the caller (a test's wish), or the system gives no thread, the window is fed here.
Result<void> FileRestorer::Begin() {
  if (open_->files.empty()) return TargetEnd();
  // The first one is small, so that something is on its way soon; what a larger one wants lies together more often.
  if (is_far_) window_files_max_ = std::min(2 * window_files_max_, kWindowFilesFar);
  return Run(std::exchange(open_, std::make_unique<Window>()));
}

Result<void> FileRestorer::Run(std::unique_ptr<Window> planned) {
  Window* window = planned.get();
  window->ranges = PlanFetches(window->wants);
  window->wants = {};
  const bool has_feeder = context_.limits.gets > 1 && StartFeeder();
  {
    const std::lock_guard lock(mutex_);
    window->is_begun = !has_feeder;
    running_.push_back(std::move(planned));
  }
  changed_.notify_all();
  if (has_feeder) return TargetEnd();
  FeedWindow(*window);
  WaitUntilDone(*window);
  return TargetEnd();
}

bool FileRestorer::StartFeeder() {
  if (feeder_.joinable()) return true;
  try {
    feeder_ = std::jthread([this] { Feed(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void FileRestorer::Submit(Executor& executor, Window& window, std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    ++window.running;
  }
  executor.Submit([this, &window, task = std::move(task)] {
    task();
    const std::lock_guard lock(mutex_);
    --window.running;
    changed_.notify_all();
  });
}

// Window by window, for a range may have to wait until others have given back their share of memory.
void FileRestorer::Feed() {
  for (;;) {
    Window* window = nullptr;
    {
      std::unique_lock lock(mutex_);
      const auto next = [&] {
        const auto found = std::ranges::find(running_, false, [](const auto& one) { return one->is_begun; });
        window = found == running_.end() ? nullptr : found->get();
        return window != nullptr || is_closing_;
      };
      changed_.wait(lock, next);
      if (window == nullptr) return;
      window->is_begun = true;
    }
    FeedWindow(*window);
  }
}

void FileRestorer::FeedWindow(Window& window) {
  Result<void> stopped;
  for (const Range& range : window.ranges) {
    stopped = fetch_budget_.Acquire(range.size, context_.stop);
    if (!stopped) break;
    if (is_ended_) {
      fetch_budget_.Release(range.size);
      break;
    }
    Submit(far_executor_ != nullptr ? *far_executor_ : context_.executor, window,
           [this, &window, &range] { FetchRange(window, range); });
  }
  const std::lock_guard lock(mutex_);
  window.stopped = std::move(stopped);
  window.is_fed = true;
  changed_.notify_all();
}

void FileRestorer::WaitUntilDone(Window& window) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return window.is_fed && window.running == 0; });
}

Result<void> FileRestorer::Finish() {
  Window* window = nullptr;
  Result<void> stopped;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (window != nullptr) running_.pop_front();  // it was a part
      if (running_.empty()) return TargetEnd();
      window = running_.front().get();
    }
    WaitUntilDone(*window);
    if (stopped) stopped = std::move(window->stopped);
    if (!window->is_part) break;
  }
  if (stopped) stopped = TargetEnd();
  // Ranges that were not begun left their files as they are: nothing may be said of those.
  if (context_.stop.stop_requested()) stopped = Error(ErrorCode::kInterrupted, "interrupted while restoring");
  if (stopped || is_ended_) {  // what is whole gets its place also where the target takes nothing more
    const auto& files = window->files;
    for (size_t first = 0; first < files.size(); first += kFinishedAtOnce) {
      Submit(context_.executor, *window, [this, &files, first] {
        for (size_t i = first; i < std::min(first + kFinishedAtOnce, files.size()); ++i) {
          if (!files[i]->is_finished) FinishFile(*files[i]);
        }
      });
    }
    WaitUntilDone(*window);
    stopped = TargetEnd();
    if (stopped && is_cut_off_) stopped = Error(ErrorCode::kInterrupted, "interrupted while restoring");
  }
  {
    const std::lock_guard lock(mutex_);
    running_.pop_front();
  }
  const std::lock_guard lock(report_mutex_);
  report_.files += counts_.files;
  report_.failed += counts_.failed;
  report_.verified += counts_.verified;
  report_.bytes += counts_.bytes;
  report_.bytes_written += counts_.bytes_written;
  report_.bytes_fetched += counts_.bytes_fetched;
  counts_ = {};
  return stopped;
}

Result<void> FileRestorer::BeginAndFinishAll() {
  RETURN_IF_ERROR(Begin());
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (running_.empty()) return {};
    }
    RETURN_IF_ERROR(Finish());
  }
}

}  // namespace cairn
