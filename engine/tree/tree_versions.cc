#include "engine/tree/tree_versions.h"

#include <algorithm>
#include <map>
#include <optional>

#include "engine/tree/directory_reader.h"
#include "engine/tree/walk_path.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

using NodePtr = std::shared_ptr<const Node>;

// A leaf blob in hand, and the trees that have it at this path.
struct Leaf {
  DirectoryLeaf place;
  std::vector<NodePtr> nodes;
  size_t next = 0;
  TreeNumbers members;                       // in the order in which they came
  std::shared_ptr<const TreeNumbers> trees;  // these in order, once the first node is taken

  const NodePtr& node() const { return nodes[next]; }
  bool is_used_up() const { return next == nodes.size(); }
};

// One of the distinct directories at a path.
struct Reader {
  std::unique_ptr<LeafCursor> cursor;
  TreeNumbers trees;
  std::optional<uint64_t> entries_expected;
  uint64_t entries = 0;
  bool is_whole = true, is_ended = false;
  std::shared_ptr<Leaf> leaf;

  bool needs_leaf() const { return !is_ended && (leaf == nullptr || leaf->is_used_up()); }
};

struct Frame {
  std::vector<Reader> readers;
  std::vector<std::shared_ptr<Leaf>> leaves;  // in hand, each once
  std::vector<NodePtr> newest;                // of the leaf that was read last
  size_t length_above = 0;                    // of the path
};

// Nodes that neighbours have too are the same object: a change of one entry leaves the others of its blob as they are.
std::vector<NodePtr> ShareNodes(std::vector<Node> nodes, const std::vector<NodePtr>& newest) {
  std::vector<NodePtr> shared;
  shared.reserve(nodes.size());
  auto other = newest.begin();
  for (Node& node : nodes) {
    while (other != newest.end() && (*other)->name < node.name) ++other;
    const bool is_same = other != newest.end() && **other == node;
    shared.push_back(is_same ? *other : std::make_shared<const Node>(std::move(node)));
  }
  return shared;
}

class VersionsWalk {
 public:
  VersionsWalk(BlobSource& blobs, const TreePath& root_path, const VersionsVisitor& visitor)
      : blobs_(blobs), path_(root_path), visitor_(visitor) {}

  Result<void> Run(const std::vector<std::pair<uint32_t, BlobId>>& roots) {
    Directories directories;
    for (const auto& [tree, root] : roots) directories[{root, std::nullopt}].push_back(tree);
    RETURN_IF_ERROR(Enter(std::move(directories), path_.get().size()));
    while (!stack_.empty()) RETURN_IF_ERROR(Step());
    return {};
  }

 private:
  // The distinct directories of a path, each with what its folder says of its entries.
  using Directories = std::map<std::pair<BlobId, std::optional<uint64_t>>, TreeNumbers>;

  Result<void> Enter(Directories directories, size_t length_above) {
    if (stack_.size() >= limits::kFolderDepthMax) {
      for (const auto& [directory, trees] : directories) {
        RETURN_IF_ERROR(Fail(trees, Corrupt("folders are nested deeper than {}", limits::kFolderDepthMax)));
      }
      path_.Leave(length_above);
      return {};
    }
    Frame frame;
    frame.length_above = length_above;
    for (auto& [directory, trees] : directories) {
      const auto& [root, entries] = directory;
      std::ranges::sort(trees);
      if (visitor_.each_blob) RETURN_IF_ERROR(visitor_.each_blob(path_.get(), root, trees));
      Reader reader{.cursor = nullptr, .trees = std::move(trees), .entries_expected = entries, .leaf = nullptr};
      reader.cursor = std::make_unique<LeafCursor>(blobs_, root, [this](const BlobId& id) { inner_.push_back(id); });
      frame.readers.push_back(std::move(reader));
    }
    // Neighbours in time are the most alike.
    std::ranges::sort(frame.readers, {}, [](const Reader& reader) { return reader.trees.front(); });
    stack_.push_back(std::move(frame));
    return {};
  }

  Result<void> Step() {
    Frame& frame = stack_.back();
    for (Reader& reader : frame.readers) {
      if (reader.needs_leaf()) RETURN_IF_ERROR(NextLeaf(frame, reader));
    }
    std::erase_if(frame.leaves, [](const auto& leaf) { return leaf->is_used_up(); });
    if (frame.leaves.empty()) {
      path_.Leave(frame.length_above);
      stack_.pop_back();
      return {};
    }
    const auto first = std::ranges::min_element(
        frame.leaves, [](const auto& a, const auto& b) { return a->node()->name < b->node()->name; });
    return Visit(frame, (*first)->node()->name);
  }

