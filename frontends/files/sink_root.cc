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

Result<std::shared_ptr<const Descriptor>> SinkRoot::UseFolder(std::string_view path) const {
  auto& folders = kept_->folders;
  const auto is_it = [&](const auto& kept) { return kept.first == path; };
  uint64_t removals = 0;
  {
    const std::lock_guard lock(kept_->mutex);
    removals = kept_->removals;
    if (const auto found = std::ranges::find_if(folders, is_it); found != folders.end()) {
      folders.splice(folders.begin(), folders, found);
      return found->second;
    }
  }
  ASSIGN_OR_RETURN(Descriptor opened, OpenFolder(path));
  auto folder = std::make_shared<const Descriptor>(std::move(opened));
  std::shared_ptr<const Descriptor> closing;  // after the lock is gone
  const std::lock_guard lock(kept_->mutex);
  if (kept_->removals != removals) return folder;  // it may be what was removed
  folders.emplace_front(path, folder);             // perhaps twice, by two threads
  if (folders.size() > kKeptMax) {
    closing = std::move(folders.back().second);
    folders.pop_back();
  }
  return folder;
}

void SinkRoot::Forget() const {
  const std::lock_guard lock(kept_->mutex);
  kept_->folders.clear();
  ++kept_->removals;
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
  ASSIGN_OR_RETURN(auto folder, UseFolder(above));
  return Place{std::move(folder), path.empty() ? "." : std::string(text.substr(slash + 1)), ToBytes(AsBytes(above))};
}

}  // namespace cairn::files
