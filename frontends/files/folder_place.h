// A folder of the source by its way from the root, with a descriptor that may be closed and opened again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/files/descriptor.h"
#include "repo-format/base/result.h"
#include "repo-format/tree_path.h"

namespace cairn::files {

// Constant after it was opened first, but for the descriptor. Safe for concurrent use.
class FolderPlace {
 public:
  // The root of the file system.
  static Result<std::shared_ptr<FolderPlace>> OpenRoot(DescriptorPool& pool);
  // A folder in `parent`; kNotFound, kPermission, or kIo with ENOTDIR or ELOOP where it is no folder.
  static Result<std::shared_ptr<FolderPlace>> Open(const std::shared_ptr<FolderPlace>& parent, const Bytes& name);

  // An O_PATH descriptor. Where it was closed meanwhile it is opened again, from the nearest folder above that is open;
  // kBusy where another folder stands there now.
  Result<std::shared_ptr<const Descriptor>> Use();
  const FileId& id() const { return id_; }
  TreePath Path() const;

  FolderPlace(DescriptorPool& pool, std::shared_ptr<FolderPlace> parent, const Bytes& name)
      : slot_(pool), parent_(std::move(parent)), name_(ToString(name)) {}
  ~FolderPlace();

 private:
  Result<void> Identify(const Descriptor& opened, bool first);

  DescriptorPool::Slot slot_;
  std::shared_ptr<FolderPlace> parent_;  // nothing: the root
  const std::string name_;
  FileId id_;
};

}  // namespace cairn::files
