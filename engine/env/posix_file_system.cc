#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "engine/env/file_system.h"

namespace cairn {
namespace {

// A descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(Descriptor&& other) noexcept : value_(other.Release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return value_; }
  int Release() { return std::exchange(value_, -1); }
  explicit operator bool() const { return value_ >= 0; }

 private:
  int value_;
};

int OpenRetry(const std::string& path, int flags, mode_t mode = 0) {
  for (;;) {
    const int descriptor = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (descriptor >= 0 || errno != EINTR) return descriptor;
  }
}

Result<void> WriteAll(int descriptor, ByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return ErrnoError(written < 0 ? errno : EIO, "writing " + path);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

bool SyncDescriptor(int descriptor) {
  while (fsync(descriptor) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

Result<size_t> ReadAt(int descriptor, uint64_t offset, MutableByteSpan target, const std::string& path) {
  size_t done = 0;
  while (done < target.size()) {
    const ssize_t got =
        pread(descriptor, target.data() + done, target.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "reading " + path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

// What 64 bits of nanoseconds do not hold is the nearest that they do; two of them may be subtracted.
UnixNs ToUnixNs(const timespec& time) {
  constexpr int64_t kSecondsMax = 9'000'000'000;
  return std::clamp<int64_t>(time.tv_sec, 0, kSecondsMax) * 1'000'000'000 + time.tv_nsec;
}

FileInfo ToFileInfo(std::string name, const struct stat& info) {
  return {.name = std::move(name),
          .is_folder = S_ISDIR(info.st_mode),
          .size = static_cast<uint64_t>(info.st_size),
          .modified = ToUnixNs(info.st_mtim),
          .is_other = !S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode),
          .identity = {info.st_dev, info.st_ino}};
}

// Where the system has no exclusive rename (EINVAL from NFS, from many FUSE file systems, and from kernels that do not
// know the call: ENOSYS): a second name is as exclusive, and the first one goes.
Result<void> RenameNewByLink(const std::string& source, const std::string& target) {
  if (link(source.c_str(), target.c_str()) != 0) {
    const int link_errno = errno;
    // A network file system may answer a request that it repeats itself with EEXIST: the count of names tells.
    struct stat info{};
    const bool linked = link_errno == EEXIST && lstat(source.c_str(), &info) == 0 && info.st_nlink == 2;
    if (!linked) return ErrnoError(link_errno, "linking " + target);
  }
  // The name is filled now, whatever becomes of the other one.
  unlink(source.c_str());
  return {};
}

class PosixLock : public FileLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}

 private:
  Descriptor descriptor_;
};

class PosixNamelessFile : public NamelessFile {
 public:
  PosixNamelessFile(Descriptor file, const std::string& folder)
      : file_(std::move(file)), what_("a file without a name in " + folder) {}

  Result<void> Append(ByteSpan bytes) override { return WriteAll(file_.get(), bytes, what_); }

  Result<void> WriteStart(ByteSpan bytes) override {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t written = pwrite(file_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return ErrnoError(written < 0 ? errno : EIO, "writing " + what_);
      done += static_cast<size_t>(written);
    }
    return {};
  }

  Result<void> Read(uint64_t offset, MutableByteSpan target) override {
    ASSIGN_OR_RETURN(const size_t got, ReadAt(file_.get(), offset, target, what_));
    if (got == target.size()) return {};
    return MakeError(ErrorCode::kIo, "{} ended after {} of {} bytes at offset {}", what_, got, target.size(), offset);
  }

  // By /proc: the call that needs no name wants a privilege.
  Result<void> GiveName(const std::string& path) override {
    const std::string self = "/proc/self/fd/" + std::to_string(file_.get());
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return ErrnoError(errno, "creating " + path);
    }
    what_ = path;
    return {};
  }

  Result<void> Sync() override {
    if (SyncDescriptor(file_.get())) return {};
    return ErrnoError(errno, "syncing " + what_);
  }

 private:
  const Descriptor file_;
  std::string what_;
};

class Posix : public FileSystem {
 public:
  Result<void> WriteNewFile(const std::string& path, ByteSpan bytes) override {
    const Descriptor file(OpenRetry(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    if (!file) return ErrnoError(errno, "creating " + path);
    auto written = WriteAll(file.get(), bytes, path);
    if (written && !SyncDescriptor(file.get())) written = ErrnoError(errno, "syncing " + path);
    if (!written) unlink(path.c_str());  // a half file is worth nothing to anybody
    return written;
  }

  Result<std::unique_ptr<NamelessFile>> NewNamelessFile(const std::string& folder) override {
    Descriptor file(OpenRetry(folder, O_RDWR | O_TMPFILE, 0600));
    if (file) return std::unique_ptr<NamelessFile>(std::make_unique<PosixNamelessFile>(std::move(file), folder));
    // EISDIR and EINVAL are what systems say that do not know of it.
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
      return MakeError(ErrorCode::kUnsupported, "the file system of {} knows no files without a name", folder);
    }
    return ErrnoError(errno, "creating a file in " + folder);
  }

  Result<Bytes> ReadFile(const std::string& path) override {
    Bytes bytes;
    RETURN_IF_ERROR(ReadFileInto(path, bytes));
    return bytes;
  }

  Result<void> ReadFileInto(const std::string& path, Bytes& bytes) override {
    bytes.clear();
    uint64_t length = 0;
    ASSIGN_OR_RETURN(const Descriptor file, OpenToRead(path, &length));
    if (bytes.capacity() < length) bytes = Bytes();  // before there are others
    bytes.resize(length);
    const auto got = ReadAt(file.get(), 0, bytes, path);
    bytes.resize(got ? *got : 0);
    return got ? Result<void>() : Result<void>(got.error());
  }

  Result<Bytes> ReadRange(const std::string& path, uint64_t offset, uint64_t size) override {
    uint64_t length = 0;
    ASSIGN_OR_RETURN(const Descriptor file, OpenToRead(path, &length));
    if (offset > length || size > length - offset) {
      return Corrupt("{} has {} bytes, {} at offset {} are wanted", path, length, size, offset);
    }
    Bytes bytes(size);
    ASSIGN_OR_RETURN(const size_t got, ReadAt(file.get(), offset, bytes, path));
    if (got != size) return Corrupt("{} ended after {} of {} bytes at offset {}", path, got, size, offset);
    return bytes;
  }

  Result<void> Rename(const std::string& source, const std::string& target) override {
    if (rename(source.c_str(), target.c_str()) == 0) return {};
    return ErrnoError(errno, "renaming to " + target);
  }

  Result<void> RenameNew(const std::string& source, const std::string& target) override {
    if (renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno == EINVAL || errno == ENOSYS) return RenameNewByLink(source, target);
    return ErrnoError(errno, "renaming to " + target);
  }

  Result<void> Remove(const std::string& path) override {
    if (unlink(path.c_str()) == 0) return {};
    return ErrnoError(errno, "removing " + path);
  }

  Result<void> RemoveFolder(const std::string& path) override {
    if (rmdir(path.c_str()) == 0) return {};
    return ErrnoError(errno, "removing folder " + path);
  }

  Result<void> MakeFolder(const std::string& path) override {
    if (mkdir(path.c_str(), 0700) == 0) return {};
    const int first_errno = errno;  // EROFS and others come before EEXIST
    struct stat info{};
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    return ErrnoError(first_errno, "making folder " + path);
  }

  Result<void> SyncFolder(const std::string& path) override {
    const Descriptor folder(OpenRetry(path, O_RDONLY | O_DIRECTORY));
    if (!folder) return ErrnoError(errno, "opening folder " + path);
    // EINVAL: the file system has no such call, and keeps names by means of its own.
    if (!SyncDescriptor(folder.get()) && errno != EINVAL) return ErrnoError(errno, "syncing folder " + path);
    return {};
  }

  Result<FileInfo> Stat(const std::string& path) override {
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) return ErrnoError(errno, "looking at " + path);
    const size_t slash = path.rfind('/');
    return ToFileInfo(slash == std::string::npos ? path : path.substr(slash + 1), info);
  }

  Result<void> List(const std::string& path, const std::function<void(const FileInfo&)>& each) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
    if (folder == nullptr) return ErrnoError(errno, "opening folder " + path);
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(folder.get());
      if (entry == nullptr && errno != 0) return ErrnoError(errno, "reading folder " + path);
      if (entry == nullptr) return {};
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info{};
      const bool found = fstatat(dirfd(folder.get()), name.c_str(), &info, 0) == 0 ||
                         fstatat(dirfd(folder.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
      if (!found && errno == ENOENT) continue;  // gone since it was listed
      if (!found) return ErrnoError(errno, "looking at " + path + "/" + name);
      each(ToFileInfo(name, info));
    }
  }

  Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) override {
    for (;;) {
      Descriptor file(OpenRetry(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
      if (!file) return ErrnoError(errno, "opening lock file " + path);
      if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return std::unique_ptr<FileLock>();
        return ErrnoError(errno, "locking " + path);
      }
      // Between the two calls its last holder may have removed it: a lock of a file without a name excludes nobody.
      struct stat held{};
      struct stat named{};
      if (fstat(file.get(), &held) != 0) return ErrnoError(errno, "looking at " + path);
      const bool same = stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
      if (same) return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(file.Release()));
    }
  }

  Result<Space> FreeSpace(const std::string& path) override {
    struct statvfs info{};
    if (statvfs(path.c_str(), &info) != 0) return ErrnoError(errno, "looking at the file system of " + path);
    const uint64_t unit = info.f_frsize != 0 ? info.f_frsize : info.f_bsize;
    return Space{info.f_bavail * unit, info.f_blocks * unit};
  }

 private:
  // O_NONBLOCK: the open of a pipe would wait for a writer.
  static Result<Descriptor> OpenToRead(const std::string& path, uint64_t* length) {
    Descriptor file(OpenRetry(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    if (!file) return ErrnoError(errno, "opening " + path);
    struct stat info{};
    if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "looking at " + path);
    if (!S_ISREG(info.st_mode)) return Corrupt("{} is no regular file", path);
    *length = static_cast<uint64_t>(info.st_size);
    return file;
  }
};

}  // namespace

Result<void> FileSystem::ReadFileInto(const std::string& path, Bytes& bytes) {
  bytes = Bytes();  // before there are others
  ASSIGN_OR_RETURN(bytes, ReadFile(path));
  return {};
}

FileSystem& PosixFileSystem() {
  static Posix files;
  return files;
}

Result<void> MakeFolders(FileSystem& files, const std::string& path) {
  const auto info = files.Stat(path);
  if (info && info->is_folder) return {};
  const size_t last = path.find_last_not_of('/');
  const size_t slash = last == std::string::npos ? std::string::npos : path.rfind('/', last);
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (parent != "." && parent != "/") RETURN_IF_ERROR(MakeFolders(files, parent));
  RETURN_IF_ERROR(files.MakeFolder(path));
  auto synced = files.SyncFolder(parent);
  if (!synced && synced.error().code() == ErrorCode::kPermission) return {};  // may be written to, but not opened
  return synced;
}

}  // namespace cairn
