#include "tests/unit/frontends/files/files_fixture.h"

#include <grp.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>

namespace cairn::files_test {

void WriteFile(const std::string& path, std::string_view bytes, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  CHECK(::fchmod(fd, mode) == 0);
  ::close(fd);
}

void MakeFolder(const std::string& path, mode_t mode) {
  CHECK(::mkdir(path.c_str(), 0700) == 0);
  CHECK(::chmod(path.c_str(), mode) == 0);
}

void MakeLink(const std::string& target, const std::string& path) {
  CHECK(::symlink(target.c_str(), path.c_str()) == 0);
}

std::string ReadFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fmt::format("<{}>", std::strerror(errno));
  std::string bytes;
  char buffer[4096];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof(buffer))) > 0;) bytes.append(buffer, static_cast<size_t>(got));
  ::close(fd);
  return bytes;
}

bool Exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

struct stat StatOf(const std::string& path) {
  struct stat status{};
  CHECK(::lstat(path.c_str(), &status) == 0);
  return status;
}

void SetTime(const std::string& path, int64_t seconds, uint32_t nanoseconds) {
  const timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
  CHECK(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

bool TrySetAttribute(const std::string& path, const std::string& name, std::string_view value) {
  return ::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0;
}

bool TrySetFlags(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int all = 0;
  bool done = fd >= 0 && ::ioctl(fd, FS_IOC_GETFLAGS, &all) == 0;
  constexpr int kOurs = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL;
  all = (all & ~kOurs) | flags;
  done = done && ::ioctl(fd, FS_IOC_SETFLAGS, &all) == 0;
  if (fd >= 0) ::close(fd);
  return done;
}

int FlagsOf(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int flags = 0;
  CHECK(fd >= 0 && ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0);
  ::close(fd);
  return flags & (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL);
}

int AsNobody(const std::function<int()>& body) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<std::string> SeenTree::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, seen] : entries) paths.push_back(path);
  return paths;
}

const Seen& SeenTree::at(const std::string& path) const {
  static const Seen kNone;
  const auto found = entries.find(path);
  EXPECT_NE(found, entries.end()) << path << " is not there";
  return found == entries.end() ? kNone : found->second;
}

std::vector<std::string> SeenTree::FindingLines() const {
  std::vector<std::string> lines;
  for (const Finding& finding : findings) {
    const std::string_view severity = finding.severity == Finding::Severity::kNote ? "note" : "warning";
    std::string object = finding.object;
    const std::string prefix = base + "/";
    if (object.starts_with(prefix)) object.erase(0, prefix.size());
    lines.push_back(fmt::format("{} {}: {}", severity, object, finding.detail));
  }
  return lines;
}

namespace {

class Reading {
 public:
  Reading(SeenTree& tree, bool also_above) : tree_(tree), also_above_(also_above) {}

  void Folder(SourceFolder& folder, const std::string& path) {
    auto entries = folder.List();
    if (!entries) {
      tree_.findings.push_back({Finding::Severity::kWarning, entries.error().code(), path.empty() ? "" : path.substr(1),
                                entries.error().message()});
      return;
    }
    for (const SourceEntry& entry : *entries) Entry(folder, entry, path + "/" + ToString(entry.name));
  }

 private:
  void Entry(SourceFolder& folder, const SourceEntry& entry, const std::string& path) {
    Seen seen{.entry = entry};
    if (auto metadata = folder.ReadMetadata(entry)) {
      seen.metadata = *std::move(metadata);
    } else {
      seen.unread = metadata.error().message();
    }
    if (entry.type == NodeType::kFile) Read(folder, entry, seen);
    const bool is_below = path.starts_with(tree_.base + "/") || path == tree_.base;
    const std::string name = path == tree_.base ? "" : is_below ? path.substr(tree_.base.size() + 1) : path;
    if (is_below || also_above_) tree_.entries[name] = seen;
    if (entry.type != NodeType::kFolder) return;
    auto inner = folder.OpenFolder(entry);
    if (inner) {
      Folder(**inner, path);
    } else {
      tree_.findings.push_back(
          {Finding::Severity::kWarning, inner.error().code(), path.substr(1), inner.error().message()});
    }
  }

