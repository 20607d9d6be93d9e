// Reads a directory: all of it in order, or one name. SPEC section 10.2.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/repo/blob_ends.h"
#include "repo-format/directory_blob.h"

namespace cairn {

// A node that this version of cairn cannot read is kUnsupported, in these as in what follows: the error names it.
//
// Every node in ascending order. Order, counts and last names are verified across blobs. Memory: one blob a level.
using EachNode = std::function<Result<void>(const Node& node)>;
Result<void> ForEachNode(BlobSource& blobs, const BlobId& root, const EachNode& each);

// One name: reads O(depth) blobs. Nothing where it is not there.
Result<std::optional<Node>> FindNode(BlobSource& blobs, const BlobId& root, ByteSpan name);

// The node at a path ("usr/lib/x"; "" is the root itself as a folder node without a name); nothing where it is not
// there.
Result<std::optional<Node>> FindPath(BlobSource& blobs, const BlobId& root, ByteSpan path);

// The error for a node that this version of cairn cannot read.
Error UnsupportedNode(const Node& node);

// A leaf blob of a directory, with what was said of it on the way there.
struct DirectoryLeaf {
  BlobId id;
  std::optional<DirectoryChild> child = {};  // nothing: it is the root
  Bytes previous = {};                       // the last name before it; empty: there is none
};

// The leaf blobs of one directory in order, for who reads several side by side, and what they share once. One thread
// at a time. `each_inner` (may be empty) is told the blobs between the root and the leaves.
class LeafCursor {
 public:
  LeafCursor(BlobSource& blobs, const BlobId& root, std::function<void(const BlobId&)> each_inner = {});
  ~LeafCursor();
  LeafCursor(LeafCursor&&) noexcept;
  // The next leaf, which is not read by that, but for a root; nothing at the end. After an Error the next call goes on
  // beside the blob that could not be read.
  Result<std::optional<DirectoryLeaf>> Next();
  // The nodes of the leaf that Next gave last, verified, also those that cannot be read. Once.
  Result<std::vector<Node>> Read(const DirectoryLeaf& leaf);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A pull-style cursor over one directory, for merges (diff, parents). One thread at a time.
class DirectoryCursor {
 public:
  DirectoryCursor(BlobSource& blobs, const BlobId& root);
  ~DirectoryCursor();
  // The next node, or nullptr at the end. The pointer is valid until the next call. After an Error the next call goes
  // on beside the blob, or the node, that could not be read.
  Result<const Node*> Next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every metadata blob of one directory (not of folders in it), parents first, for marking and checking; where `each`
// returns false, the blob is not read and what is below is left out. An Error of reading one, or a node in it,
// goes to `failed`, which may swallow it (the walk goes on beside it) or return it; without `failed` it is returned.
using EachDirectoryBlob = std::function<Result<bool>(const BlobId& id)>;
using DirectoryBlobFailed = std::function<Result<void>(const BlobId& id, const Error& error)>;
Result<void> ForEachDirectoryBlob(BlobSource& blobs, const BlobId& root, const EachDirectoryBlob& each,
                                  const EachNode& each_node, const DirectoryBlobFailed& failed = {});

}  // namespace cairn
