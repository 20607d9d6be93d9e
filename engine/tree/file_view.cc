#include "engine/tree/file_view.h"

#include <algorithm>
#include <cstring>

#include "engine/tree/list_reader.h"

namespace cairn {
namespace {

bool IsHole(const ListEntry& entry) { return entry.type == ListEntry::Type::kHole; }

}  // namespace

BlobFileView::BlobFileView(BlobSource& blobs, std::shared_ptr<const Node> file)
    : blobs_(blobs), file_(std::move(file)) {
  CHECK(file_->content.has_value());
}

Result<BlobView> BlobFileView::ViewEntry(uint64_t offset, const ListEntry& entry) const {
  auto blob = blobs_.ViewBlob(BlobKind::kData, entry.id);
  if (blob && blob->bytes.size() != entry.length) {
    blob = Corrupt("data blob {} has {} bytes, the file's list says {}", entry.id.ToHex(), blob->bytes.size(),
                   entry.length);
  }
  if (blob) return blob;
  return std::move(blob).While(fmt::format("bytes {} to {}", offset, offset + entry.TotalBytes()));
}

Result<size_t> BlobFileView::Read(uint64_t offset, MutableByteSpan target) const {
  if (offset >= size()) return size_t{0};
  const uint64_t end = offset + std::min<uint64_t>(target.size(), size() - offset);
  uint64_t filled = offset;
  RETURN_IF_ERROR(
      ForEachEntry(blobs_, *file_->content, offset, end, [&](uint64_t begin, const ListEntry& entry) -> Result<void> {
        const uint64_t until = std::min(end, begin + entry.TotalBytes());
        if (IsHole(entry)) {
          std::memset(target.data() + (filled - offset), 0, until - filled);
          filled = until;
          return {};
        }
        ASSIGN_OR_RETURN(const BlobView blob, ViewEntry(begin, entry));
        while (filled < until) {  // the blobs of a run are one
          const uint64_t inside = (filled - begin) % entry.length;
          const uint64_t piece = std::min(entry.length - inside, until - filled);
          std::memcpy(target.data() + (filled - offset), blob.bytes.data() + inside, piece);
          filled += piece;
        }
        return {};
      }));
  if (filled != end) return Corrupt("the file's list ends after byte {} of {}", filled, size());
  return static_cast<size_t>(end - offset);
}

Result<void> BlobFileView::Touch(uint64_t offset, uint64_t size) const {
  const uint64_t end = offset + std::min(size, UINT64_MAX - offset);
  return ForEachEntry(blobs_, *file_->content, offset, end,
                      [&](uint64_t begin, const ListEntry& entry) -> Result<void> {
                        if (!IsHole(entry)) RETURN_IF_ERROR(ViewEntry(begin, entry));
                        return {};
                      });
}

namespace {

// Ends a walk that has found what it looked for.
Error Found() { return Error(ErrorCode::kAlreadyExists, "found"); }

Result<std::optional<uint64_t>> FindNext(BlobSource& blobs, const Node& file, uint64_t offset, bool is_hole) {
  if (offset >= file.size) return std::optional<uint64_t>();
  std::optional<uint64_t> place;
  const auto walked = ForEachEntry(blobs, *file.content, offset, file.size,
                                   [&](uint64_t begin, const ListEntry& entry) -> Result<void> {
                                     if (IsHole(entry) != is_hole) return {};
                                     place = std::max(begin, offset);
                                     return Found();
                                   });
  if (!walked && !place) return walked.error();
  if (!place && is_hole) place = file.size;
  return place;
}

}  // namespace

Result<std::optional<uint64_t>> BlobFileView::NextData(uint64_t offset) const {
  return FindNext(blobs_, *file_, offset, false);
}

Result<std::optional<uint64_t>> BlobFileView::NextHole(uint64_t offset) const {
  return FindNext(blobs_, *file_, offset, true);
}

Result<uint64_t> BytesOutsideHoles(BlobSource& blobs, const Content& content, uint64_t size, uint64_t entries_max) {
  if (content.depth > 0 && content.root.leaf_entries > entries_max) return size;
  uint64_t holes = 0;
  RETURN_IF_ERROR(ForEachEntry(blobs, content, 0, size, [&](uint64_t, const ListEntry& entry) -> Result<void> {
    if (IsHole(entry)) holes += entry.length;
    return {};
  }));
  return size - std::min(holes, size);
}

}  // namespace cairn
