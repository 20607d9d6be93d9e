#include "engine/tree/list_reader.h"

#include <vector>

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

// What one level of the walk is in the middle of.
struct Frame {
  ListBlob blob;
  size_t next = 0;
  uint64_t offset = 0;  // in the file, of entry `next`
};

// Reads the list blob that `child` names and compares it with what `child` says of it. As every edge is compared, the
// sums of the root are those of the leaves.
Result<ListBlob> ReadList(BlobSource& blobs, const ListChild& child, unsigned depth) {
  ASSIGN_OR_RETURN(const auto plain, blobs.ReadBlob(BlobKind::kMetadata, child.id));
  const std::string name = "list " + child.id.ToHex();
  ASSIGN_OR_RETURN(ListBlob blob, ListBlob::Parse(*plain).While(name));
  if (blob.depth != depth) return Corrupt("{} has depth {}, expected {}", name, blob.depth, depth);
  uint64_t bytes = 0;  // Parse has found the sum to fit
  uint64_t leaf_entries = blob.entries.size();
  for (const ListEntry& entry : blob.entries) bytes += entry.TotalBytes();
  for (const ListChild& below : blob.children) {
    bytes += below.bytes;
    const auto sum = CheckedAdd(leaf_entries, below.leaf_entries);
    if (!sum) return Corrupt("{} has more entries than a file can have", name);
    leaf_entries = *sum;
  }
  if (bytes != child.bytes || leaf_entries != child.leaf_entries) {
    return Corrupt("{} has {} bytes in {} entries, expected {} in {}", name, bytes, leaf_entries, child.bytes,
                   child.leaf_entries);
  }
  return blob;
}

Result<unsigned> RootDepth(const Content& content) {
  if (content.depth == 0 || content.depth > limits::kBlobTreeDepthMax + 1) {
    return Corrupt("a file's list has depth {}, expected 1 to {}", content.depth, limits::kBlobTreeDepthMax + 1);
  }
  return content.depth - 1u;
}

Result<void> ForEachInline(const Content& content, uint64_t begin, uint64_t end, const EachEntry& each) {
  uint64_t offset = 0;
  for (const ListEntry& entry : content.entries) {
    const auto next = CheckedAdd(offset, entry.TotalBytes());
    if (!next) return Corrupt("a file's entries are longer than a file can be");
    if (*next > begin && offset < end) RETURN_IF_ERROR(each(offset, entry));
    offset = *next;
  }
  return {};
}

}  // namespace

Result<void> ForEachEntry(BlobSource& blobs, const Content& content, uint64_t begin, uint64_t end,
                          const EachEntry& each) {
  if (content.depth == 0) return ForEachInline(content, begin, end, each);
  ASSIGN_OR_RETURN(const unsigned depth, RootDepth(content));
  if (begin >= end || begin >= content.root.bytes) return {};
  std::vector<Frame> stack;
  ASSIGN_OR_RETURN(ListBlob root, ReadList(blobs, content.root, depth));
  stack.push_back({std::move(root)});
  while (!stack.empty()) {
    Frame& frame = stack.back();
    const bool is_leaf = frame.blob.depth == 0;
    if (frame.next == (is_leaf ? frame.blob.entries.size() : frame.blob.children.size())) {
      stack.pop_back();
      continue;
    }
    const size_t index = frame.next++;
    const uint64_t offset = frame.offset;
    if (offset >= end) return {};
    frame.offset += is_leaf ? frame.blob.entries[index].TotalBytes() : frame.blob.children[index].bytes;
    if (frame.offset <= begin) continue;
    if (is_leaf) {
      RETURN_IF_ERROR(each(offset, frame.blob.entries[index]));
      continue;
    }
    ASSIGN_OR_RETURN(ListBlob below, ReadList(blobs, frame.blob.children[index], frame.blob.depth - 1u));
    stack.push_back({std::move(below), 0, offset});
  }
  return {};
}

Result<void> ForEachListBlob(BlobSource& blobs, const Content& content, const EachListBlob& each,
                             const ListBlobFailed& failed) {
  if (content.depth == 0) return {};
  ASSIGN_OR_RETURN(const unsigned root_depth, RootDepth(content));
  struct Waiting {
    ListChild child;
    unsigned depth = 0;
  };
  std::vector<Waiting> stack{{content.root, root_depth}};
  while (!stack.empty()) {
    const auto [child, depth] = stack.back();
    stack.pop_back();
    ASSIGN_OR_RETURN(const bool descend, each(child.id));
    if (!descend) continue;
    const auto blob = ReadList(blobs, child, depth);
    if (!blob) {
      if (!failed || EndsJob(blob.error().code())) return blob.error();
      RETURN_IF_ERROR(failed(child.id, blob.error()));
      continue;
    }
    for (size_t i = blob->children.size(); i-- > 0;) stack.push_back({blob->children[i], depth - 1});
  }
  return {};
}

}  // namespace cairn
