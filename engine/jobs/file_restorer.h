// Restores the bytes of many files at once: what each pack holds of them is fetched in order of its offsets.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/env/byte_budget.h"
#include "engine/jobs/restore.h"

namespace cairn {

using LinkGroup = std::array<uint8_t, 8>;

// A file of a window: added in order of the tree, done when Run returns.
struct FilePlan {
  TreePath path;    // in the target
  TreePath source;  // in the snapshot
  Node node;
  bool in_place = false;
  bool is_there = false;          // a file: what is incomplete does not take its place
  bool whole_or_nothing = false;  // a part of it is no use, and harm: a database
};

// One window after another. Threads: the caller's plans, context.executor's fetch, open and write. Memory: about 100
// bytes for each blob of a window, and a byte budget for what is fetched.
class FileRestorer {
 public:
  FileRestorer(const JobContext& context, Repository& repository, Index& index, BlobReader& blobs, Sink& sink,
               const RestoreOptions& options, RestoreReport& report, FindingSink findings);
  ~FileRestorer();

  // Adds a file; `is_full` says that the window should be run.
  Result<void> Add(FilePlan plan);
  bool is_full() const;
  // Runs what is open: every added file is then written, with its metadata, or told as failed.
  Result<void> RunWindow();
  // Whether the target took its last: it is full, or for reading only, and not just what is mounted at the path.
  bool Ends(const Error& error, const TreePath& path) const;
  // What became of a file that has other names, where it is not whole at its place.
  enum class Outcome { kWhole, kIncomplete, kNotPlaced };
  Outcome OutcomeOf(const LinkGroup& group) const;
  void ForgetOutcome(const LinkGroup& group) { outcomes_.erase(group); }
  void ForgetOutcomes() { outcomes_.clear(); }

 private:
  struct OpenFile;
  struct Want {  // a place of a file that needs a blob
    size_t file = 0;
    uint64_t offset = 0;  // in the file
    uint64_t count = 1;   // how often it follows itself
    BlobId id;
    uint32_t length = 0;
    uint32_t blob = 0;  // which of its frame, once that is known
  };
  struct Fetch;  // wants of one frame
  struct Range;  // neighbouring frames of one pack, one request

  Result<void> PlanFile(FilePlan plan);
  Result<void> OpenTarget(OpenFile& file);
  Result<bool> IsThereAlready(OpenFile& file, uint64_t offset, const ListEntry& entry);
  Result<std::vector<Range>> PlanFetches();
  void RunRange(const Range& range);
  void WriteWants(const Fetch& fetch, ByteSpan plain);
  void FallBack(const Fetch& fetch, const Error& why);
  void ReadOne(const Want& want);
  void WriteBlob(const Want& want, ByteSpan blob);
  void Write(OpenFile& file, uint64_t offset, uint64_t count, ByteSpan bytes);
  // The repository cannot give the bytes.
  void FailFile(OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  // The target does not take them; ends the restore where it will take no other file's either.
  void FailTarget(OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  void TellFailure(bool is_source, OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  void FinishFile(OpenFile& file);
  Result<void> PlaceFile(OpenFile& file);
  Result<void> VerifyFile(OpenFile& file);

  Executor& executor() const { return far_executor_ != nullptr ? *far_executor_ : context_.executor; }

  const JobContext& context_;
  Repository& repository_;
  Index& index_;
  BlobReader& blobs_;
  Sink& sink_;
  const RestoreOptions& options_;
  RestoreReport& report_;
  const FindingSink findings_;
  std::mutex report_mutex_;  // guards report_, findings_ and target_end_ while a window runs
  Result<void> target_end_;  // what ended the restore
  std::atomic<bool> is_ended_ = false;
  std::atomic<bool> is_cut_off_ = false;  // a stop left a file unfinished
  ByteBudget fetch_budget_;
  const std::unique_ptr<Executor> far_executor_;  // nullptr: the context's is used

  std::map<LinkGroup, Outcome> outcomes_;  // guarded by report_mutex_ while a window runs

  std::vector<std::unique_ptr<OpenFile>> files_;
  std::vector<Want> wants_;
};

// Whether a target that said so will take nothing more: it is full, or mounted for reading only.
bool EndsTarget(const Error& error);

// The values of a node's attributes: those in line, and data blobs.
Result<std::vector<std::pair<Bytes, Bytes>>> ReadAttributes(BlobSource& blobs, const Node& node);

}  // namespace cairn
