#include "frontends/files/file_sink.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <set>

#include "engine/env/file_system.h"
#include "frontends/files/changeable.h"
#include "frontends/files/folder_names.h"
#include "frontends/files/metadata_reader.h"
#include "frontends/files/metadata_writer.h"
#include "frontends/files/removal.h"
#include "frontends/files/sink_root.h"
#include "repo-format/base/units.h"

namespace cairn {

using files::Descriptor;
using files::SinkRoot;

namespace {

constexpr uint64_t kReserveBytesMin = 256 * kKiB;  // smaller files are laid out well without
constexpr int kFileFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

std::optional<NodeType> TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return NodeType::kFile;
    case S_IFDIR:
      return NodeType::kFolder;
    case S_IFLNK:
      return NodeType::kSymlink;
    case S_IFCHR:
      return NodeType::kCharDevice;
    case S_IFBLK:
      return NodeType::kBlockDevice;
    case S_IFIFO:
      return NodeType::kFifo;
    case S_IFSOCK:
      return NodeType::kSocket;
    default:
      return std::nullopt;
  }
}

// Is this Error that nothing can be at a path, for want of a folder above?
bool IsMissingWay(const Error& error) {
  return error.code() == ErrorCode::kNotFound || error.system_errno() == ELOOP || error.system_errno() == ENOTDIR;
}

Result<void> WriteAll(int fd, uint64_t offset, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoError(errno, fmt::format("writing at byte {}", offset));
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

}  // namespace

struct FileSink::Shared {
  Shared(FileSinkOptions options_in, const Random& random_in, SinkRoot root_in)
      : options(std::move(options_in)), random(random_in), root(std::move(root_in)), pool(options.open_files_max) {}
  ~Shared() { IgnoreError(changed.PutBack(root), "the sink was not closed, and nobody asks what of this failed"); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  std::string TemporaryName() const {
    std::array<uint8_t, 8> id{};
    random.Fill(id);
    return ".cairn-" + ToHex(id);
  }

  // One finding a kind: a user who may not set owners may set none.
  void TellOnce(std::string_view kind, const TreePath& path, const Error& error) {
    FindingSink tell;
    {
      const std::lock_guard lock(mutex);
      if (!told.emplace(kind).second) return;
      tell = findings;
    }
    if (!tell) return;
    tell({Finding::Severity::kWarning, error.code(), PathForPeople(path),
          fmt::format("{} ({}: told once, for the first of perhaps many)", error.message(), kind)});
  }

  files::MetadataWriter Writer(const TreePath& path) {
    return {names, options.numeric_ids,
            [this, path](std::string_view kind, const Error& error) { TellOnce(kind, path, error); }};
  }

  const FileSinkOptions options;
  const Random& random;
  const SinkRoot root;
  files::ChangedFolders changed;
  files::OwnerNames names;
  files::DescriptorPool pool;
  std::mutex mutex;
  // Guarded by mutex.
  FindingSink findings;
  std::set<std::string, std::less<>> told;
};

// Its descriptor may be closed between two calls, and is opened again by name; then it must be the same file.
class FileSink::File : public SinkFile {
 public:
  File(std::shared_ptr<Shared> shared, TreePath path, std::string open_name, bool is_new)
      : shared_(std::move(shared)),
        path_(std::move(path)),
        open_name_(std::move(open_name)),
        is_new_(is_new),
        slot_(shared_->pool) {}
  ~File() override {
    if (is_finished_) return;
    if (!is_new_) {
      MakeOld();
      return;
    }
    slot_.Close();
    if (const auto place = shared_->root.Find(path_)) ::unlinkat(place->folder(), open_name_.c_str(), 0);
  }

  Result<void> Take(Descriptor opened);
  bool is_in_place() const override { return !is_new_; }
  Result<void> WriteAt(uint64_t offset, ByteSpan bytes) override;
  Result<size_t> ReadAt(uint64_t offset, MutableByteSpan target) override;
  Result<void> MakeHole(uint64_t offset, uint64_t length) override;
  Result<void> SetSize(uint64_t size) override;
  Result<void> SetMetadata(const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes) override;
  Result<void> Finish(uint64_t size) override;

 private:
  Result<std::shared_ptr<const Descriptor>> Use();
  void MakeOld();
  Result<void> WriteZeros(int fd, uint64_t offset, uint64_t length);

