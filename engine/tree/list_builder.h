// Builds the content of a file: entries in order, list blobs as they fill. SPEC section 10.1.
#pragma once

#include <vector>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn {

// The average by whose rule a list is cut: that of the parameters by which the content was. SPEC section 10.1.
inline uint32_t ListAverage(const std::optional<ChunkerSettings>& chunker) {
  const bool is_fine = chunker && (chunker->source == SourceKind::kRows || chunker->source == SourceKind::kPages);
  return is_fine ? 32 : 128;
}

// One thread at a time. Memory: one list blob a level, two where the first entry comes later. Neighbouring holes become
// one; equal neighbouring blobs a run.
class ListBuilder {
 public:
  // `average`: ListAverage.
  ListBuilder(BlobSink& sink, uint32_t average);
  Result<void> AddBlob(const BlobId& id, uint32_t length);
  Result<void> AddHole(uint64_t length);
  // Before all others: the first entry is a blob whose id is told last, by SetFirst. It is joined with nothing.
  Result<void> AddFirstLater(uint32_t length);
  Result<void> SetFirst(const BlobId& id);
  // Adds entries of a content that is known already (an unchanged file re-used in part).
  Result<void> AddEntry(const ListEntry& entry);
  Result<Content> Finish();
  uint64_t bytes() const { return bytes_; }

 private:
  struct Level;
  Result<void> Push(const ListEntry& entry);
  Result<void> Close(size_t level);

  BlobSink& sink_;
  const uint32_t average_;
  uint64_t bytes_ = 0;
  std::vector<ListEntry> pending_;  // the newest entries: joined with what follows, or few enough to inline
  std::vector<std::unique_ptr<Level>> levels_;
  bool awaits_first_ = false;
  std::vector<std::unique_ptr<Level>> held_;  // the first blob of each level, while its first entry is not known

 public:
  ~ListBuilder();
};

}  // namespace cairn
