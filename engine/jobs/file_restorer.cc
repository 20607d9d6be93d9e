#include "engine/jobs/file_restorer.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "engine/repo/time_text.h"
#include "engine/tree/list_reader.h"

namespace cairn {
namespace {

constexpr size_t kWindowFiles = 4'096;
constexpr size_t kWindowFilesFar = 16'384;  // each window has twice the files of the one before, up to this
constexpr size_t kPartsMax = 2;             // that run while the next is planned
constexpr uint64_t kRangeBytesMax = 8 * kMiB;
constexpr uint64_t kRangeBytesMaxFar = 20 * kMiB;  // a whole pack
constexpr uint64_t kRangeGapMax = 64 * kKiB;       // cheaper to read over than to ask again
constexpr uint64_t kRangeGapMaxFar = kMiB;         // where no more than a part of the range is read over
constexpr uint64_t kRangePartReadOver = 16;
constexpr size_t kFramesInTurn = 4;  // that a file's blobs lie in by turns, as after a few changes of it
constexpr size_t kBlobsPassedOver = 16;
constexpr size_t kFinishedAtOnce = 64;  // files, by one task
constexpr uint64_t kEntriesShare = 32;  // of the memory, for what the index says of the frames of a window

// An error that the repository is not to be blamed for, and of which nothing is told.
bool IsStop(const Error& error) { return error.code() == ErrorCode::kInterrupted; }
bool IsOfStore(const Error& error) {
  return error.code() == ErrorCode::kArchived || error.code() == ErrorCode::kStoreAway;
}

}  // namespace

struct FileRestorer::OpenFile {
  FilePlan plan;
  std::mutex mutex;                // one thread at a time writes a file; whoever finishes it is alone with it
  std::unique_ptr<SinkFile> file;  // guarded by mutex; nothing until there is something to write
  bool failed = false;             // guarded by mutex
  bool refused = false;            // guarded by mutex: by the target, which is asked for no more of it
  bool is_planned = false;         // guarded by mutex: nothing more will be wanted
  uint64_t wanted = 0;             // guarded by mutex: bytes that are to be written
  uint64_t written = 0;            // guarded by mutex
  bool is_finished = false;        // by the one thread that finishes it
};

struct FileRestorer::Fetch {
  BlobLocation location;       // without `frame` where too many would be held: the index is asked again
  uint32_t sealed_length = 0;  // of the frame
  std::vector<Want> wants;

  // What this takes, or gives back, in bytes.
  uint64_t Hold(const BlobLocation& found) {
    location = found;
    sealed_length = found.frame->sealed_length;
    return found.frame->blobs.size() * sizeof(BlobEntry);
  }
  uint64_t Drop() { return std::exchange(location.frame, nullptr)->blobs.size() * sizeof(BlobEntry); }
  const std::vector<BlobEntry>& blobs() const { return location.frame->blobs; }
  void Add(Want want, uint32_t blob) {
    want.blob = blob;
    wants.push_back(want);
  }
  // Which of its blobs are wanted, each once, ascending.
  std::vector<uint32_t> Wanted() const {
    std::vector<uint32_t> numbers;
    for (const Want& want : wants) numbers.push_back(want.blob);
    std::ranges::sort(numbers);
    numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
    return numbers;
  }
};

struct FileRestorer::Range {
  uint64_t offset = 0, size = 0;
  uint64_t read_over = 0;  // of these, bytes that nobody wants
  std::vector<Fetch> fetches;