  const std::shared_ptr<Shared> shared_;
  const TreePath path_;
  const std::string open_name_;
  const bool is_new_;
  bool is_finished_ = false, is_written_ = false;
  std::optional<uint64_t> size_;  // of a new file, as far as it is known
  std::optional<Node> flags_;     // those that are to be set at the end
  files::FileId id_;
  files::DescriptorPool::Slot slot_;
};

Result<void> FileSink::File::Take(Descriptor opened) {
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return ErrnoError(errno, "opening the file");
  id_ = files::IdOf(status);
  if (is_new_) size_ = static_cast<uint64_t>(status.st_size);
  slot_.Set(std::move(opened));
  return {};
}

Result<std::shared_ptr<const Descriptor>> FileSink::File::Use() {
  if (auto open = slot_.Get()) return open;
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path_));
  Descriptor opened = files::OpenAt(place.folder(), open_name_.c_str(), kFileFlags);
  struct stat status{};
  if (!opened.is_open() || ::fstat(opened.get(), &status) != 0) return ErrnoError(errno, "opening the file again");
  if (files::IdOf(status) != id_) {
    return Error(ErrorCode::kBusy, "another file took the place of the one that is restored");
  }
  return slot_.Set(std::move(opened));
}

// Half of one state and half of another: no rule that compares times may take it for right.
void FileSink::File::MakeOld() {
  if (!is_written_) return;
  const auto file = Use();
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  if (file) static_cast<void>(::futimens((*file)->get(), times));
}

Result<void> FileSink::File::WriteAt(uint64_t offset, ByteSpan bytes) {
  ASSIGN_OR_RETURN(const auto file, Use());
  is_written_ = true;
  RETURN_IF_ERROR(WriteAll(file->get(), offset, bytes));
  if (size_) size_ = std::max(*size_, offset + bytes.size());
  return {};
}

Result<size_t> FileSink::File::ReadAt(uint64_t offset, MutableByteSpan target) {
  ASSIGN_OR_RETURN(const auto file, Use());
  size_t filled = 0;
  while (filled < target.size()) {
    const ssize_t got =
        ::pread(file->get(), target.data() + filled, target.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, fmt::format("reading at byte {}", offset + filled));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

Result<void> FileSink::File::WriteZeros(int fd, uint64_t offset, uint64_t length) {
  const Bytes zeros(std::min<uint64_t>(length, 256 * kKiB), 0);
  while (length > 0) {
    const size_t part = std::min<uint64_t>(length, zeros.size());
    RETURN_IF_ERROR(WriteAll(fd, offset, ByteSpan(zeros).first(part)));
    offset += part;
    length -= part;
  }
  return {};
}

Result<void> FileSink::File::MakeHole(uint64_t offset, uint64_t length) {
  if (length == 0) return {};
  ASSIGN_OR_RETURN(const auto file, Use());
  is_written_ = true;
  size_.reset();
  if (!shared_->options.sparse) return WriteZeros(file->get(), offset, length);
  const int done = ::fallocate(file->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                               static_cast<off_t>(length));
  if (done == 0) return {};
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return ErrnoError(errno, "making a hole");
  // Behind the end there is nothing to take away: the size alone makes zeros of it.
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return ErrnoError(errno, "making a hole");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (offset >= size) return {};
  return WriteZeros(file->get(), offset, std::min(length, size - offset));
}

Result<void> FileSink::File::SetSize(uint64_t size) {
  if (size_ == size) return {};
  ASSIGN_OR_RETURN(const auto file, Use());
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return ErrnoError(errno, "setting the size");
  if (static_cast<uint64_t>(status.st_size) == size) return {};
  if (::ftruncate(file->get(), static_cast<off_t>(size)) != 0) return ErrnoError(errno, "setting the size");
  is_written_ = true;
  if (size_) size_ = size;
  return {};
}

Result<void> FileSink::File::SetMetadata(const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes) {
  ASSIGN_OR_RETURN(const auto file, Use());
  ASSIGN_OR_RETURN(const bool flags_remain, shared_->Writer(path_).WriteOpen(file->get(), node, attributes));
  if (flags_remain) flags_ = node;
  return {};
}

Result<void> FileSink::File::Finish(uint64_t size) {
  CHECK(!is_finished_);
  RETURN_IF_ERROR(SetSize(size));
  ASSIGN_OR_RETURN(const auto file, Use());  // held: the name may be another's from here on
  slot_.Close();
  is_finished_ = true;
  if (is_new_) {
    ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path_));
    RETURN_IF_ERROR(files::Replace(shared_->root, shared_->changed, open_name_, place));
  }
  return flags_ ? shared_->Writer(path_).WriteFlags(file->get(), *flags_) : Result<void>();
}

