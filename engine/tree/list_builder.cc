#include "engine/tree/list_builder.h"

#include <utility>

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr uint64_t kFileBytesMax = INT64_MAX;

bool IsHole(const ListEntry& entry) { return entry.type == ListEntry::Type::kHole; }

// Grows `last` by `next` where the two are one entry in canonical form.
bool Join(ListEntry& last, const ListEntry& next) {
  if (IsHole(last) != IsHole(next)) return false;
  if (IsHole(last)) {
    last.length += next.length;
    return true;
  }
  if (last.id != next.id || last.length != next.length) return false;
  last.type = ListEntry::Type::kRun;
  last.count += next.count;
  return true;
}

}  // namespace

// The open blob of one depth.
struct ListBuilder::Level {
  ListBlob blob;
  uint64_t bytes = 0;
  uint64_t leaf_entries = 0;

  BlobId& first_id() { return blob.depth == 0 ? blob.entries.front().id : blob.children.front().id; }
  size_t size() const { return blob.depth == 0 ? blob.entries.size() : blob.children.size(); }
  // Is the blob full, after an entry with this id (nullptr: a hole)?
  bool IsFull(const BlobId* id, uint32_t average) const {
    if (size() >= limits::kListEntriesMax) return true;
    return size() >= limits::kListEntriesMin && id != nullptr && CutsList(*id, average);
  }
};

ListBuilder::ListBuilder(BlobSink& sink, uint32_t average) : sink_(sink), average_(average) { CHECK(average > 0); }
ListBuilder::~ListBuilder() = default;

Result<void> ListBuilder::AddBlob(const BlobId& id, uint32_t length) {
  return AddEntry({ListEntry::Type::kBlob, length, 1, id});
}

Result<void> ListBuilder::AddHole(uint64_t length) {
  if (length == 0) return {};
  return AddEntry({ListEntry::Type::kHole, length, 1, BlobId()});
}

Result<void> ListBuilder::AddFirstLater(uint32_t length) {
  CHECK(bytes_ == 0 && !awaits_first_);
  awaits_first_ = true;
  return AddBlob(BlobId(), length);
}

// The first of a blob's entries never decides where that blob ends (kListEntriesMin), so only ids were missing.
Result<void> ListBuilder::SetFirst(const BlobId& id) {
  CHECK(std::exchange(awaits_first_, false));
  BlobId first = id;
  for (const auto& held : held_) {
    held->first_id() = first;
    ASSIGN_OR_RETURN(first, sink_.AddBlob(BlobKind::kMetadata, held->blob.Encode()));
  }
  (levels_.empty() ? pending_.front().id : levels_[held_.size()]->first_id()) = first;
  held_.clear();
  return {};
}

Result<void> ListBuilder::AddEntry(const ListEntry& entry) {
  const uint64_t length_max = IsHole(entry) ? kFileBytesMax : limits::kBlobBytesReadMax;
  if (entry.length == 0 || entry.length > length_max || entry.count == 0) {
    return MakeError(ErrorCode::kInvalidArgument, "a list entry has {} bytes {} times, expected 1 to {}", entry.length,
                     entry.count, length_max);
  }
  const auto more = CheckedMul(entry.length, entry.count);
  const auto sum = more ? CheckedAdd(bytes_, *more) : std::nullopt;
  if (!sum || *sum > kFileBytesMax) {
    return MakeError(ErrorCode::kInvalidArgument, "a file is longer than {} bytes", kFileBytesMax);
  }
  bytes_ = *sum;
  if (!pending_.empty() && Join(pending_.back(), entry)) return {};
  pending_.push_back(entry);
  // The newest entry may still grow; before any blob is begun, so many wait as a node could keep.
  const size_t waiting_max = levels_.empty() ? limits::kContentInlineEntriesMax : 1;
  if (pending_.size() <= waiting_max) return {};
  const ListEntry last = pending_.back();
  pending_.pop_back();
  for (const ListEntry& whole : pending_) RETURN_IF_ERROR(Push(whole));
  pending_.assign(1, last);
  return {};
}

Result<void> ListBuilder::Push(const ListEntry& entry) {
  if (levels_.empty()) levels_.push_back(std::make_unique<Level>());
  Level& leaf = *levels_.front();
  leaf.blob.entries.push_back(entry);
  leaf.bytes += entry.TotalBytes();
  ++leaf.leaf_entries;
  if (leaf.IsFull(IsHole(entry) ? nullptr : &entry.id, average_)) return Close(0);
  return {};
}

// Stores the open blob of a depth and enters it one depth higher, as often as that fills one there.
Result<void> ListBuilder::Close(size_t level) {
  for (;; ++level) {
    Level& full = *levels_[level];
    if (full.blob.depth > limits::kBlobTreeDepthMax) {
      return MakeError(ErrorCode::kUnsupported, "a file's list is deeper than {}", limits::kBlobTreeDepthMax);
    }
    ListChild child{full.bytes, full.leaf_entries, BlobId()};
    if (awaits_first_ && held_.size() == level) {
      held_.push_back(std::make_unique<Level>(full));
    } else {
      ASSIGN_OR_RETURN(child.id, sink_.AddBlob(BlobKind::kMetadata, full.blob.Encode()));
    }
    full.blob.entries.clear();
    full.blob.children.clear();
    full.bytes = full.leaf_entries = 0;
    if (level + 1 == levels_.size()) {
      levels_.push_back(std::make_unique<Level>());
      levels_.back()->blob.depth = static_cast<uint8_t>(level + 1);
    }
    Level& above = *levels_[level + 1];
    above.blob.children.push_back(child);
    above.bytes += child.bytes;
    above.leaf_entries += child.leaf_entries;
    if (!above.IsFull(&child.id, average_)) return {};
  }
}

Result<Content> ListBuilder::Finish() {
  CHECK(!awaits_first_);
  Content content;
  if (levels_.empty()) {
    content.entries = std::exchange(pending_, {});
    return content;
  }
  for (const ListEntry& entry : pending_) RETURN_IF_ERROR(Push(entry));
  pending_.clear();
  // A level without a level above it never closed a blob: one child alone in it is the root.
  for (size_t level = 0;; ++level) {
    const Level& open = *levels_[level];
    const bool is_top = level + 1 == levels_.size();
    if (is_top && level > 0 && open.size() == 1) {
      content.depth = static_cast<uint8_t>(level);
      content.root = open.blob.children.front();
      levels_.clear();
      return content;
    }
    if (open.size() > 0) RETURN_IF_ERROR(Close(level));
  }
}

}  // namespace cairn
