#include "frontends/files/metadata_reader.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "frontends/files/descriptor.h"
#include "repo-format/limits.h"
#include "repo-format/tree_path.h"

namespace cairn::files {
namespace {

constexpr unsigned kStatxWanted = STATX_TYPE | STATX_CTIME | STATX_BTIME;

WireTime TimeOf(const statx_timestamp& time) { return {time.tv_sec, time.tv_nsec}; }

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

Result<Bytes> ReadTarget(int folder, const std::string& name) {
  Bytes target(limits::kNameBytesMax + 1);
  const ssize_t got = ::readlinkat(folder, name.c_str(), reinterpret_cast<char*>(target.data()), target.size());
  if (got < 0) return ErrnoError(errno, "reading the link");
  if (static_cast<size_t>(got) > limits::kNameBytesMax) {
    return MakeError(ErrorCode::kUnsupported, "its target is longer than {} bytes", limits::kNameBytesMax);
  }
  target.resize(static_cast<size_t>(got));
  return target;
}

// The value of one attribute; nothing where it has gone meanwhile.
Result<std::optional<Bytes>> ReadAttribute(int fd, const std::string& path, const std::string& name) {
  for (Bytes value(1024);;) {
    const ssize_t got = fd >= 0 ? ::fgetxattr(fd, name.c_str(), value.data(), value.size())
                                : ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (got >= 0) {
      value.resize(static_cast<size_t>(got));
      return std::optional<Bytes>(std::move(value));
    }
    if (errno == ENODATA || errno == ENOENT) return std::optional<Bytes>();
    if (errno != ERANGE || value.size() >= limits::kAttributeBytesMax) {
      return ErrnoError(errno, "extended attribute " + PathForPeople(AsBytes(name)));
    }
    value = Bytes(std::min<size_t>(value.size() * 64, limits::kAttributeBytesMax));
  }
}

void ReadAttributes(int fd, const std::string& path, SourceMetadata& metadata, std::vector<std::string>& problems) {
  auto names = ListAttributes(fd, path);
  if (!names) {
    problems.push_back(names.error().message());
    return;
  }
  for (const std::string& name : *names) {
    auto value = ReadAttribute(fd, path, name);
    if (!value) {
      problems.push_back(value.error().message());
    } else if (*value) {
      metadata.attributes.emplace_back(ToBytes(AsBytes(name)), **std::move(value));
    }
  }
}

uint64_t ReadFlags(int fd, const struct statx& status) {
  int flags = 0;
  if (fd >= 0 && ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) return static_cast<unsigned>(flags) & kFlagsKept;
  // The bits that statx has are numbered as these are.
  return status.stx_attributes & status.stx_attributes_mask & kFlagsKept;
}

}  // namespace

Result<std::vector<std::string>> ListAttributes(int fd, const std::string& path) {
  std::vector<std::string> names;
  for (std::string list(1024, '\0');;) {
    const ssize_t got =
        fd >= 0 ? ::flistxattr(fd, list.data(), list.size()) : ::llistxattr(path.c_str(), list.data(), list.size());
    if (got < 0 && errno == ERANGE) {
      list.resize(list.size() * 8);
      continue;
    }
    // ENOENT: it has gone, or there is no /proc here.
    if (got < 0 && (errno == ENOTSUP || errno == ENOSYS || errno == ENOENT)) return names;
    if (got < 0) return ErrnoError(errno, "extended attributes");
    const std::string_view all(list.data(), static_cast<size_t>(got));
    for (size_t place = 0; place < all.size();) {
      const size_t end = std::min(all.find('\0', place), all.size());
      names.emplace_back(all.substr(place, end - place));
      place = end + 1;
    }
    std::ranges::sort(names, [](const std::string& a, const std::string& b) {
      return std::ranges::lexicographical_compare(AsBytes(a), AsBytes(b));
    });
    return names;
  }
}

Result<SourceMetadata> ReadSourceMetadata(int folder, const std::string& name, NodeType type,
                                          std::vector<std::string>& problems) {
  SourceMetadata metadata;
  Descriptor opened;
  const bool can_open = type == NodeType::kFile || type == NodeType::kFolder;
  if (can_open) {
    // Not an Error where it fails: a folder that may only be passed through has metadata too.
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (type == NodeType::kFolder ? O_DIRECTORY : 0);
    opened = OpenQuietly(folder, name.c_str(), flags);
  }
  struct statx status{};
  const int stated = opened.is_open()
                         ? ::statx(opened.get(), "", AT_EMPTY_PATH, kStatxWanted, &status)
                         : ::statx(folder, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, kStatxWanted, &status);
  if (stated != 0) return ErrnoError(errno, "reading metadata");
  if (!SameType(status.stx_mode, type)) {
    return Error(ErrorCode::kBusy, "it was replaced by something else while it was read");
  }
  metadata.changed = TimeOf(status.stx_ctime);
  if ((status.stx_mask & STATX_BTIME) != 0) metadata.born = TimeOf(status.stx_btime);
  if (type == NodeType::kSymlink) {
    ASSIGN_OR_RETURN(metadata.target, ReadTarget(folder, name));
  }
  if (can_open) metadata.flags = ReadFlags(opened.get(), status);
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder, name);
  ReadAttributes(opened.get(), path, metadata, problems);
  return metadata;
}

}  // namespace cairn::files