  // Whether a frame that lies behind it may be asked for together with it.
  bool Joins(uint64_t begin, uint64_t end, bool is_far) const {
    if (begin < offset + size || end - offset > (is_far ? kRangeBytesMaxFar : kRangeBytesMax)) return false;
    const uint64_t gap = begin - (offset + size);
    if (gap <= kRangeGapMax) return true;
    return is_far && gap <= kRangeGapMaxFar && read_over + gap <= (end - offset) / kRangePartReadOver;
  }
  void Join(uint64_t begin, uint64_t end) {
    read_over += begin - (offset + size);
    size = end - offset;
  }
};

struct FileRestorer::Window {
  std::vector<std::unique_ptr<OpenFile>> files;  // none in a part: they are of the window that ends them
  bool is_part = false;                          // of the next window behind it that is none
  bool has_parts = false;                        // that run already: it ends with the file they are of
  std::vector<Want> wants;                       // until it is planned
  std::vector<Range> ranges;                     // then; what the tasks work on
  size_t running = 0;                            // tasks; guarded by mutex_, as the rest
  bool is_begun = false;                         // somebody hands its ranges out
  bool is_fed = false;                           // and is done with that
  Result<void> stopped;                          // what kept ranges back
};

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

// Notes which blobs the file needs. It is opened here only where that says which, or where it has holes.
Result<void> FileRestorer::PlanFile(FilePlan plan) {
  OpenFile& file = *open_->files.emplace_back(std::make_unique<OpenFile>());
  file.plan = std::move(plan);
  const Node& node = file.plan.node;
  if (file.plan.in_place) {
    if (auto opened = OpenTarget(file); !opened) {
      FailTarget(file, 0, node.size, opened.error());
      return TargetEnd();
    }
  }
  bool is_target = false;  // that an error is of
  uint64_t planned_end = 0;
  Result<void> part;
  const auto walked =
      ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
        if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while restoring");
        // Not behind the last entry: a window that is full then is the caller's to begin.
        if (open_->wants.size() >= context_.limits.window_blobs) part = BeginPart();
        RETURN_IF_ERROR(part);
        auto planned = PlanEntry(file, offset, entry);
        is_target = !planned;
        planned_end = offset + entry.TotalBytes();
        return planned;
      });
  if (!part) return part;
  if (walked) {
    const std::lock_guard lock(file.mutex);
    file.is_planned = true;
  }
  if (walked || IsStop(walked.error())) return walked;
  if (!is_target) {  // what comes before the place where its list is damaged comes back
    FailFile(file, planned_end, node.size - std::min(planned_end, node.size), walked.error());
    return TargetEnd();
  }
  FailTarget(file, 0, node.size, walked.error());
  std::erase_if(open_->wants, [&](const Want& want) { return want.file == &file; });
  return TargetEnd();
}

// An error is of the target. Parts of the file may be written meanwhile.
Result<void> FileRestorer::PlanEntry(OpenFile& file, uint64_t offset, const ListEntry& entry) {
  const std::lock_guard lock(file.mutex);
  if (entry.type == ListEntry::Type::kHole) {
    RETURN_IF_ERROR(OpenTarget(file));
    return file.file->MakeHole(offset, entry.length);
  }
  if (file.file != nullptr && file.file->is_in_place()) {
    ASSIGN_OR_RETURN(const bool there, IsThereAlready(file, offset, entry));
    if (there) return {};
  }
  file.wanted += entry.TotalBytes();
  open_->wants.push_back({&file, offset, entry.count, entry.id, static_cast<uint32_t>(entry.length)});
  return {};
}

// What is wanted so far runs while the rest is planned: a file may be of any size.
Result<void> FileRestorer::BeginPart() {
  auto part = std::make_unique<Window>();
  part->is_part = open_->has_parts = true;
  part->wants = std::exchange(open_->wants, {});
  RETURN_IF_ERROR(Run(std::move(part)));
  for (;;) {
    Window* first = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const auto is_part = [](const auto& one) { return one->is_part; };
      if (static_cast<size_t>(std::ranges::count_if(running_, is_part)) <= kPartsMax) return TargetEnd();
      first = std::ranges::find_if(running_, is_part)->get();
    }
    WaitUntilDone(*first);
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(first->stopped);
    std::erase_if(running_, [&](const auto& one) { return one.get() == first; });
  }
}

// Where it is not yet.
Result<void> FileRestorer::OpenTarget(OpenFile& file) {
  if (file.file != nullptr) return {};
  ASSIGN_OR_RETURN(file.file, sink_.OpenFile(file.plan.path, file.plan.node.size, file.plan.in_place, &file.plan.node));
  return {};
}

// Do the right bytes stand there already? Then nothing is fetched, and nothing written.
Result<bool> FileRestorer::IsThereAlready(OpenFile& file, uint64_t offset, const ListEntry& entry) {
  if (!repository_.hasher().Has(BlobKind::kData)) return false;
  Bytes bytes(entry.length);
  for (uint64_t i = 0; i < entry.count; ++i) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while restoring");
    auto got = file.file->ReadAt(offset + i * entry.length, bytes);
    if (!got || *got != bytes.size()) return false;
    if (repository_.hasher().Compute(BlobKind::kData, bytes) != entry.id) return false;
  }
  return true;
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