FileSink::FileSink(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
FileSink::~FileSink() = default;

Result<std::unique_ptr<FileSink>> FileSink::Make(FileSinkOptions options, const Random& random) {
  if (options.target.empty()) return Error(ErrorCode::kInvalidArgument, "there is no target folder");
  struct stat there{};
  if (::stat(options.target.c_str(), &there) == 0 && !S_ISDIR(there.st_mode)) {
    return MakeError(ErrorCode::kInvalidArgument, "the target {} is no folder: name the one that the files go into",
                     options.target);
  }
  if (!options.read_only) RETURN_IF_ERROR(MakeFolders(PosixFileSystem(), options.target));
  ASSIGN_OR_RETURN(SinkRoot root, SinkRoot::Open(options.target, options.openat2, !options.read_only));
  return std::unique_ptr<FileSink>(new FileSink(std::make_shared<Shared>(std::move(options), random, std::move(root))));
}

Result<std::optional<SinkExisting>> FileSink::Existing(const TreePath& path) {
  const auto place = shared_->root.Find(path);
  if (!place && IsMissingWay(place.error())) return std::optional<SinkExisting>();
  RETURN_IF_ERROR(place);
  struct statx status{};
  if (::statx(place->folder(), place->name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_MNT_ID, &status) != 0) {
    if (errno == ENOENT) return std::optional<SinkExisting>();
    return ErrnoError(errno, "looking at what is there");
  }
  const dev_t device = makedev(status.stx_dev_major, status.stx_dev_minor);
  // What is of no known type is replaced, as a socket is.
  return std::optional(SinkExisting{TypeOf(status.stx_mode).value_or(NodeType::kSocket),
                                    status.stx_size,
                                    {status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec},
                                    {device, status.stx_ino},
                                    (status.stx_mask & STATX_MNT_ID) != 0 ? status.stx_mnt_id : device});
}

Result<std::vector<Bytes>> FileSink::List(const TreePath& folder) {
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(folder));
  const Descriptor opened = files::OpenAt(place.folder(), place.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!opened.is_open()) return ErrnoError(errno, "listing the folder");
  auto listed = files::ReadFolderNames(opened.get());
  if (!listed && listed.error().system_errno() == EACCES && !shared_->options.read_only) {
    shared_->changed.MakeChangeable(place);  // this user's own, and closed
    listed = files::ReadFolderNames(opened.get());
  }
  RETURN_IF_ERROR(listed);
  std::vector<Bytes> names;
  for (files::FolderName& name : *listed) names.push_back(std::move(name.name));
  std::ranges::sort(names);
  return names;
}

Result<void> FileSink::MakeFolder(const TreePath& path) {
  if (path.empty()) return {};
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path));
  const int folder = place.folder();
  if (::mkdirat(folder, place.name.c_str(), 0700) == 0) return {};
  if (errno == EPERM || errno == EACCES) {
    shared_->changed.MakeFolderChangeable(place);
    if (::mkdirat(folder, place.name.c_str(), 0700) == 0) return {};
  }
  if (errno != EEXIST) return ErrnoError(errno, "making the folder");
  struct stat status{};
  if (::fstatat(folder, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode)) {
    // What comes into it must not fail.
    const bool is_closed = ::faccessat(folder, place.name.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0;
    if (is_closed) shared_->changed.MakeChangeable(place);
    return {};
  }
  RETURN_IF_ERROR(files::Remove(shared_->root, shared_->changed, place));
  if (::mkdirat(folder, place.name.c_str(), 0700) != 0) return ErrnoError(errno, "making the folder");
  return {};
}

namespace {

// The file at `name`, where it is one that may be written in place.
Descriptor OpenExisting(int folder, const std::string& name, const files::MetadataWriter& writer, const Node* node) {
  const auto is_fit = [&](const struct stat& status) {
    if (!S_ISREG(status.st_mode) || status.st_nlink != 1) return false;
    if (node == nullptr) return true;
    // Whoever may read or write what is there would have the new content, or the file, in their hands.
    const bool is_ours = status.st_uid == writer.OwnerOf(*node) || status.st_uid == ::geteuid();
    return is_ours && (status.st_mode & 0777 & ~node->mode) == 0;
  };
  struct stat status{};
  // Looked at first: to open a device may do something.
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !is_fit(status)) return Descriptor();
  Descriptor opened = files::OpenAt(folder, name.c_str(), kFileFlags);
  if (!opened.is_open()) {
    files::MakeChangeable(folder, name);
    opened = files::OpenAt(folder, name.c_str(), kFileFlags);
  }
  if (!opened.is_open() || ::fstat(opened.get(), &status) != 0 || !is_fit(status)) return Descriptor();
  return opened;
}

// Room for the whole file in one go, or at least its size. Where the room is not there, much of the file may be a hole,
// and the writing will tell.
void Reserve(int fd, uint64_t size) {
  if (size < kReserveBytesMin) return;
  struct statfs system{};
  // In memory there is no order to be won, and one thread would fetch all pages.
  const bool is_in_memory = ::fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
  if (!is_in_memory && ::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0) return;
  static_cast<void>(::ftruncate(fd, 0) == 0 && ::ftruncate(fd, static_cast<off_t>(size)) == 0);
}

}  // namespace

