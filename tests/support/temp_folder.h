// A folder that goes with the test.
#pragma once

#include <string>
#include <string_view>

namespace cairn {

class TempFolder {
 public:
  TempFolder();
  // In a file system that lives in memory, where there is one: for what is not under test, and synced often.
  static TempFolder InMemory();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  // The path of something in it.
  std::string operator/(std::string_view name) const;

 private:
  explicit TempFolder(std::string_view parent);
  std::string path_;
};

}  // namespace cairn