  // The reader's next leaf that has a node, or its end.
  Result<void> NextLeaf(Frame& frame, Reader& reader) {
    for (;;) {
      reader.leaf.reset();
      auto place = reader.cursor->Next();
      RETURN_IF_ERROR(TellInner(reader));
      if (!place) {
        RETURN_IF_ERROR(FailReader(reader, place.error()));
        continue;
      }
      if (!*place) return EndReader(reader);
      if ((*place)->child && visitor_.each_blob) {
        RETURN_IF_ERROR(visitor_.each_blob(path_.get(), (*place)->id, reader.trees));
      }
      reader.leaf = InHand(frame, **place);
      if (reader.leaf == nullptr) {
        auto nodes = reader.cursor->Read(**place);
        if (!nodes) {
          RETURN_IF_ERROR(FailReader(reader, nodes.error()));
          continue;
        }
        if (nodes->empty()) continue;
        reader.leaf = std::make_shared<Leaf>();
        reader.leaf->place = **std::move(place);
        reader.leaf->nodes = frame.newest = ShareNodes(*std::move(nodes), frame.newest);
        frame.leaves.push_back(reader.leaf);
      }
      reader.entries += reader.leaf->nodes.size();
      reader.leaf->members.insert(reader.leaf->members.end(), reader.trees.begin(), reader.trees.end());
      return {};
    }
  }

  // What another reader has read and not begun: names come in one order, so who has the same blob comes to it at the
  // same time. One of which other things were said is read again, and refused.
  static std::shared_ptr<Leaf> InHand(const Frame& frame, const DirectoryLeaf& place) {
    const auto found = std::ranges::find_if(frame.leaves, [&](const auto& leaf) {
      return leaf->next == 0 && !leaf->is_used_up() && place.child && leaf->place.child == place.child &&
             (place.previous.empty() || place.previous < leaf->node()->name);
    });
    return found == frame.leaves.end() ? nullptr : *found;
  }

  Result<void> TellInner(const Reader& reader) {
    const std::vector<BlobId> inner = std::exchange(inner_, {});
    if (!visitor_.each_blob) return {};
    for (const BlobId& id : inner) RETURN_IF_ERROR(visitor_.each_blob(path_.get(), id, reader.trees));
    return {};
  }

  Result<void> EndReader(Reader& reader) {
    reader.is_ended = true;
    if (!reader.is_whole || reader.entries == reader.entries_expected.value_or(reader.entries)) return {};
    return Fail(reader.trees,
                Corrupt("a folder has {} entries, expected {}", reader.entries, *reader.entries_expected));
  }

  Result<void> FailReader(Reader& reader, const Error& error) {
    reader.is_whole = false;
    return Fail(reader.trees, error);
  }

  Result<void> Visit(Frame& frame, const Bytes& first_name) {
    const Bytes name = first_name;
    std::vector<NodeVersion> versions;
    std::vector<TreeNumbers> more;  // beside versions: of other leaves that have the same node
    for (const auto& leaf : frame.leaves) {
      if (leaf->node()->name != name) continue;
      const NodePtr node = leaf->node();
      if (leaf->trees == nullptr) {
        std::ranges::sort(leaf->members);
        leaf->trees = std::make_shared<const TreeNumbers>(std::move(leaf->members));
      }
      ++leaf->next;
      if (node->opaque) {
        RETURN_IF_ERROR(Fail(*leaf->trees, UnsupportedNode(*node)));
        continue;
      }
      const auto same = std::ranges::find_if(
          versions, [&](const NodeVersion& one) { return one.node == node || *one.node == *node; });
      if (same == versions.end()) {
        versions.push_back({node, leaf->trees});
        more.emplace_back();
      } else {
        TreeNumbers& others = more[static_cast<size_t>(same - versions.begin())];
        others.insert(others.end(), leaf->trees->begin(), leaf->trees->end());
      }
    }
    if (versions.empty()) return {};
    for (size_t i = 0; i < versions.size(); ++i) {
      if (more[i].empty()) continue;
      more[i].insert(more[i].end(), versions[i].trees->begin(), versions[i].trees->end());
      std::ranges::sort(more[i]);
      versions[i].trees = std::make_shared<const TreeNumbers>(std::move(more[i]));
    }
    std::ranges::sort(versions, {}, [](const NodeVersion& one) { return one.trees->front(); });
    const size_t length = path_.Enter(name);
    ASSIGN_OR_RETURN(const bool descend, visitor_.each(path_.get(), versions));
    Directories directories = descend ? FoldersOf(versions) : Directories();
    if (!directories.empty()) return Enter(std::move(directories), length);
    path_.Leave(length);
    return {};
  }

  static Directories FoldersOf(const std::vector<NodeVersion>& versions) {
    Directories directories;
    for (const NodeVersion& version : versions) {
      if (version.node->type != NodeType::kFolder || !version.node->subtree) continue;
      TreeNumbers& trees = directories[{version.node->subtree->root, version.node->subtree->entries}];
      trees.insert(trees.end(), version.trees->begin(), version.trees->end());
    }
    return directories;
  }

  Result<void> Fail(const TreeNumbers& trees, const Error& error) {
    if (!visitor_.failed || EndsJob(error.code())) return error;
    return visitor_.failed(path_.get(), trees, error);
  }

  BlobSource& blobs_;
  WalkPath path_;
  const VersionsVisitor& visitor_;
  std::vector<Frame> stack_;
  std::vector<BlobId> inner_;  // what a cursor has passed, and was not told yet
};

}  // namespace

Result<void> WalkVersions(BlobSource& blobs, const std::vector<std::pair<uint32_t, BlobId>>& roots,
                          const TreePath& root_path, const VersionsVisitor& visitor) {
  return VersionsWalk(blobs, root_path, visitor).Run(roots);
}

}  // namespace cairn
