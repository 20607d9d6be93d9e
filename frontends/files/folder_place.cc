#include "frontends/files/folder_place.h"

#include <fcntl.h>

#include <cerrno>

namespace cairn::files {
namespace {

// O_PATH asks for no right to the folder itself: one may pass through what one may not list.
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW;

}  // namespace

// A chain of thousands of parents is let go one by one, not in as many nested destructors.
FolderPlace::~FolderPlace() {
  std::shared_ptr<FolderPlace> parent = std::move(parent_);
  while (parent != nullptr && parent.use_count() == 1) parent = std::exchange(parent->parent_, nullptr);
}

Result<std::shared_ptr<FolderPlace>> FolderPlace::OpenRoot(DescriptorPool& pool) {
  auto root = std::make_shared<FolderPlace>(pool, nullptr, Bytes());
  Descriptor opened = OpenAt(AT_FDCWD, "/", kFolderFlags);
  if (!opened.is_open()) return ErrnoError(errno, "opening /");
  RETURN_IF_ERROR(root->Identify(opened, true));
  root->slot_.Set(std::move(opened));
  return root;
}

Result<std::shared_ptr<FolderPlace>> FolderPlace::Open(const std::shared_ptr<FolderPlace>& parent, const Bytes& name) {
  auto place = std::make_shared<FolderPlace>(parent->slot_.pool(), parent, name);
  ASSIGN_OR_RETURN(const auto folder, parent->Use());
  Descriptor opened = OpenAt(folder->get(), place->name_.c_str(), kFolderFlags);
  if (!opened.is_open()) return ErrnoError(errno, "opening the folder");
  RETURN_IF_ERROR(place->Identify(opened, true));
  place->slot_.Set(std::move(opened));
  return place;
}

Result<void> FolderPlace::Identify(const Descriptor& opened, bool first) {
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return ErrnoError(errno, "opening the folder");
  if (first) {
    id_ = IdOf(status);
  } else if (id_ != IdOf(status)) {
    return Error(ErrorCode::kBusy, "the folder was replaced by another while it was read");
  }
  return {};
}

Result<std::shared_ptr<const Descriptor>> FolderPlace::Use() {
  if (auto open = slot_.Get()) return open;
  std::vector<FolderPlace*> closed;  // from here upwards
  std::shared_ptr<const Descriptor> above;
  FolderPlace* lowest = this;
  for (; above == nullptr && lowest->parent_ != nullptr; lowest = lowest->parent_.get()) {
    closed.push_back(lowest);
    above = lowest->parent_->slot_.Get();
  }
  if (above == nullptr) {
    Descriptor root = OpenAt(AT_FDCWD, "/", kFolderFlags);
    if (!root.is_open()) return ErrnoError(errno, "opening / again");
    above = std::make_shared<const Descriptor>(std::move(root));
  }
  for (auto place = closed.rbegin(); place != closed.rend(); ++place) {
    Descriptor opened = OpenAt(above->get(), (*place)->name_.c_str(), kFolderFlags);
    if (!opened.is_open()) return ErrnoError(errno, "opening the folder again");
    RETURN_IF_ERROR((*place)->Identify(opened, false));
    // Only the one that is asked for is kept: those above would push each other out.
    above = *place == this ? slot_.Set(std::move(opened)) : std::make_shared<const Descriptor>(std::move(opened));
  }
  return above;
}

TreePath FolderPlace::Path() const {
  std::vector<const std::string*> names;
  for (const FolderPlace* place = this; place->parent_ != nullptr; place = place->parent_.get()) {
    names.push_back(&place->name_);
  }
  TreePath path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path.push_back('/');
    Append(path, AsBytes(**name));
  }
  return path;
}

}  // namespace cairn::files
