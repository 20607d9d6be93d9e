#include "engine/tree/directory_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

bool IsBefore(ByteSpan a, ByteSpan b) { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); }

const Bytes* FirstName(const DirectoryBlob& blob) {
  if (blob.depth > 0) return &blob.children.front().last_name;
  return blob.nodes.empty() ? nullptr : &blob.nodes.front().name;
}
const Bytes* LastName(const DirectoryBlob& blob) {
  if (blob.depth > 0) return &blob.children.back().last_name;
  return blob.nodes.empty() ? nullptr : &blob.nodes.back().name;
}

// What is below a blob, as it says itself; nothing where the count does not fit.
struct Below {
  uint64_t leaf_entries = 0;
  uint64_t bytes = 0;           // modulo 2^64
  bool are_bytes_known = true;  // not where a node cannot be read
};

std::optional<Below> SumOf(const DirectoryBlob& blob) {
  Below below{blob.nodes.size()};
  for (const Node& node : blob.nodes) {
    below.bytes += node.size;
    if (node.opaque) below.are_bytes_known = false;
  }
  for (const DirectoryChild& child : blob.children) {
    const auto sum = CheckedAdd(below.leaf_entries, child.leaf_entries);
    if (!sum) return std::nullopt;
    below.leaf_entries = *sum;
    below.bytes += child.bytes;
  }
  return below;
}

std::string NameOf(const BlobId& id) { return "directory " + id.ToHex(); }

Result<DirectoryBlob> ReadRoot(BlobSource& blobs, const BlobId& id) {
  ASSIGN_OR_RETURN(const auto plain, blobs.ReadBlob(BlobKind::kMetadata, id));
  auto parsed = DirectoryBlob::Parse(*plain);
  if (parsed) return parsed;
  return std::move(parsed).While(NameOf(id));
}

// Reads the blob that `child` names and compares it with what `child` says of it. As every edge is compared, what the
// root says is true of the leaves. Names must come after `previous`, the last one before this blob.
Result<DirectoryBlob> ReadChild(BlobSource& blobs, const DirectoryChild& child, unsigned depth, ByteSpan previous) {
  ASSIGN_OR_RETURN(DirectoryBlob blob, ReadRoot(blobs, child.id));
  if (blob.depth != depth) return Corrupt("{} has depth {}, expected {}", NameOf(child.id), blob.depth, depth);
  const auto below = SumOf(blob);
  if (!below || below->leaf_entries != child.leaf_entries || (below->are_bytes_known && below->bytes != child.bytes)) {
    return Corrupt("{} has {} entries of {} bytes, expected {} of {}", NameOf(child.id),
                   below ? below->leaf_entries : UINT64_MAX, below ? below->bytes : UINT64_MAX, child.leaf_entries,
                   child.bytes);
  }
  const Bytes* first = FirstName(blob);
  const Bytes* last = LastName(blob);
  if (last == nullptr || *last != child.last_name) {
    return Corrupt("{} ends with another name than expected", NameOf(child.id));
  }
  if (!previous.empty() && !IsBefore(previous, *first)) {
    return Corrupt("{} has names that come before it", NameOf(child.id));
  }
  return blob;
}

}  // namespace

Error UnsupportedNode(const Node& node) {
  return MakeError(ErrorCode::kUnsupported, "\"{}\" is left out: {}", PathForPeople(node.name), node.opaque->why);
}

// Depth first over the inner blobs of one directory, with a stack of its own.
struct LeafCursor::State {
  struct Frame {
    DirectoryBlob blob;
    size_t next = 0;
  };

  BlobSource& blobs;
  BlobId root;
  std::function<void(const BlobId&)> each_inner;
  bool started = false;
  std::vector<Frame> stack;
  Bytes previous;                // the last name of what was given out or passed over
  std::vector<Node> root_nodes;  // of a root that is a leaf

  Result<std::optional<DirectoryLeaf>> Next() {
    if (!started) {
      started = true;
      ASSIGN_OR_RETURN(DirectoryBlob blob, ReadRoot(blobs, root));
      if (blob.depth == 0) {
        root_nodes = std::move(blob.nodes);
        return std::optional(DirectoryLeaf{.id = root});
      }
      stack.push_back({std::move(blob)});
    }
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.next == frame.blob.children.size()) {
        stack.pop_back();
        continue;
      }
      const DirectoryChild& child = frame.blob.children[frame.next++];
      if (frame.blob.depth == 1) {
        return std::optional(DirectoryLeaf{child.id, child, std::exchange(previous, child.last_name)});
      }
      if (each_inner) each_inner(child.id);
      auto below = ReadChild(blobs, child, frame.blob.depth - 1u, previous);
      if (!below) {
        previous = child.last_name;
        return std::move(below).error();
      }
      stack.push_back({std::move(below).value()});
    }
    return std::optional<DirectoryLeaf>();
  }
};

LeafCursor::LeafCursor(BlobSource& blobs, const BlobId& root, std::function<void(const BlobId&)> each_inner)
    : state_(std::make_unique<State>(State{blobs, root, std::move(each_inner)})) {}
LeafCursor::~LeafCursor() = default;
LeafCursor::LeafCursor(LeafCursor&&) noexcept = default;

Result<std::optional<DirectoryLeaf>> LeafCursor::Next() { return state_->Next(); }