  void Read(SourceFolder& folder, const SourceEntry& entry, Seen& seen) {
    auto file = folder.OpenFile(entry);
    if (!file) {
      seen.unread = file.error().message();
      return;
    }
    Bytes buffer(10'000);
    for (;;) {
      auto extent = (*file)->NextExtent();
      ASSERT_OK(extent);
      if (extent->length == 0) return;
      seen.extents.push_back(*extent);
      if (extent->hole) {
        if (extent->length < 100'000'000) seen.bytes.append(extent->length, '\0');
        continue;
      }
      for (;;) {
        auto got = (*file)->Read(buffer);
        ASSERT_OK(got);
        if (*got == 0) break;
        seen.bytes.append(AsText(ByteSpan(buffer).first(*got)));
      }
    }
  }

  SeenTree& tree_;
  const bool also_above_;
};

}  // namespace

SeenTree ReadSource(Source& source, const std::string& base, bool also_above) {
  SeenTree tree;
  tree.base = base;
  auto root = source.OpenRoot([&](const Finding& finding) { tree.findings.push_back(finding); });
  EXPECT_OK(root);
  if (root) Reading(tree, also_above).Folder(**root, "");
  return tree;
}

SeenTree ReadTree(FileSourceOptions options, const std::string& base) {
  auto source = FileSource::Make(std::move(options));
  EXPECT_OK(source);
  return source ? ReadSource(**source, base) : SeenTree();
}

SeenTree ReadTree(const std::string& folder) { return ReadTree({.paths = {folder}}, folder); }

Node NodeOf(const Seen& seen) {
  Node node;
  node.name = seen.entry.name;
  node.type = seen.entry.type;
  node.mode = seen.entry.mode;
  node.uid = seen.entry.uid;
  node.gid = seen.entry.gid;
  node.user = seen.metadata.user;
  node.group = seen.metadata.group;
  node.modified = seen.entry.modified;
  node.size = seen.entry.size;
  node.flags = seen.metadata.flags;
  node.target = seen.metadata.target;
  const bool is_device = node.type == NodeType::kCharDevice || node.type == NodeType::kBlockDevice;
  if (is_device) node.device = seen.entry.device;
  return node;
}

void CopyTo(const SeenTree& tree, Sink& sink) {
  std::map<std::pair<Bytes, uint64_t>, TreePath> first;
  for (const auto& [name, seen] : tree.entries) {
    if (name.empty()) continue;
    SCOPED_TRACE(PathForPeople(AsBytes(name)));
    const TreePath path = Text(name);
    if (seen.entry.linked) {
      const auto [known, is_new] = first.emplace(std::pair(seen.entry.mount_path, seen.entry.inode), path);
      if (!is_new) {
        ASSERT_OK(sink.MakeLink(path, known->second));
        continue;
      }
    }
    if (seen.entry.type == NodeType::kFolder) {
      ASSERT_OK(sink.MakeFolder(path));
      continue;
    }
    if (seen.entry.type == NodeType::kFile) {
      auto file = sink.OpenFile(path, seen.entry.size, false);
      ASSERT_OK(file);
      uint64_t offset = 0;
      for (const SourceFile::Extent& extent : seen.extents) {
        if (extent.hole) {
          ASSERT_OK((*file)->MakeHole(offset, extent.length));
        } else {
          ASSERT_OK((*file)->WriteAt(offset, AsBytes(std::string_view(seen.bytes).substr(offset, extent.length))));
        }
        offset += extent.length;
      }
      ASSERT_OK((*file)->Finish(seen.entry.size));
    } else {
      ASSERT_OK(sink.MakeSpecial(path, NodeOf(seen)));
    }
    ASSERT_OK(sink.SetMetadata(path, NodeOf(seen), seen.metadata.attributes));
  }
  for (auto entry = tree.entries.rbegin(); entry != tree.entries.rend(); ++entry) {
    const auto& [name, seen] = *entry;
    if (name.empty() || seen.entry.type != NodeType::kFolder) continue;
    ASSERT_OK(sink.SetMetadata(Text(name), NodeOf(seen), seen.metadata.attributes));
  }
}

namespace {

std::vector<std::pair<bool, uint64_t>> Holes(const Seen& seen) {
  std::vector<std::pair<bool, uint64_t>> holes;
  for (const SourceFile::Extent& extent : seen.extents) holes.emplace_back(extent.hole, extent.length);
  return holes;
}

std::string Compare(const Seen& a, const Seen& b) {
  std::string what;
  const auto same = [&what](bool is_same, std::string_view name) {
    if (!is_same) what += fmt::format(" {}", name);
  };
  same(a.entry.type == b.entry.type, "type");
  same(a.entry.mode == b.entry.mode, "mode");
  same(a.entry.uid == b.entry.uid && a.entry.gid == b.entry.gid, "owner");
  same(a.entry.modified == b.entry.modified, "time");
  same(a.entry.size == b.entry.size, "size");
  same(a.entry.linked == b.entry.linked, "linked");
  const bool is_device = a.entry.type == NodeType::kCharDevice || a.entry.type == NodeType::kBlockDevice;
  if (is_device) same(a.entry.device == b.entry.device, "device");
  same(a.bytes == b.bytes, "bytes");
  same(Holes(a) == Holes(b), "holes");
  same(a.metadata.attributes == b.metadata.attributes, "attributes");
  same(a.metadata.flags == b.metadata.flags, "flags");
  same(a.metadata.target == b.metadata.target, "target");
  same(a.unread == b.unread, "unread");
  return what;
}

}  // namespace

std::vector<std::string> Differences(const SeenTree& a, const SeenTree& b) {
  std::vector<std::string> lines;
  for (const auto& [path, seen] : a.entries) {
    if (path.empty()) continue;
    const auto other = b.entries.find(path);
    const std::string what = other == b.entries.end() ? " missing" : Compare(seen, other->second);
    if (!what.empty()) lines.push_back(PathForPeople(AsBytes(path)) + ":" + what);
  }
  for (const auto& [path, seen] : b.entries) {
    if (!a.entries.contains(path)) lines.push_back(PathForPeople(AsBytes(path)) + ": added");
  }
  return lines;
}

}  // namespace cairn::files_test
