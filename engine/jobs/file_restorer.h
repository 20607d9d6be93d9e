// Restores the bytes of many files at once: what each pack holds of them is fetched in order of its offsets.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "engine/env/byte_budget.h"
#include "engine/jobs/restore.h"

namespace cairn {

using LinkGroup = std::array<uint8_t, 8>;

// A file of a window: added in order of the tree, done when the window is.
struct FilePlan {
  TreePath path;    // in the target
  TreePath source;  // in the snapshot
  Node node;
  bool in_place = false;
  bool is_there = false;          // a file: what is incomplete does not take its place
  bool whole_or_nothing = false;  // a part of it is no use, and harm: a database
};

// One window after another: while one is fetched, opened and written by context.executor's threads, the caller adds and
// plans the next. With limits.gets of one each window is done when Begin returns. A large file begins before it is
// planned to its end, in parts. Memory: about 150 bytes for each of some 100,000 blobs of what runs, a 32nd of the
// limits for each window's frames as the index tells of them, and a byte budget for what is fetched.
class FileRestorer {
 public:
  FileRestorer(const JobContext& context, Repository& repository, Index& index, BlobReader& blobs, Sink& sink,
               const RestoreOptions& options, RestoreReport& report, FindingSink findings);
  // Ends what is under way, as Finish does.
  ~FileRestorer();

  // Adds a file; `is_full` says that the window should begin.
  Result<void> Add(FilePlan plan);
  bool is_full() const;
  // Plans the window that is open, and begins it behind those that run.
  Result<void> Begin();
  // Waits for the first of those that run: each of its files is then written, with its metadata, or told as failed, and
  // counted in the report. Success where none runs.
  Result<void> Finish();
  Result<void> BeginAndFinishAll();
  // Whether the target took its last: it is full, or for reading only, and not just what is mounted at the path.
  bool Ends(const Error& error, const TreePath& path) const;
  // What became of a file that has other names, where it is not whole at its place.
  enum class Outcome { kWhole, kIncomplete, kNotPlaced };
  Outcome OutcomeOf(const LinkGroup& group);
  void ForgetOutcome(const LinkGroup& group);
  void ForgetOutcomes();

 private:
  struct OpenFile;
  struct Want {  // a place of a file that needs a blob
    OpenFile* file = nullptr;
    uint64_t offset = 0;  // in the file
    uint64_t count = 1;   // how often it follows itself
    BlobId id;
    uint32_t length = 0;
    uint32_t blob = 0;  // which of its frame, once that is known
  };
  struct Fetch;  // wants of one frame
  struct Range;  // neighbouring frames of one pack, one request
  struct Window;

  Result<void> TargetEnd();
  bool StartFeeder();
  void Feed();
  void FeedWindow(Window& window);
  void Submit(Executor& executor, Window& window, std::function<void()> task);
  void WaitUntilDone(Window& window);
  Result<void> Run(std::unique_ptr<Window> planned);
  Result<void> BeginPart();
  Result<void> PlanFile(FilePlan plan);
  Result<void> PlanEntry(OpenFile& file, uint64_t offset, const ListEntry& entry);
  Result<void> OpenTarget(OpenFile& file);
  Result<bool> IsThereAlready(OpenFile& file, uint64_t offset, const ListEntry& entry);
  std::vector<Range> PlanFetches(const std::vector<Want>& wants);
  void FetchRange(Window& window, const Range& range);
  void OpenRange(const Range& range, const Result<Bytes>& bytes);
  bool IsToEnd() const { return context_.stop.stop_requested() || is_ended_; }
  Result<BlobLocation> LocationOf(const Fetch& fetch);
  void WriteWants(const Fetch& fetch, const std::vector<BlobEntry>& entries, ByteSpan plain);
  void FallBack(const Fetch& fetch, const Error& why);
  void ReadEach(const Fetch& fetch);
  void ReadOne(const Want& want);
  void WriteBlob(const Want& want, ByteSpan blob);
  void Write(OpenFile& file, uint64_t offset, uint64_t count, ByteSpan bytes);
  // The repository cannot give the bytes.
  void FailFile(OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  // What the store has to bring back first, or a store that is away, is no damage, and no reason to leave files with
  // holes: it ends the restore.
  void EndByStore(const Error& error);
  // The target does not take them; ends the restore where it will take no other file's either.
  void FailTarget(OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  void TellFailure(bool is_source, OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  void FinishFile(OpenFile& file);
  Result<void> PlaceFile(OpenFile& file);
  Result<void> VerifyFile(OpenFile& file);

  const JobContext& context_;
  Repository& repository_;
  Index& index_;
  BlobReader& blobs_;
  Sink& sink_;
  const RestoreOptions& options_;
  RestoreReport& report_;  // of the caller's thread
  const FindingSink findings_;
  std::mutex report_mutex_;                // findings_ are told one at a time
  RestoreReport counts_;                   // guarded by report_mutex_: of files, not yet in report_
  Result<void> target_end_;                // guarded by report_mutex_: what ended the restore
  std::set<PackName> told_unread_;         // guarded by report_mutex_
  std::map<LinkGroup, Outcome> outcomes_;  // guarded by report_mutex_
  std::atomic<bool> is_ended_ = false;
  std::atomic<bool> is_cut_off_ = false;  // a stop left a file unfinished
  const bool is_far_;
  size_t window_files_max_;  // of the caller's thread
  ByteBudget fetch_budget_;
  const std::unique_ptr<Executor> far_executor_;  // waits for a far store; nullptr: the context's does

  std::unique_ptr<Window> open_;  // of the caller's thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Window>> running_;  // guarded by mutex_, as the counts of each window
  bool is_closing_ = false;                      // guarded by mutex_
  std::jthread feeder_;  // hands ranges to the executor, as the budget allows; last: it uses all
};

// Whether a target that said so will take nothing more: it is full, or mounted for reading only.
bool EndsTarget(const Error& error);

// The values of a node's attributes: those in line, and data blobs.
Result<std::vector<std::pair<Bytes, Bytes>>> ReadAttributes(BlobSource& blobs, const Node& node);

}  // namespace cairn
