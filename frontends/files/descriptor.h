// An open file descriptor, and a bounded number of them for things that may be many.
#pragma once

#include <sys/stat.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "repo-format/base/result.h"
#include "repo-format/wire_writer.h"

namespace cairn::files {

// Owns a descriptor and closes it. A plain value that moves; -1 is none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  // What chmod, setxattr and their like need to reach an O_PATH descriptor.
  std::string ProcPath() const;

 private:
  int fd_ = -1;
};

// openat, again after EINTR, always with O_CLOEXEC. errno is set where the result is not open.
Descriptor OpenAt(int folder, const char* name, int flags, mode_t mode = 0);
// The same with O_NOATIME where this user may.
Descriptor OpenQuietly(int folder, const char* name, int flags);

// A file's identity on this machine while it lives.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};
inline FileId IdOf(const struct stat& status) { return {status.st_dev, status.st_ino}; }
inline WireTime TimeOf(const timespec& time) { return {time.tv_sec, static_cast<uint32_t>(time.tv_nsec)}; }

// Keeps the newest used of many descriptors open, and closes the others; whoever uses one holds it meanwhile. Safe for
// concurrent use. Slots must not outlive their pool.
class DescriptorPool {
 public:
  explicit DescriptorPool(size_t open_max) : open_max_(open_max) {}

  class Slot {
   public:
    explicit Slot(DescriptorPool& pool) : pool_(pool) {}
    ~Slot() { Close(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    std::shared_ptr<const Descriptor> Get();  // nothing: closed, open it again
    std::shared_ptr<const Descriptor> Set(Descriptor descriptor);
    void Close();
    DescriptorPool& pool() { return pool_; }

   private:
    friend class DescriptorPool;
    DescriptorPool& pool_;
    std::shared_ptr<const Descriptor> open_;  // guarded by pool_.mutex_
    std::list<Slot*>::iterator place_;        // valid while open_
  };

  size_t open_count() const;

 private:
  const size_t open_max_;
  mutable std::mutex mutex_;
  std::list<Slot*> used_;  // guarded by mutex_: newest first
};

}  // namespace cairn::files