// Wants by pack and frame, neighbouring frames joined into ranges.
std::vector<FileRestorer::Range> FileRestorer::PlanFetches(const std::vector<Want>& wants) {
  // By name, number and frame: under another number the same pack may be told of otherwise, should the index learn of
  // that while blobs are looked up.
  std::map<std::tuple<PackName, uint32_t, uint32_t>, Fetch> by_frame;
  std::array<Fetch*, kFramesInTurn> recent{};  // the frame that was wanted last comes first; these are held
  const uint64_t held_bytes_max = context_.limits.memory_bytes / kEntriesShare;
  uint64_t held_bytes = 0;
  // Behind the last one that was wanted, or a few blobs on: those between are of what the file was before.
  const auto find_near = [](const Fetch* fetch, const BlobId& id) -> std::optional<uint32_t> {
    if (fetch == nullptr || fetch->location.retired || fetch->location.pack.tombstoned) return std::nullopt;
    const std::vector<BlobEntry>& blobs = fetch->blobs();
    const uint32_t begin = fetch->wants.back().blob + 1;
    for (uint32_t i = begin; i < std::min<size_t>(begin + kBlobsPassedOver, blobs.size()); ++i) {
      if (blobs[i].id == id) return i;
    }
    return std::nullopt;
  };
  for (const Want& want : wants) {
    std::optional<uint32_t> near;
    auto known = recent.begin();
    while (known != recent.end() && !(near = find_near(*known, want.id))) ++known;
    if (near) {
      (*known)->Add(want, *near);
      std::rotate(recent.begin(), known, known + 1);
      continue;
    }
    const auto locations = index_.Find(want.id);
    const auto usable = [&]() -> const BlobLocation* {
      if (!locations) return nullptr;
      const auto found = std::ranges::find(*locations, BlobKind::kData, [](const auto& one) { return one.pack.kind; });
      return found == locations->end() ? nullptr : &*found;
    }();
    if (usable == nullptr) {  // what this machine's copy of the index says may be old, or damaged
      ReadOne(want);
      continue;
    }
    Fetch& fetch = by_frame[{usable->pack.name, usable->pack.number, usable->frame_number}];
    if (fetch.location.frame == nullptr) held_bytes += fetch.Hold(*usable);
    const bool is_told_alike =
        usable->blob_number < fetch.blobs().size() && fetch.blobs()[usable->blob_number].id == want.id;
    if (!is_told_alike) {
      ReadOne(want);
      continue;
    }
    fetch.Add(want, usable->blob_number);
    known = std::ranges::find(recent, &fetch);
    if (known == recent.end()) {
      Fetch*& oldest = *--known;
      if (oldest != nullptr && held_bytes > held_bytes_max) held_bytes -= oldest->Drop();
      oldest = &fetch;
    }
    std::rotate(recent.begin(), known, known + 1);
  }
  std::vector<Range> ranges;
  const PackName* pack = nullptr;
  for (auto& [key, fetch] : by_frame) {
    const uint64_t begin = fetch.location.frame_offset;
    const uint64_t end = begin + fetch.sealed_length;
    const PackName& name = std::get<0>(key);
    const bool joins = pack != nullptr && *pack == name && ranges.back().Joins(begin, end, is_far_);
    if (!joins) ranges.push_back({.offset = begin, .size = 0, .read_over = 0, .fetches = {}});
    ranges.back().Join(begin, end);
    ranges.back().fetches.push_back(std::move(fetch));
    pack = &name;
  }
  return ranges;
}

// A far store is waited for by threads of its own, and the cores have what has come.
void FileRestorer::FetchRange(Window& window, const Range& range) {
  if (context_.stop.stop_requested() || is_ended_) return fetch_budget_.Release(range.size);
  const IndexedPack& pack = range.fetches.front().location.pack;
  auto bytes = repository_.store().GetRange(PackObjectName(pack.kind, pack.name), range.offset, range.size);
  if (far_executor_ == nullptr) return OpenRange(range, bytes);
  Submit(context_.executor, window, [this, &range, shared = std::make_shared<const Result<Bytes>>(std::move(bytes))] {
    OpenRange(range, *shared);
  });
}

