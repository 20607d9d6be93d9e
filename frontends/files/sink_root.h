// The folder that a sink may not leave, and the ways in it.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "frontends/files/descriptor.h"
#include "repo-format/tree_path.h"

namespace cairn::files {

// Safe for concurrent use. No path is followed through a symbolic link, nor through "..", whatever stands there and
// whoever changes it meanwhile: by openat2 with RESOLVE_BENEATH, or name by name where the system has no such call. The
// folders that were used last are kept open: who moves one away takes along what is still written into it.
class SinkRoot {
 public:
  // `target` itself may be reached through links: that is where the user points. `has_openat2` false: name by name.
  // `must_be`: else a target that is missing is one in which nothing is found.
  static Result<SinkRoot> Open(const std::string& target, bool has_openat2, bool must_be = true);

  // The folder that holds the last name of `path` (O_PATH), and this name; "." for the target itself. kNotFound where
  // a folder above is missing; an Error with ELOOP or ENOTDIR where something else stands in the way; kInvalidArgument
  // for a name that no snapshot may have.
  struct Place {
    std::shared_ptr<const Descriptor> opened;  // the folder
    std::string name;
    TreePath folder_path = {};  // of this folder
    int folder() const { return opened->get(); }
  };
  Result<Place> Find(const TreePath& path) const;
  // Every folder is looked for again: one was removed.
  void Forget() const;

 private:
  static constexpr size_t kKeptMax = 16;
  struct Kept {
    std::mutex mutex;
    // Guarded by mutex.
    std::list<std::pair<std::string, std::shared_ptr<const Descriptor>>> folders;  // newest first
    uint64_t removals = 0;
  };
  Result<std::shared_ptr<const Descriptor>> UseFolder(std::string_view path) const;
  Result<Descriptor> OpenFolder(std::string_view path) const;
  Result<Descriptor> WalkTo(std::string_view path) const;

  Descriptor root_;
  bool has_openat2_ = true;
  std::unique_ptr<Kept> kept_ = std::make_unique<Kept>();
};

}  // namespace cairn::files
