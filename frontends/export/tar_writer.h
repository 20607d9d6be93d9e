// Writes a pax archive (POSIX.1-2001, ustar with extended headers): extended attributes and ACLs as star and GNU tar
// have them, sparse files as GNU tar (version 1.0 of that). One thread.
#pragma once

#include <string>
#include <vector>

#include "frontends/export/byte_sink.h"
#include "frontends/export/data_stretches.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn::exports {

// Into a sink that it borrows and does not finish. Errors are those of writing.
class TarWriter {
 public:
  explicit TarWriter(ByteSink& output) : output_(output) {}

  // The header of an entry. `link_to`: another name of this file is in the archive already; it has no bytes then. A
  // file's bytes follow by Data, exactly node.size of them, or those of `stretches` where they are given, then EndFile.
  Result<void> Header(const TreePath& path, const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes,
                      const TreePath* link_to, const DataStretches* stretches = nullptr);
  Result<void> Data(ByteSpan bytes);
  Result<void> Zeros(uint64_t count);
  Result<void> EndFile();
  Result<void> Finish();

 private:
  Result<void> Block(const std::string& name, char type, uint64_t size, const Node* node, const std::string& link);

  ByteSink& output_;
  uint64_t in_file_ = 0;
};

}  // namespace cairn::exports
