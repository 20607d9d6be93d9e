// A folder that goes with the benchmark, below TMPDIR.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "repo-format/base/check.h"

namespace cairn::bench {

class TempFolder {
 public:
  TempFolder() : path_((std::filesystem::temp_directory_path() / "cairn-bench-XXXXXX").string()) {
    CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cairn::bench
