// Builds a directory out of its nodes. SPEC section 10.2.
#pragma once

#include <memory>
#include <vector>

#include "engine/repo/blob_ends.h"
#include "repo-format/directory_blob.h"

namespace cairn {

// A node as it stands in a directory blob, and what is asked of it there.
struct WrittenNode {
  Bytes name;
  uint64_t size = 0;  // files
  Bytes bytes;        // as Node::Write gives it

  static WrittenNode Of(const Node& node);
};

// One thread at a time. Nodes come in ascending order of names (kInvalidArgument otherwise). Memory: one directory blob
// a level, so that ten million entries cost nothing in one piece. After an Error it is of no further use.
class DirectoryBuilder {
 public:
  explicit DirectoryBuilder(BlobSink& sink);
  ~DirectoryBuilder();
  Result<void> Add(const Node& node);
  Result<void> Add(const WrittenNode& node);
  // Once.
  Result<Subtree> Finish();

 private:
  struct Level;
  Result<void> MakeRoom(size_t level, size_t entry_bytes);
  Result<void> CloseIfFull(size_t level);
  Result<void> Close(size_t level);
  Result<void> AddChild(size_t level, const DirectoryChild& child);

  BlobSink& sink_;
  uint64_t entries_ = 0;
  Bytes last_name_;
  std::vector<std::unique_ptr<Level>> levels_;
};

}  // namespace cairn
