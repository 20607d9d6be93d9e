#include "frontends/files/removal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace cairn::files {
namespace {

bool IsFolder(const SinkRoot::Place& place) {
  struct stat status{};
  return ::fstatat(place.folder(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// unlinkat, again where only flags or rights were in the way. 0, or errno. Other names of the file keep its flags.
int Unlink(ChangedFolders& changed, const SinkRoot::Place& place, int flags) {
  const auto unlink = [&] { return ::unlinkat(place.folder(), place.name.c_str(), flags) == 0 || errno == ENOENT; };
  if (unlink()) return 0;
  if (errno != EPERM && errno != EACCES) return errno;
  changed.MakeFolderChangeable(place);
  if (flags == AT_REMOVEDIR) changed.MakeChangeable(place);
  const FlagsAside aside(place.folder(), place.name);
  return unlink() ? 0 : errno;
}

Error RemovalError(int error, std::string_view what) {
  if (error == EBUSY) {
    return MakeError(ErrorCode::kBusy, "{}: it is left, for another file system is mounted there", what);
  }
  return ErrnoError(error, what);
}

}  // namespace

Result<void> Remove(const SinkRoot& root, ChangedFolders& changed, const SinkRoot::Place& place) {
  const int flags = IsFolder(place) ? AT_REMOVEDIR : 0;
  if (const int error = Unlink(changed, place, flags); error != 0) return RemovalError(error, "removing it");
  if (flags == AT_REMOVEDIR) {
    changed.Forget(place);
    root.Forget();  // another may be made in its place
  }
  return {};
}

Result<void> Replace(const SinkRoot& root, ChangedFolders& changed, const std::string& name,
                     const SinkRoot::Place& target) {
  const int folder = target.folder();
  const auto rename = [&] { return ::renameat(folder, name.c_str(), folder, target.name.c_str()) == 0; };
  const auto fail = [&](Error error) -> Result<void> {
    ::unlinkat(folder, name.c_str(), 0);
    return error;
  };
  if (rename()) return {};
  if (errno == EPERM || errno == EACCES) {
    changed.MakeFolderChangeable(target);
    const FlagsAside aside(folder, target.name);
    if (rename()) return {};
  }
  if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {  // a folder: only an empty one goes
    if (auto removed = Remove(root, changed, target); !removed) return fail(std::move(removed).error());
    if (rename()) return {};
  }
  return fail(ErrnoError(errno, "replacing what is there"));
}

}  // namespace cairn::files
