#include "engine/tree/snapshot_tree.h"

#include <algorithm>

#include "engine/tree/directory_reader.h"

namespace cairn {
namespace {

// Names as in a sentence.
std::string ItemsForPeople(const SnapshotInner& inner) {
  constexpr size_t kShownMax = 20;
  std::string text;
  for (size_t i = 0; i < std::min(inner.items.size(), kShownMax); ++i) {
    text += (i == 0 ? "" : ", ") + PathForPeople(AsBytes(inner.items[i].name));
  }
  if (inner.items.size() > kShownMax) text += fmt::format(" and {} more", inner.items.size() - kShownMax);
  return text;
}

// The item whose name begins a path; nothing where none's does.
const SnapshotItem* ItemAt(const SnapshotInner& inner, ByteSpan path) {
  const std::string_view text = AsText(path);
  const auto found = std::ranges::find(inner.items, text.substr(0, text.find('/')), &SnapshotItem::name);
  return found == inner.items.end() ? nullptr : &*found;
}

}  // namespace

Node FolderOfItem(const SnapshotInner& inner, const SnapshotItem& item) {
  Node node;
  node.name = ToBytes(AsBytes(item.name));
  node.type = NodeType::kFolder;
  node.mode = 0700;
  node.modified = inner.start;
  node.subtree = Subtree{0, item.root};
  return node;
}

Result<SnapshotPlace> FindInSnapshot(BlobSource& blobs, const LoadedSnapshot& snapshot, ByteSpan path) {
  const SnapshotInner& inner = snapshot.inner;
  SnapshotPlace place{.path = ToBytes(path), .inside = {}, .node = {}};
  const bool is_of_one = inner.items.size() == 1;
  place.item = is_of_one ? &inner.items.front() : ItemAt(inner, path);
  if (place.item == nullptr && path.empty()) {
    place.node.type = NodeType::kFolder;
    return place;
  }
  if (place.item == nullptr) {
    return MakeError(ErrorCode::kNotFound,
                     "snapshot {} has no path \"/{}\": it has the items {}, and a path begins with one of them",
                     snapshot.id.Short(), PathForPeople(path), ItemsForPeople(inner));
  }
  place.inside = is_of_one ? place.path : PathBelow(place.path, inner.PlaceOf(*place.item));
  ASSIGN_OR_RETURN(auto node, FindPath(blobs, place.item->root, place.inside));
  if (!node) {
    return MakeError(ErrorCode::kNotFound, "snapshot {} has no path \"/{}\"", snapshot.id.Short(), PathForPeople(path));
  }
  place.node = *std::move(node);
  return place;
}

Result<void> WalkSnapshot(BlobSource& blobs, const SnapshotInner& inner, const SnapshotPlace& place,
                          const TreeVisitor& visitor) {
  if (place.item != nullptr) return WalkTree(blobs, place.node.subtree->root, place.path, visitor);
  return WalkSnapshot(blobs, inner, visitor);
}

Result<void> WalkSnapshot(BlobSource& blobs, const SnapshotInner& inner, const TreeVisitor& visitor) {
  for (const SnapshotItem& item : inner.items) {
    const TreePath path = inner.PlaceOf(item);
    if (path.empty()) {
      RETURN_IF_ERROR(WalkTree(blobs, item.root, path, visitor));
      continue;
    }
    const Node node = FolderOfItem(inner, item);
    ASSIGN_OR_RETURN(const bool descend, visitor.each(path, node));
    if (!descend) continue;
    RETURN_IF_ERROR(WalkTree(blobs, item.root, path, visitor));
    if (visitor.after) RETURN_IF_ERROR(visitor.after(path, node));
  }
  return {};
}

}  // namespace cairn
