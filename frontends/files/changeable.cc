#include "frontends/files/changeable.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>

#include "frontends/files/metadata_reader.h"

namespace cairn::files {
namespace {

constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
constexpr int kHinderingFlags = static_cast<int>(kFlagImmutable | kFlagAppend);

// Success where another folder, or none, stands there now.
Result<void> Undo(const SinkRoot::Place& place, const Change& change) {
  const Descriptor held = OpenAt(place.folder(), place.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  struct stat status{};
  if (!held.is_open() || ::fstat(held.get(), &status) != 0 || IdOf(status) != change.id) return {};
  // Opened before the right to read it may go, and flagged after the mode, which a flag would hold.
  const Descriptor opened = OpenAt(held.get(), ".", kReadFlags | O_DIRECTORY);
  if (change.rights_added != 0 &&
      ::chmod(held.ProcPath().c_str(), status.st_mode & 07777 & ~change.rights_added) != 0) {
    return ErrnoError(errno, "setting its mode again");
  }
  if (change.flags_removed == 0) return {};
  int flags = 0;
  bool done = opened.is_open() && ::ioctl(opened.get(), FS_IOC_GETFLAGS, &flags) == 0;
  flags |= change.flags_removed;
  done = done && ::ioctl(opened.get(), FS_IOC_SETFLAGS, &flags) == 0;
  if (!done) return ErrnoError(errno, "setting its file system flags again");
  return {};
}

}  // namespace

Change MakeChangeable(int folder, const std::string& name) {
  Change change;
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return change;
  change.id = IdOf(status);
  change.is_folder = S_ISDIR(status.st_mode);
  // A file with further names may be something to others, elsewhere.
  if (!change.is_folder && !(S_ISREG(status.st_mode) && status.st_nlink == 1)) return change;
  Descriptor opened = OpenAt(folder, name.c_str(), kReadFlags);
  if (!opened.is_open() || (status.st_mode & 0700) != 0700) {
    // By the descriptor and not by the name, which may have become a link.
    const Descriptor place = OpenAt(folder, name.c_str(), O_PATH | O_NOFOLLOW);
    const mode_t rights = change.is_folder ? 0700 : 0600;
    const mode_t missing = rights & ~status.st_mode;
    if (place.is_open() && missing != 0 && ::chmod(place.ProcPath().c_str(), (status.st_mode & 07777) | rights) == 0) {
      change.rights_added = missing;
    }
    if (!opened.is_open()) opened = OpenAt(folder, name.c_str(), kReadFlags);
  }
  int flags = 0;
  if (!opened.is_open() || ::ioctl(opened.get(), FS_IOC_GETFLAGS, &flags) != 0) return change;
  const int hindering = flags & kHinderingFlags;
  if (hindering == 0) return change;
  flags &= ~kHinderingFlags;
  if (::ioctl(opened.get(), FS_IOC_SETFLAGS, &flags) == 0) change.flags_removed = hindering;
  return change;
}

FlagsAside::FlagsAside(int folder, const std::string& name) {
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) return;
  file_ = OpenAt(folder, name.c_str(), kReadFlags);
  int flags = 0;
  if (!file_.is_open() || ::ioctl(file_.get(), FS_IOC_GETFLAGS, &flags) != 0 || (flags & kHinderingFlags) == 0) return;
  const int free_flags = flags & ~kHinderingFlags;
  if (::ioctl(file_.get(), FS_IOC_SETFLAGS, &free_flags) == 0) flags_ = flags;
}

FlagsAside::~FlagsAside() {
  if (flags_ != 0) static_cast<void>(::ioctl(file_.get(), FS_IOC_SETFLAGS, &flags_));
}

void ChangedFolders::MakeChangeable(const SinkRoot::Place& place) {
  Note(PathOf(place), files::MakeChangeable(place.folder(), place.name));
}

void ChangedFolders::MakeFolderChangeable(const SinkRoot::Place& place) {
  Note(place.folder_path, files::MakeChangeable(place.folder(), "."));
}

TreePath ChangedFolders::PathOf(const SinkRoot::Place& place) {
  return place.name == "." ? place.folder_path : JoinPath(place.folder_path, AsBytes(place.name));
}

// What it was before the first change; two threads may each have made a part of it.
void ChangedFolders::Note(const TreePath& path, const Change& change) {
  if (!change.is_folder || (change.rights_added == 0 && change.flags_removed == 0)) return;
  const std::lock_guard lock(mutex_);
  const auto [noted, is_new] = changes_.emplace(path, change);
  if (is_new) return;
  if (noted->second.id != change.id) {
    noted->second = change;
    return;
  }
  noted->second.rights_added |= change.rights_added;
  noted->second.flags_removed |= change.flags_removed;
}

void ChangedFolders::Forget(const TreePath& path) {
  const std::lock_guard lock(mutex_);
  changes_.erase(path);
}

Result<void> ChangedFolders::PutBack(const SinkRoot& root) {
  std::map<TreePath, Change> changes;
  {
    const std::lock_guard lock(mutex_);
    std::swap(changes, changes_);
  }
  Result<void> first;
  // Those inside before those around them, through which the way goes.
  for (const auto& [path, change] : std::views::reverse(changes)) {
    const auto place = root.Find(path);
    if (!place) continue;  // moved away, or something else stands on the way
    auto done = Undo(*place, change);
    if (!done && first) first = std::move(done).While(PathForPeople(path));
  }
  return first;
}

}  // namespace cairn::files