void FileRestorer::OpenRange(const Range& range, const Result<Bytes>& bytes) {
  for (const Fetch& fetch : range.fetches) {
    if (context_.stop.stop_requested() || is_ended_) break;
    if (!bytes) {
      FallBack(fetch, bytes.error());
      continue;
    }
    const auto location = LocationOf(fetch);
    if (!location) {
      ReadEach(fetch);
      continue;
    }
    const ByteSpan sealed = ByteSpan(*bytes).subspan(fetch.location.frame_offset - range.offset, fetch.sealed_length);
    auto plain = blobs_.OpenSealed(*location, sealed, fetch.Wanted());
    if (plain) {
      WriteWants(fetch, location->frame->blobs, *plain);
    } else {
      FallBack(fetch, plain.error());
    }
  }
  fetch_budget_.Release(range.size);
  if (!bytes) return;
  const std::lock_guard lock(report_mutex_);
  counts_.bytes_fetched += range.size;
}

// With what the index says of the frame, which was planned with and may not have been held.
Result<BlobLocation> FileRestorer::LocationOf(const Fetch& fetch) {
  if (fetch.location.frame != nullptr) return fetch.location;
  ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index_.Find(fetch.wants.front().id));
  for (const BlobLocation& one : locations) {
    const std::vector<BlobEntry>& blobs = one.frame->blobs;
    const bool is_it = one.pack.number == fetch.location.pack.number &&
                       one.frame_offset == fetch.location.frame_offset &&
                       one.frame->sealed_length == fetch.sealed_length;
    const auto is_there = [&](const Want& want) { return want.blob < blobs.size() && blobs[want.blob].id == want.id; };
    if (is_it && std::ranges::all_of(fetch.wants, is_there)) return one;
  }
  return MakeError(ErrorCode::kBusy, "pack {} left the index meanwhile", fetch.location.pack.name.ToString());
}

// What follows itself in the frame and in the file is written at once, and fails at once.
void FileRestorer::WriteWants(const Fetch& fetch, const std::vector<BlobEntry>& entries, ByteSpan plain) {
  std::vector<uint64_t> begins(1, 0);
  for (const BlobEntry& blob : entries) begins.push_back(begins.back() + blob.length);
  const auto is_simple = [&](const Want& want) {
    return want.count == 1 && begins[want.blob + 1] - begins[want.blob] == want.length;
  };
  for (size_t i = 0; i < fetch.wants.size();) {
    const Want& first = fetch.wants[i++];
    uint32_t blobs = 1;
    uint64_t end = first.offset + first.length;
    while (i < fetch.wants.size() && is_simple(first)) {
      const Want& next = fetch.wants[i];
      const bool goes_on = next.file == first.file && next.offset == end && next.blob == first.blob + blobs;
      if (!goes_on || !is_simple(next)) break;
      ++blobs, ++i;
      end += next.length;
    }
    const ByteSpan bytes = plain.subspan(begins[first.blob], begins[first.blob + blobs] - begins[first.blob]);
    blobs > 1 ? Write(*first.file, first.offset, 1, bytes) : WriteBlob(first, bytes);
  }
}

// The frame cannot be had from here: blob by blob, from wherever else it may be.
void FileRestorer::FallBack(const Fetch& fetch, const Error& why) {
  if (IsStop(why)) return;
  if (why.code() == ErrorCode::kStoreAway) return EndByStore(why);
  if (findings_ && !IsOfStore(why)) {
    const std::lock_guard lock(report_mutex_);
    const IndexedPack& pack = fetch.location.pack;
    const Finding::Severity severity = SeverityOf(why);
    const bool is_new = severity != Finding::Severity::kUnread || told_unread_.insert(pack.name).second;
    if (is_new) findings_({severity, why.code(), PackObjectName(pack.kind, pack.name).text(), why.message()});
  }
  ReadEach(fetch);
}

void FileRestorer::ReadEach(const Fetch& fetch) {
  for (const Want& want : fetch.wants) {
    if (is_ended_) return;
    ReadOne(want);
  }
}

