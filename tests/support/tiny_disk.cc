#include "tests/support/tiny_disk.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

constexpr int kPassedStatus = 0;
constexpr int kFailedStatus = 1;
constexpr int kNotAllowedStatus = 77;

bool WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  return static_cast<bool>(file.flush());
}

// Mounts that only this process and its children see; who is not root becomes so in a world of its own.
bool EnterOwnWorld() {
  const auto user = std::to_string(geteuid());
  const auto group = std::to_string(getegid());
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    if (!WriteText("/proc/self/setgroups", "deny")) return false;
    if (!WriteText("/proc/self/uid_map", "0 " + user + " 1")) return false;
    if (!WriteText("/proc/self/gid_map", "0 " + group + " 1")) return false;
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace

TinyDiskResult RunOnTinyDisk(uint64_t bytes, const std::function<void(const std::string& path)>& test) {
  const TempFolder folder;
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return TinyDiskResult::kNotAllowed;
  if (child == 0) {
    const std::string size = "size=" + std::to_string(bytes);
    const char* path = folder.path().c_str();
    const bool mounted = EnterOwnWorld() && mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()) == 0;
    if (!mounted) _exit(kNotAllowedStatus);
    test(folder.path());
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? kFailedStatus : kPassedStatus);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return TinyDiskResult::kFailed;
  if (WEXITSTATUS(status) == kNotAllowedStatus) return TinyDiskResult::kNotAllowed;
  return WEXITSTATUS(status) == kPassedStatus ? TinyDiskResult::kPassed : TinyDiskResult::kFailed;
}

bool RemountReadOnly(const std::string& path) {
  return mount("tmpfs", path.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) == 0;
}

}  // namespace cairn
