#include "frontends/import/original_walk.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "repo-format/tree_path.h"

namespace cairn::import {
namespace {

namespace fs = std::filesystem;

struct Free {
  void operator()(char* text) const { ::free(text); }
};

bool IsBesideItsDatabase(const fs::path& path) {
  constexpr std::array<std::string_view, 3> kEndings = {"-wal", "-shm", "-journal"};
  const std::string& text = path.native();
  return std::ranges::any_of(kEndings, [&](std::string_view ending) {
    std::error_code error;
    return text.ends_with(ending) && fs::is_regular_file(text.substr(0, text.size() - ending.size()), error);
  });
}

void Walk(const std::string& folder, const std::vector<std::string>& spared, OriginalWalk& walk) {
  if (std::ranges::find(spared, folder) != spared.end()) return;
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(*entry);
  }
  if (error) walk.unreadable.push_back({folder, ErrnoError(error.value(), "reading the folder")});
  std::ranges::sort(entries);
  for (const fs::directory_entry& entry : entries) {
    const std::string& path = entry.path().native();
    const fs::file_status status = entry.symlink_status(error);
    if (fs::is_directory(status)) {
      Walk(path, spared, walk);
    } else if (!fs::is_regular_file(status)) {
      walk.passed.push_back(path);
    } else if (!IsBesideItsDatabase(entry.path())) {
      walk.files.push_back(path);
    }
  }
}

}  // namespace

Result<OriginalWalk> FindOriginals(const std::vector<std::string>& sources, const std::vector<std::string>& spared) {
  OriginalWalk walk;
  for (const std::string& source : sources) {
    const std::unique_ptr<char, Free> real(::realpath(source.c_str(), nullptr));
    if (real == nullptr) return ErrnoError(errno, "looking at " + PathForPeople(AsBytes(source)));
    const std::string path = real.get();
    std::error_code error;
    if (fs::is_directory(path, error)) {
      Walk(path, spared, walk);
    } else if (fs::is_regular_file(path, error)) {
      walk.files.push_back(path);
      walk.named.push_back(path);
    } else {
      return MakeError(ErrorCode::kInvalidArgument, "{} is neither a file nor a folder",
                       PathForPeople(AsBytes(source)));
    }
  }
  std::ranges::sort(walk.files);
  const auto repeated = std::ranges::unique(walk.files);
  walk.files.erase(repeated.begin(), repeated.end());
  std::ranges::sort(walk.named);
  return walk;
}

}  // namespace cairn::import