Result<std::unique_ptr<SinkFile>> FileSink::OpenFile(const TreePath& path, uint64_t size, bool in_place,
                                                     const Node* node) {
  if (path.empty()) return Error(ErrorCode::kInvalidArgument, "the target itself cannot become a file");
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path));
  const int folder = place.folder();
  if (in_place) {
    Descriptor opened = OpenExisting(folder, place.name, shared_->Writer(path), node);
    if (opened.is_open()) {
      auto file = std::make_unique<File>(shared_, path, place.name, false);
      RETURN_IF_ERROR(file->Take(std::move(opened)));
      return file;
    }
  }
  const std::string name = shared_->TemporaryName();
  Descriptor opened = files::OpenAt(folder, name.c_str(), kFileFlags | O_CREAT | O_EXCL, 0600);
  if (!opened.is_open() && (errno == EPERM || errno == EACCES)) {
    shared_->changed.MakeFolderChangeable(place);
    opened = files::OpenAt(folder, name.c_str(), kFileFlags | O_CREAT | O_EXCL, 0600);
  }
  if (!opened.is_open()) return ErrnoError(errno, "making the file");
  Reserve(opened.get(), size);
  auto file = std::make_unique<File>(shared_, path, name, true);
  RETURN_IF_ERROR(file->Take(std::move(opened)));
  return file;
}

namespace {

int MakeNode(int folder, const std::string& name, const Node& node) {
  const Device device = node.device.value_or(Device{});
  const dev_t number = makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
  switch (node.type) {
    case NodeType::kSymlink:
      return ::symlinkat(ToString(node.target).c_str(), folder, name.c_str());
    case NodeType::kCharDevice:
      return ::mknodat(folder, name.c_str(), S_IFCHR | 0600, number);
    case NodeType::kBlockDevice:
      return ::mknodat(folder, name.c_str(), S_IFBLK | 0600, number);
    case NodeType::kFifo:
      return ::mknodat(folder, name.c_str(), S_IFIFO | 0600, 0);
    default:
      errno = EINVAL;
      return -1;
  }
}

}  // namespace

Result<void> FileSink::MakeSpecial(const TreePath& path, const Node& node) {
  if (path.empty()) return MakeError(ErrorCode::kInvalidArgument, "the target cannot become a {}", Name(node.type));
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path));
  const std::string name = shared_->TemporaryName();
  if (MakeNode(place.folder(), name, node) != 0) {
    if (errno == EPERM || errno == EACCES) shared_->changed.MakeFolderChangeable(place);
    if (MakeNode(place.folder(), name, node) != 0) {
      return ErrnoError(errno, fmt::format("making a {}", Name(node.type)));
    }
  }
  return files::Replace(shared_->root, shared_->changed, name, place);
}

Result<void> FileSink::MakeLink(const TreePath& path, const TreePath& first) {
  ASSIGN_OR_RETURN(const auto source, shared_->root.Find(first));
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path));
  const std::string name = shared_->TemporaryName();
  const auto link = [&] {
    return ::linkat(source.folder(), source.name.c_str(), place.folder(), name.c_str(), 0) == 0;
  };
  // What is unchangeable takes no further name, and none of its names moves: it is so again afterwards.
  std::optional<files::FlagsAside> aside;
  bool is_linked = link();
  if (!is_linked && errno == EPERM) {
    aside.emplace(source.folder(), source.name);
    is_linked = link();
  }
  if (!is_linked) return ErrnoError(errno, "linking to " + PathForPeople(first));
  RETURN_IF_ERROR(files::Replace(shared_->root, shared_->changed, name, place));
  // Where `path` was a name of this file already, the system has left both.
  ::unlinkat(place.folder(), name.c_str(), 0);
  return {};
}

Result<void> FileSink::SetMetadata(const TreePath& path, const Node& node,
                                   const std::vector<std::pair<Bytes, Bytes>>& attributes) {
  ASSIGN_OR_RETURN(const auto place, shared_->root.Find(path));
  RETURN_IF_ERROR(shared_->Writer(path).Write(place.folder(), place.name, node, attributes));
  if (node.type == NodeType::kFolder) shared_->changed.Forget(path);
  return {};
}

Result<void> FileSink::Remove(const TreePath& path) {
  if (path.empty()) return Error(ErrorCode::kInvalidArgument, "the target itself is not removed");
  const auto place = shared_->root.Find(path);
  if (!place && IsMissingWay(place.error())) return {};
  RETURN_IF_ERROR(place);
  return files::Remove(shared_->root, shared_->changed, *place);
}

Result<void> FileSink::Close() { return shared_->changed.PutBack(shared_->root); }

void FileSink::SetFindingSink(FindingSink findings) {
  const std::lock_guard lock(shared_->mutex);
  shared_->findings = std::move(findings);
}

}  // namespace cairn
