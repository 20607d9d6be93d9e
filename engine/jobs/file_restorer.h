// Restores the bytes of many files at once: what each pack holds of them is fetched in order of its offsets.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/env/byte_budget.h"
#include "engine/jobs/restore.h"

namespace cairn {

// A file of a window: added in order of the tree, done when Run returns.
struct FilePlan {
  TreePath path;    // in the target
  TreePath source;  // in the snapshot
  Node node;
  bool in_place = false;
};

// One window after another. Threads: the caller's plans, context.executor's fetch, open and write. Memory: about 100
// bytes for each blob of a window, and a byte budget for what is fetched.
class FileRestorer {
 public:
  FileRestorer(const JobContext& context, Repository& repository, Index& index, BlobReader& blobs, Sink& sink,
               const RestoreOptions& options, RestoreReport& report, FindingSink findings);
  ~FileRestorer();

  // Adds a file; runs the window when it is full.
  Result<void> Add(FilePlan plan);
  // Runs what is open: every added file is then written, with its metadata, or told as failed.
  Result<void> RunWindow();
  bool empty() const { return files_.empty(); }

 private:
  struct OpenFile;
  struct Want {  // a place of a file that needs a blob
    size_t file = 0;
    uint64_t offset = 0;  // in the file
    uint64_t count = 1;   // how often it follows itself
    BlobId id;
    uint32_t length = 0;
  };
  struct Fetch;  // wants of one frame
  struct Range;  // neighbouring frames of one pack, one request

  Result<void> PlanFile(FilePlan plan);
  Result<bool> IsThereAlready(OpenFile& file, uint64_t offset, const ListEntry& entry);
  Result<std::vector<Range>> PlanFetches();
  void RunRange(const Range& range);
  void WriteWants(const std::vector<Want>& wants, const Fetch& fetch, ByteSpan plain);
  void FallBack(const Fetch& fetch, const Error& why);
  void WriteBlob(const Want& want, ByteSpan blob);
  // The repository cannot give the bytes.
  void FailFile(OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  // The target does not take them; ends the restore where it will take no other file's either.
  void FailTarget(OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  void TellFailure(Finding::Severity severity, OpenFile& file, uint64_t offset, uint64_t length, const Error& error);
  void FinishFile(OpenFile& file);
  Result<void> VerifyFile(OpenFile& file);

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
  ByteBudget fetch_budget_;

  std::vector<std::unique_ptr<OpenFile>> files_;
  std::vector<Want> wants_;
};

// Whether a target that said so will take nothing more: it is full, or mounted for reading only.
bool EndsTarget(const Error& error);

// The values of a node's attributes: those in line, and data blobs.
Result<std::vector<std::pair<Bytes, Bytes>>> ReadAttributes(BlobSource& blobs, const Node& node);

}  // namespace cairn
