#include "engine/jobs/folder_ahead.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace cairn {

namespace {

// Of the reading ahead that this thread does.
thread_local std::vector<Finding>* collected_findings = nullptr;

}  // namespace

Result<FolderReading> ReadFolder(SourceFolder& parent, const SourceEntry& entry) {
  ASSIGN_OR_RETURN(auto source, parent.OpenFolder(entry));
  ASSIGN_OR_RETURN(auto metadata, parent.ReadMetadata(entry));
  auto entries = source->List();
  return FolderReading{std::move(source), std::move(metadata), std::move(entries), {}};
}

struct FolderAhead::State {
  State(const Clock& clock_in, std::shared_ptr<AheadLoad> load_in, std::shared_ptr<SourceFolder> parent_in,
        const SourceEntry& entry_in)
      : clock(clock_in), load(std::move(load_in)), parent(std::move(parent_in)), entry(entry_in) {}

  // To one thread, which runs it or lets it be.
  bool Begin() {
    const std::lock_guard lock(mutex);
    return !std::exchange(has_begun, true);
  }
  void Run() {
    std::vector<Finding> findings;
    collected_findings = &findings;
    auto read = ReadFolder(*parent, entry);
    collected_findings = nullptr;
    parent.reset();
    if (read) read->findings = std::move(findings);
    if (read && read->entries) load->entries += listed = read->entries->size();
    const std::lock_guard lock(mutex);
    time = clock.Steady();
    reading = std::move(read);
    done.notify_all();
  }
  std::optional<Result<FolderReading>> Wait() {
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return reading.has_value(); });
    load->entries -= listed;
    return std::exchange(reading, std::nullopt);
  }

  const Clock& clock;
  const std::shared_ptr<AheadLoad> load;
  // Of the thread that has begun.
  std::shared_ptr<SourceFolder> parent;
  const SourceEntry entry;
  size_t listed = 0;

  std::mutex mutex;
  std::condition_variable done;
  // Guarded by mutex.
  bool has_begun = false;
  std::chrono::nanoseconds time{0};
  std::optional<Result<FolderReading>> reading;
};

FolderAhead::FolderAhead(Executor& executor, const Clock& clock, std::shared_ptr<AheadLoad> load,
                         std::shared_ptr<SourceFolder> parent, const SourceEntry& entry)
    : state_(std::make_shared<State>(clock, std::move(load), std::move(parent), entry)) {
  ++state_->load->tasks;
  executor.Submit([state = state_] {
    --state->load->tasks;
    if (state->load->entries < AheadLoad::kEntriesMax && state->Begin()) state->Run();
  });
}

bool FolderAhead::Collects(const Finding& finding) {
  if (collected_findings == nullptr) return false;
  collected_findings->push_back(finding);
  return true;
}

FolderAhead::~FolderAhead() {
  if (state_ != nullptr) static_cast<void>(Take());  // nobody wants it
}

std::optional<Result<FolderReading>> FolderAhead::Take() {
  const auto state = std::move(state_);
  if (state->Begin()) {
    state->parent.reset();  // the executor may keep the rest for a while
    return std::nullopt;
  }
  auto reading = state->Wait();
  if (state->clock.Steady() - state->time > kAgeMax) return std::nullopt;
  return reading;
}

}  // namespace cairn