void FileRestorer::ReadOne(const Want& want) {
  auto blob = blobs_.ReadBlob(BlobKind::kData, want.id);
  if (blob) {
    WriteBlob(want, **blob);
  } else {
    FailFile(*want.file, want.offset, want.length * want.count, blob.error());
  }
}

void FileRestorer::WriteBlob(const Want& want, ByteSpan blob) {
  OpenFile& file = *want.file;
  if (blob.size() != want.length) {
    FailFile(file, want.offset, want.length,
             Corrupt("data blob {} has {} bytes, the file's list says {}", want.id.ToHex(), blob.size(), want.length));
    return;
  }
  Write(file, want.offset, want.count, blob);
}

// `count` times, one after the other.
void FileRestorer::Write(OpenFile& file, uint64_t offset, uint64_t count, ByteSpan bytes) {
  Result<void> opened, written;
  bool is_whole = false;
  {
    const std::lock_guard lock(file.mutex);
    if (file.refused) return;
    opened = OpenTarget(file);
    for (uint64_t i = 0; i < count && opened && written; ++i) {
      written = file.file->WriteAt(offset + i * bytes.size(), bytes);
      if (!written) break;
      file.written += bytes.size();
      context_.progress.bytes_done += bytes.size();
    }
    is_whole = opened && written && file.is_planned && file.written == file.wanted && !file.failed;
  }
  if (!opened) return FailTarget(file, 0, file.plan.node.size, opened.error());
  if (!written) return FailTarget(file, offset, count * bytes.size(), written.error());
  if (is_whole) FinishFile(file);  // while its descriptor is open: this was the last of it
}

void FileRestorer::FailFile(OpenFile& file, uint64_t offset, uint64_t length, const Error& error) {
  if (IsOfStore(error)) return EndByStore(error);
  if (!IsStop(error)) TellFailure(true, file, offset, length, error);
}

void FileRestorer::EndByStore(const Error& error) {
  const std::lock_guard lock(report_mutex_);
  if (target_end_) target_end_ = error;
  is_ended_ = true;
}

void FileRestorer::FailTarget(OpenFile& file, uint64_t offset, uint64_t length, const Error& error) {
  {
    const std::lock_guard lock(file.mutex);
    if (file.refused) return;  // once is enough: the rest of it is not tried
    file.refused = true;
  }
  if (!Ends(error, file.plan.path)) return TellFailure(false, file, offset, length, error);
  const std::lock_guard lock(report_mutex_);
  if (target_end_) target_end_ = Error(error).While(PathForPeople(file.plan.path));
  is_ended_ = true;
}

void FileRestorer::TellFailure(bool is_source, OpenFile& file, uint64_t offset, uint64_t length, const Error& error) {
  {
    const std::lock_guard lock(file.mutex);
    file.failed = true;
  }
  ++context_.progress.errors;
  const std::lock_guard lock(report_mutex_);
  if (findings_) {
    findings_({is_source ? SeverityOf(error) : Finding::Severity::kWarning, error.code(),
               is_source ? "/" + PathForPeople(file.plan.source) : PathForPeople(file.plan.path),
               fmt::format("bytes {} to {} could not be restored: {}", offset, offset + length, error.message())});
  }
}

// When nobody writes it any more.
void FileRestorer::FinishFile(OpenFile& file) {
  file.is_finished = true;
  const bool is_whole = !file.failed && !file.refused && file.written == file.wanted;
  if (is_ended_ && (!is_whole || file.file == nullptr)) return;
  const Node& node = file.plan.node;
  bool is_placed = false;
  if (!file.refused) {
    if (auto opened = OpenTarget(file); !opened) FailTarget(file, 0, node.size, opened.error());
    if (is_ended_ && file.file == nullptr) return;
  }
  if (file.file != nullptr) {
    auto placed = PlaceFile(file);
    file.file.reset();
    if (!placed && IsStop(placed.error())) {  // it is not there, and nothing is to be said of it
      is_cut_off_ = true;
      return;
    }
    if (!placed && IsOfStore(placed.error())) return EndByStore(placed.error());
    if (!placed && Ends(placed.error(), file.plan.path)) return FailTarget(file, 0, node.size, placed.error());
    if (!placed) TellFailure(false, file, 0, node.size, placed.error());
    is_placed = placed.has_value();
    ++context_.progress.items_done;
  }
  if (is_placed && !file.failed && context_.progress.on_item) {
    context_.progress.on_item("restored", PathForPeople(file.plan.path));
  }
  const std::lock_guard lock(report_mutex_);
  if (file.failed) ++counts_.failed;
  if (file.failed && node.link_group) {
    outcomes_[*node.link_group] = is_placed ? Outcome::kIncomplete : Outcome::kNotPlaced;
  }
  if (!is_placed) return;
  ++counts_.files;
  counts_.bytes += node.size;
  counts_.bytes_written += file.written;
  if (options_.verify && !file.failed) ++counts_.verified;
}

