#include "frontends/files/descriptor.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace cairn::files {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::string Descriptor::ProcPath() const { return fmt::format("/proc/self/fd/{}", fd_); }

Descriptor OpenAt(int folder, const char* name, int flags, mode_t mode) {
  int fd;
  do {
    fd = ::openat(folder, name, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

Descriptor OpenQuietly(int folder, const char* name, int flags) {
  Descriptor opened = OpenAt(folder, name, flags | O_NOATIME);
  // Only the owner of a file may leave its access time alone.
  if (!opened.is_open() && errno == EPERM) opened = OpenAt(folder, name, flags);
  return opened;
}

std::shared_ptr<const Descriptor> DescriptorPool::Slot::Get() {
  const std::lock_guard lock(pool_.mutex_);
  if (open_ != nullptr) pool_.used_.splice(pool_.used_.begin(), pool_.used_, place_);
  return open_;
}

std::shared_ptr<const Descriptor> DescriptorPool::Slot::Set(Descriptor descriptor) {
  auto opened = std::make_shared<const Descriptor>(std::move(descriptor));
  std::vector<std::shared_ptr<const Descriptor>> closing;  // after the lock is gone
  const std::lock_guard lock(pool_.mutex_);
  if (open_ != nullptr) return open_;  // another thread was faster
  open_ = opened;
  pool_.used_.push_front(this);
  place_ = pool_.used_.begin();
  while (pool_.used_.size() > pool_.open_max_ && pool_.used_.back() != this) {
    closing.push_back(std::exchange(pool_.used_.back()->open_, nullptr));
    pool_.used_.pop_back();
  }
  return opened;
}

void DescriptorPool::Slot::Close() {
  std::shared_ptr<const Descriptor> closing;
  const std::lock_guard lock(pool_.mutex_);
  if (open_ == nullptr) return;
  closing = std::exchange(open_, nullptr);
  pool_.used_.erase(place_);
}

size_t DescriptorPool::open_count() const {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

}  // namespace cairn::files
