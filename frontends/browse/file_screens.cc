#include "frontends/browse/file_screens.h"

#include <algorithm>

#include "engine/tree/file_view.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/browse/snapshot_text.h"
#include "frontends/browse/text_screen.h"
#include "repo-format/base/units.h"

namespace cairn::browse {
namespace {

constexpr uint64_t kPreviewBytes = kMiB;
constexpr uint64_t kAttributeBytesMax = 4 * kKiB;
constexpr uint64_t kNamesWalkedMax = 200'000;

// How many names lead to a file of several; 0 where it would take too long to count them.
uint64_t CountNames(BlobSource& blobs, const SnapshotInner& inner, const SnapshotPlace& place,
                    const std::stop_token& stop) {
  if (!place.node.link_group || inner.totals.files + inner.totals.others > kNamesWalkedMax) return 0;
  uint64_t names = 0;
  TreeVisitor visitor;
  visitor.each = [&](const TreePath&, const Node& node) -> Result<bool> {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "left");
    names += node.link_group == place.node.link_group ? 1 : 0;
    return true;
  };
  visitor.failed = [](const TreePath&, const Error&) -> Result<void> { return {}; };
  return WalkTree(blobs, place.item->root, TreePath(), visitor) ? names : 0;
}

// Short values take the place of the blobs that hold them; of others the length is shown.
void ReadAttributes(BlobSource& blobs, Node& node) {
  for (Attribute& one : node.attributes) {
    if (!one.blob || one.blob->length > kAttributeBytesMax) continue;
    const auto value = blobs.ViewBlob(BlobKind::kData, one.blob->id);
    if (value) one.value = ToBytes(value->bytes);
  }
}

Result<std::vector<TextLine>> ReadPreview(const BrowseWorld& world, const LoadedSnapshot& snapshot,
                                          const TreePath& path, const std::stop_token& stop) {
  BlobSource& blobs = world.view.reader();
  ASSIGN_OR_RETURN(SnapshotPlace place, FindInSnapshot(blobs, snapshot, path));
  if (!place.node.content) return Error(ErrorCode::kInvalidArgument, "it has no bytes to show; i shows what is known");
  const BlobFileView file(blobs, std::make_shared<const Node>(std::move(place.node)));
  Bytes bytes(std::min(file.size(), kPreviewBytes));
  std::ranges::fill(bytes, uint8_t{0});
  size_t done = 0;
  while (done < bytes.size() && !stop.stop_requested()) {
    const size_t part = std::min<size_t>(bytes.size() - done, 64 * kKiB);
    const auto got = file.Read(done, MutableByteSpan(bytes).subspan(done, part));
    if (!got) {
      // What is there is shown, and then what is wrong.
      bytes.resize(done);
      std::vector<TextLine> lines;
      if (done > 0) lines = PreviewLines(bytes, done);
      lines.push_back(
          {fmt::format("it cannot be read{}: {}", done > 0 ? " from here on" : "", got.error().message()), kError});
      return lines;
    }
    if (*got == 0) break;
    done += *got;
  }
  bytes.resize(done);
  return PreviewLines(bytes, file.size());
}

}  // namespace

std::unique_ptr<Screen> MakePreview(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path) {
  const BrowseWorld& world = host.world();
  return std::make_unique<TextScreen>(
      host, PlaceOf(*snapshot, path, world.context.clock),
      [world, snapshot, path](const std::stop_token& stop) { return ReadPreview(world, *snapshot, path, stop); });
}

std::unique_ptr<Screen> MakeDetails(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path) {
  const BrowseWorld& world = host.world();
  return std::make_unique<TextScreen>(
      host, PlaceOf(*snapshot, path, world.context.clock),
      [world, snapshot, path](const std::stop_token& stop) -> Result<std::vector<TextLine>> {
        BlobSource& blobs = world.view.reader();
        ASSIGN_OR_RETURN(SnapshotPlace place, FindInSnapshot(blobs, *snapshot, path));
        ReadAttributes(blobs, place.node);
        const uint64_t names = place.item == nullptr ? 0 : CountNames(blobs, snapshot->inner, place, stop);
        return NodeLines(place.node, path, names, world.context.clock);
      });
}

}  // namespace cairn::browse