// A file with a hole where bytes were lost is still better than none, though not than another: it was named.
Result<void> FileRestorer::PlaceFile(OpenFile& file) {
  const Node& node = file.plan.node;
  RETURN_IF_ERROR(file.file->SetSize(node.size));
  if (!file.failed && file.written != file.wanted) {
    return MakeError(ErrorCode::kIo, "{} of its {} bytes that were due have been written", file.written, file.wanted);
  }
  if (file.failed && file.plan.is_there && !file.file->is_in_place()) {
    return Error(ErrorCode::kBusy, "what stands there is left, for what there is of it is incomplete");
  }
  if (file.failed && file.plan.whole_or_nothing) {
    return Error(ErrorCode::kCorrupt,
                 "what there is of it is incomplete, and would be a broken database: it is left out");
  }
  if (options_.verify && !file.failed) RETURN_IF_ERROR(VerifyFile(file));
  auto attributes = ReadAttributes(blobs_, node);
  const bool ends = !attributes && (IsStop(attributes.error()) || IsOfStore(attributes.error()));
  if (ends) return std::move(attributes).error();
  if (!attributes) {
    FailFile(file, 0, 0, attributes.error());
    attributes = std::vector<std::pair<Bytes, Bytes>>();
  }
  Node shown = node;
  // With its own time a later restore would take what is incomplete for unchanged, and with a later one for newer.
  if (file.failed && shown.modified.seconds > INT64_MIN) --shown.modified.seconds;
  RETURN_IF_ERROR(file.file->SetMetadata(shown, *attributes));
  return file.file->Finish(node.size);
}

// Reads the file back and computes every id again.
Result<void> FileRestorer::VerifyFile(OpenFile& file) {
  RETURN_IF_ERROR(repository_.keyring().data_id_key());
  Bytes bytes;
  return ForEachEntry(
      blobs_, *file.plan.node.content, 0, UINT64_MAX, [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
        const uint64_t piece = entry.type == ListEntry::Type::kHole ? kMiB : entry.length;
        for (uint64_t done = 0; done < entry.TotalBytes(); done += bytes.size()) {
          if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while verifying");
          bytes.resize(std::min(piece, entry.TotalBytes() - done));
          ASSIGN_OR_RETURN(const size_t got, file.file->ReadAt(offset + done, bytes));
          if (got != bytes.size()) return Corrupt("reading back: it ends after byte {}", offset + done + got);
          const bool same = entry.type == ListEntry::Type::kHole
                                ? std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; })
                                : repository_.hasher().Compute(BlobKind::kData, bytes) == entry.id;
          if (!same) return Corrupt("reading back: the bytes from {} on differ from what was written", offset + done);
        }
        return {};
      });
}

bool EndsTarget(const Error& error) { return error.code() == ErrorCode::kNoSpace || error.system_errno() == EROFS; }

Result<std::vector<std::pair<Bytes, Bytes>>> ReadAttributes(BlobSource& blobs, const Node& node) {
  std::vector<std::pair<Bytes, Bytes>> attributes;
  for (const Attribute& attribute : node.attributes) {
    if (!attribute.blob) {
      attributes.emplace_back(attribute.name, attribute.value.value_or(Bytes()));
      continue;
    }
    ASSIGN_OR_RETURN(const auto value, blobs.ReadBlob(BlobKind::kData, attribute.blob->id)
                                           .While("extended attribute " + PathForPeople(attribute.name)));
    attributes.emplace_back(attribute.name, *value);
  }
  return attributes;
}

}  // namespace cairn
