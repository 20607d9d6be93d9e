#include "frontends/files/removal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "frontends/files/folder_names.h"
#include "frontends/files/metadata_reader.h"
#include "repo-format/tree_path.h"

namespace cairn::files {
namespace {

constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
constexpr int kHinderingFlags = static_cast<int>(kFlagImmutable | kFlagAppend);

bool IsFolder(int folder, const std::string& name) {
  struct stat status{};
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// unlinkat, again where only flags or rights were in the way. 0, or errno. Other names of the file keep its flags.
int Unlink(int folder, const std::string& name, int flags) {
  if (::unlinkat(folder, name.c_str(), flags) == 0 || errno == ENOENT) return 0;
  if (errno != EPERM && errno != EACCES) return errno;
  MakeChangeable(folder, ".");
  if (flags == AT_REMOVEDIR) MakeChangeable(folder, name);
  const FlagsAside aside(folder, name);
  if (::unlinkat(folder, name.c_str(), flags) == 0 || errno == ENOENT) return 0;
  return errno;
}

Error RemovalError(int error, std::string_view what) {
  if (error == EBUSY || error == EXDEV) {
    return MakeError(ErrorCode::kBusy, "{}: it is left, for another file system is mounted there", what);
  }
  return ErrnoError(error, what);
}

Result<Descriptor> OpenForRemoval(int folder, const std::string& name) {
  MakeChangeable(folder, name);
  Descriptor opened = OpenAt(folder, name.c_str(), kReadFlags | O_DIRECTORY);
  struct stat inside{}, outside{};
  if (!opened.is_open() || ::fstat(opened.get(), &inside) != 0 || ::fstat(folder, &outside) != 0) {
    return ErrnoError(errno, "removing a folder");
  }
  if (inside.st_dev != outside.st_dev) return RemovalError(EBUSY, "removing a folder");
  return opened;
}

// Removes all in `root`, folder by folder: what is in a folder goes, and folders in it come up into `root`.
class Flattening {
 public:
  Flattening(int root, const std::string& spare_name) : root_(root), spare_name_(spare_name) {}

  Result<void> Run() {
    for (;;) {
      ASSIGN_OR_RETURN(const auto names, ReadFolderNames(root_));
      if (names.empty()) return {};
      for (const FolderName& name : names) RETURN_IF_ERROR(RemoveOne(ToString(name.name)));
    }
  }

 private:
  Result<void> RemoveOne(const std::string& name) {
    ASSIGN_OR_RETURN(const bool is_gone, RemoveSimple(root_, name));
    if (is_gone) return {};
    ASSIGN_OR_RETURN(const Descriptor inner, OpenForRemoval(root_, name));
    ASSIGN_OR_RETURN(const auto names, ReadFolderNames(inner.get()));
    for (const FolderName& below : names) RETURN_IF_ERROR(RemoveOrLift(inner.get(), ToString(below.name)));
    if (const int error = Unlink(root_, name, AT_REMOVEDIR); error != 0)
      return RemovalError(error, "removing a folder");
    return {};
  }

  Result<void> RemoveOrLift(int inner, const std::string& name) {
    ASSIGN_OR_RETURN(const bool is_gone, RemoveSimple(inner, name));
    if (is_gone) return {};
    const std::string spare = fmt::format("{}{}", spare_name_, next_++);
    if (::renameat(inner, name.c_str(), root_, spare.c_str()) == 0) return {};
    MakeChangeable(inner, name);  // a folder is written when its ".." changes
    if (::renameat(inner, name.c_str(), root_, spare.c_str()) == 0) return {};
    return RemovalError(errno, "removing a folder");
  }

  // A file or an empty folder; false: a folder that is not empty.
  static Result<bool> RemoveSimple(int folder, const std::string& name) {
    const int error = IsFolder(folder, name) ? Unlink(folder, name, AT_REMOVEDIR) : Unlink(folder, name, 0);
    if (error == ENOTEMPTY || error == EEXIST) return false;
    if (error != 0) return RemovalError(error, "removing " + PathForPeople(AsBytes(name)));
    return true;
  }

  const int root_;
  const std::string& spare_name_;
  uint64_t next_ = 0;
};

}  // namespace

void MakeChangeable(int folder, const std::string& name) {
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  // A file with further names may be something to others, elsewhere.
  if (!S_ISDIR(status.st_mode) && !(S_ISREG(status.st_mode) && status.st_nlink == 1)) return;
  Descriptor opened = OpenAt(folder, name.c_str(), kReadFlags);
  if (!opened.is_open() || (status.st_mode & 0700) != 0700) {
    // By the descriptor and not by the name, which may have become a link.
    const Descriptor place = OpenAt(folder, name.c_str(), O_PATH | O_NOFOLLOW);
    const mode_t rights = S_ISDIR(status.st_mode) ? 0700 : 0600;
    if (place.is_open() && (status.st_mode & rights) != rights) {
      static_cast<void>(::chmod(place.ProcPath().c_str(), (status.st_mode & 07777) | rights));
    }
    if (!opened.is_open()) opened = OpenAt(folder, name.c_str(), kReadFlags);
  }
  int flags = 0;
  if (!opened.is_open() || ::ioctl(opened.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  if ((flags & kHinderingFlags) == 0) return;
  flags &= ~kHinderingFlags;
  static_cast<void>(::ioctl(opened.get(), FS_IOC_SETFLAGS, &flags));
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

Result<void> RemoveAll(int folder, const std::string& name, const std::string& spare_name) {
  if (!IsFolder(folder, name)) {
    if (const int error = Unlink(folder, name, 0); error != 0) return RemovalError(error, "removing it");
    return {};
  }
  if (Unlink(folder, name, AT_REMOVEDIR) == 0) return {};
  ASSIGN_OR_RETURN(const Descriptor root, OpenForRemoval(folder, name));
  RETURN_IF_ERROR(Flattening(root.get(), spare_name).Run());
  if (const int error = Unlink(folder, name, AT_REMOVEDIR); error != 0) return RemovalError(error, "removing it");
  return {};
}

Result<void> Replace(int folder, const std::string& name, const std::string& target, const std::string& spare_name) {
  const auto rename = [&] { return ::renameat(folder, name.c_str(), folder, target.c_str()) == 0; };
  const auto fail = [&](Error error) -> Result<void> {
    Unlink(folder, name, 0);
    return error;
  };
  if (rename()) return {};
  if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {
    if (auto removed = RemoveAll(folder, target, spare_name); !removed) return fail(std::move(removed).error());
    if (rename()) return {};
  } else if (errno == EPERM || errno == EACCES) {
    MakeChangeable(folder, ".");
    const FlagsAside aside(folder, target);
    if (rename()) return {};
    if (errno == EISDIR) return Replace(folder, name, target, spare_name);  // only the folder around it was locked
  }
  return fail(ErrnoError(errno, "replacing what is there"));
}

}  // namespace cairn::files
