#include "tests/support/temp_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "repo-format/base/check.h"

namespace cairn {

TempFolder::TempFolder() : path_((std::filesystem::temp_directory_path() / "cairn-test-XXXXXX").string()) {
  CHECK(mkdtemp(path_.data()) != nullptr);
}

TempFolder::TempFolder(std::string_view parent) : path_(std::string(parent) + "/cairn-test-XXXXXX") {
  CHECK(mkdtemp(path_.data()) != nullptr);
}

TempFolder TempFolder::InMemory() {
  std::error_code ignored;
  const bool there = std::filesystem::is_directory("/dev/shm", ignored);
  return TempFolder(there ? "/dev/shm" : std::filesystem::temp_directory_path().string());
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

}  // namespace cairn
