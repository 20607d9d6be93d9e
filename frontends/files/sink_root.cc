#include "frontends/files/sink_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "repo-format/node.h"

namespace cairn::files {
namespace {

constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kRaceRetries = 8;

Descriptor OpenBeneath(int root, const std::string& path) {
  open_how how{};
  how.flags = static_cast<uint64_t>(kFolderFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  // EAGAIN: somebody moved a folder while the kernel walked, so that it cannot vouch for the way.
  for (int tries = 0; tries < kRaceRetries; ++tries) {
    fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return Descriptor(fd);
}

}  // namespace

Result<SinkRoot> SinkRoot::Open(const std::string& target, bool has_openat2, bool must_be) {
  SinkRoot root;
  root.root_ = OpenAt(AT_FDCWD, target.c_str(), O_PATH | O_DIRECTORY);
  if (!root.root_.is_open() && errno == ENOENT && !must_be) return root;
  if (!root.root_.is_open()) return ErrnoError(errno, "target " + PathForPeople(AsBytes(target)));
  root.has_openat2_ = has_openat2;
  return root;
}

Result<Descriptor> SinkRoot::WalkTo(std::string_view path) const {
  Descriptor folder = OpenAt(root_.get(), ".", kFolderFlags);
  while (folder.is_open() && !path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    folder = OpenAt(folder.get(), std::string(path.substr(0, end)).c_str(), kFolderFlags);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  if (!folder.is_open()) return ErrnoError(errno, "opening its folder");
  return folder;
}

Result<Descriptor> SinkRoot::OpenFolder(std::string_view path) const {
  if (!has_openat2_ || path.empty()) return WalkTo(path);
  Descriptor folder = OpenBeneath(root_.get(), std::string(path));
  if (folder.is_open()) return folder;
  switch (errno) {
    case ENOSYS:  // an old system, or one that forbids the call (EPERM, by seccomp)
    case EPERM:
    case E2BIG:
    case EAGAIN:
    case ENAMETOOLONG:  // a path of many names
      return WalkTo(path);
    default:
      return ErrnoError(errno, "opening its folder");
  }
}

Result<SinkRoot::Place> SinkRoot::Find(const TreePath& path) const {
  for (std::string_view rest = AsText(path); !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    if (!IsNodeName(AsBytes(rest.substr(0, end))) || end + 1 == rest.size()) {
      return MakeError(ErrorCode::kInvalidArgument, "{} is no path of a snapshot", PathForPeople(path));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!root_.is_open()) return Error(ErrorCode::kNotFound, "there is no target folder");
  const std::string_view text = AsText(path);
  const size_t slash = text.rfind('/');
  const std::string_view above = slash == std::string_view::npos ? std::string_view() : text.substr(0, slash);
  ASSIGN_OR_RETURN(Descriptor folder, OpenFolder(above));
  return Place{std::move(folder), path.empty() ? "." : std::string(text.substr(slash + 1)), ToBytes(AsBytes(above))};
}

}  // namespace cairn::files
