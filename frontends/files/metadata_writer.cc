#include "frontends/files/metadata_writer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "frontends/files/descriptor.h"
#include "frontends/files/metadata_reader.h"
#include "repo-format/tree_path.h"

namespace cairn::files {
namespace {

bool SameType(mode_t mode, NodeType type) {
  switch (type) {
    case NodeType::kFile:
      return S_ISREG(mode);
    case NodeType::kFolder:
      return S_ISDIR(mode);
    case NodeType::kSymlink:
      return S_ISLNK(mode);
    case NodeType::kCharDevice:
      return S_ISCHR(mode);
    case NodeType::kBlockDevice:
      return S_ISBLK(mode);
    case NodeType::kFifo:
      return S_ISFIFO(mode);
    default:
      return false;
  }
}

// One thing of the target, held by a descriptor, so that every step is about the same thing. A device, fifo or link,
// and what may not be read, is held by an O_PATH one, which not every call takes.
class Subject {
 public:
  Subject(const MetadataWriter& writer, int folder, const std::string& name, const Node& node)
      : writer_(writer), folder_(folder), name_(name), node_(node) {}

  Result<void> Open();
  Result<void> Borrow(int file);  // one that is open already, with all rights, and stays so
  // In the order in which one does not undo the other; flags that forbid all of it are taken away before.
  void SetAllButFlags(const std::vector<std::pair<Bytes, Bytes>>& attributes);
  void UnlockFlags();
  void SetOwner();
  void SetMode();
  void SetUserAttributes(const std::vector<std::pair<Bytes, Bytes>>& attributes);  // before the mode
  void SetAttributes(const std::vector<std::pair<Bytes, Bytes>>& attributes);      // the others
  void SetTimes();
  void SetFlags();
  bool HasAllFlags() const;  // those of the node, and no others of those that are kept

 private:
  void Cannot(std::string_view kind, int error, std::string_view what) const {
    writer_.cannot(kind, ErrnoError(error, what));
  }
  int Chown(uid_t uid, gid_t gid) const { return ::fchownat(fd_, "", uid, gid, AT_EMPTY_PATH); }
  void SetAttribute(const std::string& name, const Bytes& value);
  std::string NamePath() const { return fmt::format("/proc/self/fd/{}/{}", folder_, name_); }

