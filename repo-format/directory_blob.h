// A directory, or a part of one, as a metadata blob. SPEC section 10.2.
#pragma once

#include <cstdint>
#include <vector>

#include "repo-format/node.h"

namespace cairn {

struct DirectoryChild {  // inner entry
  Bytes last_name;
  uint64_t leaf_entries = 0;
  uint64_t bytes = 0;  // of files directly below it
  BlobId id;
  void Write(WireWriter& writer) const;
  friend bool operator==(const DirectoryChild&, const DirectoryChild&) = default;
};

struct DirectoryBlob {
  uint8_t depth = 0;
  std::vector<Node> nodes;               // depth 0, ascending by name
  std::vector<DirectoryChild> children;  // depth > 0, ascending by last name

  Bytes Encode() const;
  // The same of so many nodes, or children, that were written one behind the other.
  static Bytes EncodeWith(uint8_t depth, uint64_t count, ByteSpan entries);
  static Result<DirectoryBlob> Parse(ByteSpan blob);
};

// Does a directory blob of this depth end after a name with this hash, HMAC(metadata id key, "cairn cut 1" || name)?
bool CutsDirectory(const Digest& name_hash, unsigned depth);

}  // namespace cairn
