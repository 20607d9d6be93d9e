// The bytes of a file of a snapshot, from anywhere in it. SPEC section 10.1.
#pragma once

#include <memory>
#include <optional>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn {

// Safe for concurrent use. Borrows the blobs, which bound what is kept of them in memory; reads O(depth) lists to seek.
class FileView {
 public:
  // `file` has content: a CHECK.
  FileView(BlobSource& blobs, std::shared_ptr<const Node> file);
  uint64_t size() const { return file_->size; }
  const Node& node() const { return *file_; }

  // Fills `target` with the bytes from `offset` on, verified, holes as zeros; tells how many: fewer at the end of the
  // file alone. kCorrupt and others name the blob, and the range of the file that it is.
  Result<size_t> Read(uint64_t offset, MutableByteSpan target) const;
  // Asks for the blobs that hold bytes of a range, so that they are at hand.
  Result<void> Touch(uint64_t offset, uint64_t size) const;

  // The first byte from `offset` on that is in no hole, or in one; the end of the file counts as a hole. Nothing where
  // there is none, or the file has no byte at `offset`.
  Result<std::optional<uint64_t>> NextData(uint64_t offset) const;
  Result<std::optional<uint64_t>> NextHole(uint64_t offset) const;

 private:
  Result<BlobView> ViewEntry(uint64_t offset, const ListEntry& entry) const;

  BlobSource& blobs_;
  const std::shared_ptr<const Node> file_;
};

// How many bytes of a content are in no hole. Reads every list of it; of more than `entries_max` entries none: then all
// of its bytes.
Result<uint64_t> BytesOutsideHoles(BlobSource& blobs, const Content& content, uint64_t size, uint64_t entries_max);

}  // namespace cairn
