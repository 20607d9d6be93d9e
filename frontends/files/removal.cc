#include "frontends/files/removal.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "frontends/files/metadata_reader.h"

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
  if (error == EBUSY) {
    return MakeError(ErrorCode::kBusy, "{}: it is left, for another file system is mounted there", what);
  }
  return ErrnoError(error, what);
}

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

Result<void> Remove(int folder, const std::string& name) {
  const int flags = IsFolder(folder, name) ? AT_REMOVEDIR : 0;
  if (const int error = Unlink(folder, name, flags); error != 0) return RemovalError(error, "removing it");
  return {};
}

Result<void> Replace(int folder, const std::string& name, const std::string& target) {
  const auto rename = [&] { return ::renameat(folder, name.c_str(), folder, target.c_str()) == 0; };
  const auto fail = [&](Error error) -> Result<void> {
    Unlink(folder, name, 0);
    return error;
  };
  if (rename()) return {};
  if (errno == EPERM || errno == EACCES) {
    MakeChangeable(folder, ".");
    const FlagsAside aside(folder, target);
    if (rename()) return {};
  }
  if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {  // a folder: only an empty one goes
    if (auto removed = Remove(folder, target); !removed) return fail(std::move(removed).error());
    if (rename()) return {};
  }
  return fail(ErrnoError(errno, "replacing what is there"));
}

}  // namespace cairn::files
