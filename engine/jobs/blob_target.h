// Where a backup's blobs go: a session, or - for a dry run - nowhere.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <unordered_set>

#include "engine/repo/write_session.h"

namespace cairn {

// A BlobSink that also tells whether a blob was new. One thread's.
class AddingSink : public BlobSink {
 public:
  virtual Result<BlobWriter::Added> Add(BlobKind kind, ByteSpan plain) = 0;
  // As BlobWriter::AddEach.
  virtual Result<void> AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobWriter::Added> added) = 0;
  virtual Result<void> Finish() = 0;
  Result<BlobId> AddBlob(BlobKind kind, ByteSpan plain) override {
    ASSIGN_OR_RETURN(const BlobWriter::Added added, Add(kind, plain));
    return added.id;
  }
};

// Safe for concurrent use.
class BlobTarget {
 public:
  virtual ~BlobTarget() = default;
  virtual std::unique_ptr<AddingSink> NewSink(uint64_t frame_bytes) = 0;
  // Is a blob there, or on its way? `length`: as in Index.
  virtual Result<bool> Knows(const BlobId& id, std::optional<uint32_t> length) = 0;
};

std::unique_ptr<BlobTarget> MakeSessionTarget(WriteSession& session);

// Computes ids and looks them up; stores nothing. Counts what would be new, in plain bytes.
struct DryRunTotals {
  std::atomic<uint64_t> blobs_new{0}, data_blobs_new{0}, bytes_new{0};
};
std::unique_ptr<BlobTarget> MakeDryRunTarget(const Repository& repository, Index& index, DryRunTotals& totals);

}  // namespace cairn