Result<std::vector<Node>> LeafCursor::Read(const DirectoryLeaf& leaf) {
  if (!leaf.child) return std::move(state_->root_nodes);
  ASSIGN_OR_RETURN(DirectoryBlob blob, ReadChild(state_->blobs, *leaf.child, 0, leaf.previous));
  return std::move(blob.nodes);
}

struct DirectoryCursor::State {
  LeafCursor leaves;
  std::vector<Node> nodes;
  size_t next = 0;

  Result<const Node*> Next() {
    while (next == nodes.size()) {
      nodes.clear();
      next = 0;
      ASSIGN_OR_RETURN(const auto leaf, leaves.Next());
      if (!leaf) return nullptr;
      ASSIGN_OR_RETURN(nodes, leaves.Read(*leaf));
    }
    const Node& node = nodes[next++];
    if (node.opaque) return UnsupportedNode(node);
    return &node;
  }
};

DirectoryCursor::DirectoryCursor(BlobSource& blobs, const BlobId& root)
    : state_(std::make_unique<State>(State{LeafCursor(blobs, root), {}})) {}
DirectoryCursor::~DirectoryCursor() = default;

Result<const Node*> DirectoryCursor::Next() { return state_->Next(); }

Result<void> ForEachNode(BlobSource& blobs, const BlobId& root, const EachNode& each) {
  DirectoryCursor cursor(blobs, root);
  for (;;) {
    ASSIGN_OR_RETURN(const Node* node, cursor.Next());
    if (node == nullptr) return {};
    RETURN_IF_ERROR(each(*node));
  }
}

Result<std::optional<Node>> FindNode(BlobSource& blobs, const BlobId& root, ByteSpan name) {
  Bytes previous;
  ASSIGN_OR_RETURN(DirectoryBlob blob, ReadRoot(blobs, root));
  while (blob.depth > 0) {
    const auto found = std::ranges::partition_point(
        blob.children, [&](const DirectoryChild& child) { return IsBefore(child.last_name, name); });
    if (found == blob.children.end()) return std::optional<Node>();
    if (found != blob.children.begin()) previous = std::prev(found)->last_name;
    ASSIGN_OR_RETURN(DirectoryBlob below, ReadChild(blobs, *found, blob.depth - 1u, previous));
    blob = std::move(below);
  }
  const auto found =
      std::ranges::partition_point(blob.nodes, [&](const Node& node) { return IsBefore(node.name, name); });
  if (found == blob.nodes.end() || !Equal(found->name, name)) return std::optional<Node>();
  if (found->opaque) return UnsupportedNode(*found);
  return std::optional<Node>(std::move(*found));
}

Result<std::optional<Node>> FindPath(BlobSource& blobs, const BlobId& root, ByteSpan path) {
  Node node;
  node.type = NodeType::kFolder;
  node.subtree = Subtree{0, root};
  bool at_root = true;
  for (std::string_view rest = AsText(path); !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty()) continue;
    if (!node.subtree) return std::optional<Node>();
    ASSIGN_OR_RETURN(auto found, FindNode(blobs, node.subtree->root, AsBytes(name)));
    if (!found) return std::optional<Node>();
    node = *std::move(found);
    at_root = false;
  }
  if (at_root) {
    ASSIGN_OR_RETURN(const DirectoryBlob blob, ReadRoot(blobs, root));
    const auto below = SumOf(blob);
    if (!below) return Corrupt("{} has more entries than can be counted", NameOf(root));
    node.subtree->entries = below->leaf_entries;
  }
  return std::optional<Node>(std::move(node));
}

Result<void> ForEachDirectoryBlob(BlobSource& blobs, const BlobId& root, const EachDirectoryBlob& each,
                                  const EachNode& each_node, const DirectoryBlobFailed& failed) {
  // A blob that waits to be read, with what its parent says of it (nothing for the root).
  struct Waiting {
    BlobId id;
    std::optional<DirectoryChild> child;
    unsigned depth = 0;
    Bytes previous;
  };
  std::vector<Waiting> stack;
  stack.push_back({root});
  while (!stack.empty()) {
    const Waiting waiting = std::move(stack.back());
    stack.pop_back();
    ASSIGN_OR_RETURN(const bool descend, each(waiting.id));
    if (!descend) continue;
    auto blob =
        waiting.child ? ReadChild(blobs, *waiting.child, waiting.depth, waiting.previous) : ReadRoot(blobs, waiting.id);
    if (!blob) {
      if (!failed || EndsJob(blob.error().code())) return std::move(blob).error();
      RETURN_IF_ERROR(failed(waiting.id, blob.error()));
      continue;
    }
    for (const Node& node : blob->nodes) {
      if (node.opaque && !failed) return UnsupportedNode(node);
      if (node.opaque) {
        RETURN_IF_ERROR(failed(waiting.id, UnsupportedNode(node)));
      } else if (each_node) {
        RETURN_IF_ERROR(each_node(node));
      }
    }
    for (size_t i = blob->children.size(); i-- > 0;) {
      const DirectoryChild& child = blob->children[i];
      stack.push_back({child.id, child, blob->depth - 1u, i > 0 ? blob->children[i - 1].last_name : waiting.previous});
    }
  }
  return {};
}

}  // namespace cairn
