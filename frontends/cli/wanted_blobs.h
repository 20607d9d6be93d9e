// Blobs that somebody asks for, and who refers to them.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "engine/index/index.h"
#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn {

// One thread at a time. Memory: an id for each blob of the packs that are asked for, and at most 32 MiB of what is
// known of lists.
class WantedBlobs {
 public:
  // An id, or its first digits; at least 4. kInvalidArgument.
  Result<void> Add(const std::string& text);
  // All blobs of a pack, by its name or its first digits. kNotFound, and kInvalidArgument where several begin so.
  Result<void> AddPack(Index& index, const std::string& text);

  bool empty() const { return ids_.empty() && prefixes_.empty(); }
  bool Has(const BlobId& id) const;
  // Those that a node refers to by itself: its bytes, the lists of these, its attributes; not what is in its folder.
  // Each once, at most `found_max`.
  Result<std::vector<BlobId>> In(BlobSource& blobs, const Node& node, size_t found_max);

 private:
  class Search;

  std::unordered_set<BlobId> ids_;
  std::vector<std::string> prefixes_;  // hexadecimal
  std::unordered_set<BlobId> clean_;   // lists that were read, and refer to none
};

}  // namespace cairn
