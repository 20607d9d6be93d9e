// The bytes of a file, from anywhere in it: one of a snapshot, or one that is made of what a snapshot has.
#pragma once

#include <memory>
#include <optional>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn {

// Safe for concurrent use. Its size and bytes never change.
class FileView {
 public:
  virtual ~FileView() = default;
  virtual uint64_t size() const = 0;

  // Fills `target` with the bytes from `offset` on, verified, holes as zeros; tells how many: fewer at the end of the
  // file alone. kCorrupt and others name what was damaged, and the range of the file that it is.
  virtual Result<size_t> Read(uint64_t offset, MutableByteSpan target) const = 0;
  // Asks for what holds the bytes of a range, so that it is at hand.
  virtual Result<void> Touch(uint64_t offset, uint64_t size) const = 0;

  // The first byte from `offset` on that is in no hole, or in one; the end of the file counts as a hole. Nothing where
  // there is none, or the file has no byte at `offset`.
  virtual Result<std::optional<uint64_t>> NextData(uint64_t offset) const = 0;
  virtual Result<std::optional<uint64_t>> NextHole(uint64_t offset) const = 0;
};

// A file of a snapshot. Borrows the blobs, which bound what is kept of them in memory; reads O(depth) lists to seek.
// SPEC section 10.1.
class BlobFileView final : public FileView {
 public:
  // `file` has content: a CHECK.
  BlobFileView(BlobSource& blobs, std::shared_ptr<const Node> file);
  uint64_t size() const override { return file_->size; }
  Result<size_t> Read(uint64_t offset, MutableByteSpan target) const override;
  Result<void> Touch(uint64_t offset, uint64_t size) const override;
  Result<std::optional<uint64_t>> NextData(uint64_t offset) const override;
  Result<std::optional<uint64_t>> NextHole(uint64_t offset) const override;

 private:
  Result<BlobView> ViewEntry(uint64_t offset, const ListEntry& entry) const;

  BlobSource& blobs_;
  const std::shared_ptr<const Node> file_;
};

// How many bytes of a content are in no hole. Reads every list of it; of more than `entries_max` entries none: then all
// of its bytes.
Result<uint64_t> BytesOutsideHoles(BlobSource& blobs, const Content& content, uint64_t size, uint64_t entries_max);

}  // namespace cairn
