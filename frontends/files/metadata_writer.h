// Owner, mode, attributes, ACLs, times and flags of what was restored.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "frontends/files/owner_names.h"
#include "repo-format/node.h"

namespace cairn::files {

struct MetadataWriter {
  OwnerNames& names;
  bool numeric_ids = false;
  // What this system or user cannot set, and what kind of thing that is ("owner", "times"): for one finding a kind.
  std::function<void(std::string_view kind, const Error& error)> cannot;

  // Who will own it, as far as this user may say so.
  uint64_t OwnerOf(const Node& node) const;
  // Sets all that `node` says of `name` in `folder`, in the order in which one does not undo the other: owner, mode,
  // attributes with ACLs, times, flags. An Error where `name` is not what `node` is. Follows no link.
  Result<void> Write(int folder, const std::string& name, const Node& node,
                     const std::vector<std::pair<Bytes, Bytes>>& attributes) const;
  // The same of an open file, but for its flags, which may forbid to rename it. True: those follow by WriteFlags.
  Result<bool> WriteOpen(int file, const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes) const;
  Result<void> WriteFlags(int file, const Node& node) const;
};

}  // namespace cairn::files
