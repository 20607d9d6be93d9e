#include "engine/env/process_identity.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace cairn {
namespace {

std::string FirstLine(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The 22nd field, counted behind the name, which may hold anything.
std::string StartTime() {
  constexpr int kFieldsBehindName = 20;
  const std::string stat = FirstLine("/proc/self/stat");
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string field;
  for (int i = 0; i < kFieldsBehindName; ++i) fields >> field;
  return field;
}

}  // namespace

std::string ProcessIdentity() {
  std::error_code ignored;
  const std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
  return FirstLine("/proc/sys/kernel/random/boot_id") + " " + space + " " + std::to_string(getpid()) + " " +
         StartTime();
}

}  // namespace cairn
