// The end of a dump where it goes to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/env/finding.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn {

// What stands at a path of the target already.
struct SinkExisting {
  NodeType type = NodeType::kFile;
  uint64_t size = 0;
  WireTime modified;
  std::pair<uint64_t, uint64_t> file = {};  // device and inode: equal for two names of one file
  uint64_t mount = 0;                       // equal for what lies in one mounted file system, or in one binding of it
};

// A file that is being written. One thread at a time for one file; several files at once. Many thousands may be open:
// the sink keeps a bounded number of descriptors.
class SinkFile {
 public:
  virtual ~SinkFile() = default;
  virtual bool is_in_place() const = 0;  // what was there is being written; else it is replaced in Finish
  virtual Result<void> WriteAt(uint64_t offset, ByteSpan bytes) = 0;
  // What is there already (in-place restores); fewer bytes at its end.
  virtual Result<size_t> ReadAt(uint64_t offset, MutableByteSpan target) = 0;
  // The bytes from offset on become a hole (or zeros where the file system has none).
  virtual Result<void> MakeHole(uint64_t offset, uint64_t length) = 0;
  virtual Result<void> SetSize(uint64_t size) = 0;
  // As Sink::SetMetadata, of this very file, whatever stands at its name; before Finish.
  virtual Result<void> SetMetadata(const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes) = 0;
  // Sets the size and ends the writing: the file is at its place. One that is not finished leaves no trace; written in
  // place, it has a time of modification that is older than any.
  virtual Result<void> Finish(uint64_t size) = 0;
};

// Writes below a target folder and never outside it, whatever names and links stand there: no symbolic link is followed
// below the target. A folder that somebody moves away meanwhile may take along what is still written into it. Errors
// say what was being done; which path it was, the caller knows. Safe for concurrent use on different paths; a folder is
// made before what is in it.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<std::optional<SinkExisting>> Existing(const TreePath& path) = 0;
  // Names in a folder of the target; for --delete.
  virtual Result<std::vector<Bytes>> List(const TreePath& folder) = 0;
  // Success where a folder is there, as it is. Something else there is removed first.
  virtual Result<void> MakeFolder(const TreePath& path) = 0;
  // `in_place`: opens what is there, when it is a file; otherwise a new file replaces what is there, but for a folder
  // with something in it. `size` is reserved.
  // With `node` only a file that is in nobody's hands but those that it will be in is written in place: with the owner,
  // and without rights beyond, of the node.
  virtual Result<std::unique_ptr<SinkFile>> OpenFile(const TreePath& path, uint64_t size, bool in_place,
                                                     const Node* node = nullptr) = 0;
  // Symbolic link, device, fifo; replaces what is there, but for a folder with something in it.
  virtual Result<void> MakeSpecial(const TreePath& path, const Node& node) = 0;
  // `path` becomes another name of `first`.
  virtual Result<void> MakeLink(const TreePath& path, const TreePath& first) = 0;
  // Owner, mode, attributes, ACLs, flags, times, in the order that the system needs; for folders after all that is in
  // them. What this system or user cannot set is a Finding (one a kind), not an Error. `attributes` are node.attributes
  // with their values.
  virtual Result<void> SetMetadata(const TreePath& path, const Node& node,
                                   const std::vector<std::pair<Bytes, Bytes>>& attributes) = 0;
  // Removes a file, or a folder that is empty; success where nothing is there. kBusy where another file system is
  // mounted.
  virtual Result<void> Remove(const TreePath& path) = 0;
  // When no SinkFile is left: what is on the way alone, and had to be opened to be written into, is as it was, mode and
  // flags. Also where SetMetadata did not come to it, because the writing ended early. An Error names the folder.
  virtual Result<void> Close() = 0;
  virtual void SetFindingSink(FindingSink findings) = 0;
};

}  // namespace cairn