  const MetadataWriter& writer_;
  const int folder_;
  const std::string& name_;
  const Node& node_;
  Descriptor owned_;
  int fd_ = -1;
  bool is_real_ = false;  // not an O_PATH one
  struct stat status_{};
  bool has_user_ = false, has_group_ = false;  // as wanted, after SetOwner
  int flags_ = 0;                              // as they are after UnlockFlags; all bits
  bool has_flags_ = false;
};

Result<void> Subject::Open() {
  if (node_.type == NodeType::kFile || node_.type == NodeType::kFolder) {
    owned_ = OpenAt(folder_, name_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    is_real_ = owned_.is_open();
  }
  if (!owned_.is_open()) owned_ = OpenAt(folder_, name_.c_str(), O_PATH | O_NOFOLLOW);
  fd_ = owned_.get();
  if (!owned_.is_open() || ::fstat(fd_, &status_) != 0) return ErrnoError(errno, "setting metadata");
  if (!SameType(status_.st_mode, node_.type)) {
    return MakeError(ErrorCode::kBusy, "something else than the restored {} stands there now", Name(node_.type));
  }
  return {};
}

Result<void> Subject::Borrow(int file) {
  fd_ = file;
  is_real_ = true;
  if (::fstat(fd_, &status_) != 0) return ErrnoError(errno, "setting metadata");
  return {};
}

void Subject::SetAllButFlags(const std::vector<std::pair<Bytes, Bytes>>& attributes) {
  UnlockFlags();
  SetOwner();
  SetUserAttributes(attributes);
  SetMode();
  SetAttributes(attributes);
  SetTimes();
}

// What is unchangeable takes no owner, mode, attribute or time.
void Subject::UnlockFlags() {
  has_flags_ = is_real_ && ::ioctl(fd_, FS_IOC_GETFLAGS, &flags_) == 0;
  constexpr int kHindering = static_cast<int>(kFlagImmutable | kFlagAppend);
  if (!has_flags_ || (flags_ & kHindering) == 0) return;
  const int free_flags = flags_ & ~kHindering;
  if (::ioctl(fd_, FS_IOC_SETFLAGS, &free_flags) == 0) flags_ = free_flags;
}

void Subject::SetOwner() {
  const uint64_t uid = writer_.OwnerOf(node_);
  uint64_t gid = node_.gid;
  if (!writer_.numeric_ids && !node_.group.empty()) gid = writer_.names.GroupId(node_.group).value_or(gid);
  has_user_ = uid == status_.st_uid;
  has_group_ = gid == status_.st_gid;
  if (has_user_ && has_group_) return;
  if (Chown(static_cast<uid_t>(uid), static_cast<gid_t>(gid)) == 0) {
    has_user_ = has_group_ = true;
    return;
  }
  const int error = errno;
  // Who may not give a file away may still give it to another group of theirs.
  has_group_ = has_group_ || Chown(static_cast<uid_t>(-1), static_cast<gid_t>(gid)) == 0;
  Cannot("owner", error, fmt::format("setting owner {} and group {}", uid, gid));
}

void Subject::SetMode() {
  if (node_.type == NodeType::kSymlink) return;
  mode_t mode = node_.mode & 07777;
  // The right to act as somebody is not given in the name of somebody else.
  if (!has_user_) mode &= ~static_cast<mode_t>(S_ISUID);
  if (!has_group_ && node_.type == NodeType::kFile) mode &= ~static_cast<mode_t>(S_ISGID);
  if (mode != (node_.mode & 07777)) Cannot("set-id bits", EPERM, "setting set-user-id or set-group-id bits");
  const int done = is_real_ ? ::fchmod(fd_, mode) : ::chmod(owned_.ProcPath().c_str(), mode);
  if (done != 0) Cannot("mode", errno, fmt::format("setting mode {:04o}", mode));
}

// The kind of an attribute is its namespace; the two ACLs are one kind.
std::string_view KindOf(std::string_view name) {
  if (name.starts_with("system.posix_acl_")) return "ACL";
  const size_t dot = name.find('.');
  return name.substr(0, dot == std::string_view::npos ? name.size() : dot);
}

// Those of the namespace `user` ask for the right to write, which the mode may be about to take away.
bool IsOfUser(std::string_view name) { return name.starts_with("user."); }

// What the system gives to each new file by itself, and this restore did not: not what labels it (security.selinux).
bool IsLeftOver(std::string_view name) {
  return name.starts_with("user.") || name.starts_with("trusted.") || name.starts_with("system.posix_acl_") ||
         name == "security.capability";
}

void Subject::SetAttribute(const std::string& name, const Bytes& value) {
  const int done = is_real_ ? ::fsetxattr(fd_, name.c_str(), value.data(), value.size(), 0)
                            : ::lsetxattr(NamePath().c_str(), name.c_str(), value.data(), value.size(), 0);
  if (done != 0) {
    Cannot(fmt::format("{} attributes", KindOf(name)), errno,
           fmt::format("setting extended attribute {}", PathForPeople(AsBytes(name))));
  }
}

void Subject::SetAttributes(const std::vector<std::pair<Bytes, Bytes>>& attributes) {
  const auto present = ListAttributes(is_real_ ? fd_ : -1, NamePath());
  if (present) {
    for (const std::string& name : *present) {
      const bool is_wanted =
          std::ranges::any_of(attributes, [&](const auto& one) { return AsText(one.first) == name; });
      if (is_wanted || !IsLeftOver(name)) continue;
      const int done = is_real_ ? ::fremovexattr(fd_, name.c_str()) : ::lremovexattr(NamePath().c_str(), name.c_str());
      if (done != 0 && errno != ENODATA) {
        Cannot(fmt::format("{} attributes", KindOf(name)), errno,
               fmt::format("removing extended attribute {}", PathForPeople(AsBytes(name))));
      }
    }
  }
  for (const auto& [name, value] : attributes) {
    if (std::ranges::find(name, 0) == name.end() && !IsOfUser(AsText(name))) SetAttribute(ToString(name), value);
  }
}

void Subject::SetUserAttributes(const std::vector<std::pair<Bytes, Bytes>>& attributes) {
  const bool any = std::ranges::any_of(attributes, [](const auto& one) { return IsOfUser(AsText(one.first)); });
  if (!any) return;
  const bool is_closed = (status_.st_mode & S_IWUSR) == 0 && ::geteuid() != 0;
  if (is_closed && is_real_) static_cast<void>(::fchmod(fd_, (status_.st_mode & 07777) | S_IWUSR));
  for (const auto& [name, value] : attributes) {
    if (std::ranges::find(name, 0) == name.end() && IsOfUser(AsText(name))) SetAttribute(ToString(name), value);
  }
}

void Subject::SetTimes() {
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = node_.modified.seconds;
  times[1].tv_nsec = node_.modified.nanoseconds;
  int done = is_real_ ? ::futimens(fd_, times) : ::utimensat(fd_, "", times, AT_EMPTY_PATH);
  if (done != 0 && !is_real_) done = ::utimensat(folder_, name_.c_str(), times, AT_SYMLINK_NOFOLLOW);
  if (done != 0) {
    Cannot("times", errno, "setting the time of modification");
    return;
  }
  // Outside of what a file system can keep the system sets what is nearest, and says nothing.
  const bool is_unusual = node_.modified.seconds < 0 || node_.modified.seconds > std::numeric_limits<int32_t>::max();
  struct stat now{};
  if (is_unusual && ::fstat(fd_, &now) == 0 && TimeOf(now.st_mtim) != node_.modified) {
    Cannot("times", ERANGE, fmt::format("setting the time of modification {}", node_.modified.seconds));
  }
}

void Subject::SetFlags() {
  if (node_.type != NodeType::kFile && node_.type != NodeType::kFolder) return;
  const int wanted = static_cast<int>(node_.flags & kFlagsKept);
  if (!has_flags_) {
    if (wanted != 0) Cannot("flags", ENOTSUP, fmt::format("setting file system flags {:#x}", wanted));
    return;
  }
  const int flags = (flags_ & ~static_cast<int>(kFlagsKept)) | wanted;
  if (flags == flags_) return;
  if (::ioctl(fd_, FS_IOC_SETFLAGS, &flags) != 0) {
    Cannot("flags", errno, fmt::format("setting file system flags {:#x}", wanted));
  }
}

bool Subject::HasAllFlags() const {
  const auto flags = has_flags_ ? static_cast<uint64_t>(flags_) & kFlagsKept : 0;
  return flags == (node_.flags & kFlagsKept);
}

}  // namespace

uint64_t MetadataWriter::OwnerOf(const Node& node) const {
  if (numeric_ids || node.user.empty()) return node.uid;
  return names.UserId(node.user).value_or(node.uid);
}

Result<void> MetadataWriter::Write(int folder, const std::string& name, const Node& node,
                                   const std::vector<std::pair<Bytes, Bytes>>& attributes) const {
  Subject subject(*this, folder, name, node);
  RETURN_IF_ERROR(subject.Open());
  subject.SetAllButFlags(attributes);
  subject.SetFlags();
  return {};
}

namespace {

const std::string kNoName;

}  // namespace

Result<bool> MetadataWriter::WriteOpen(int file, const Node& node,
                                       const std::vector<std::pair<Bytes, Bytes>>& attributes) const {
  Subject subject(*this, -1, kNoName, node);
  RETURN_IF_ERROR(subject.Borrow(file));
  subject.SetAllButFlags(attributes);
  return !subject.HasAllFlags();
}

Result<void> MetadataWriter::WriteFlags(int file, const Node& node) const {
  Subject subject(*this, -1, kNoName, node);
  RETURN_IF_ERROR(subject.Borrow(file));
  subject.UnlockFlags();
  subject.SetFlags();
  return {};
}

}  // namespace cairn::files
