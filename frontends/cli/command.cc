#include "frontends/cli/command.h"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace cairn {
namespace {

// Is `inner` the folder `outer`, or below it? By device and inode of every folder on the way up.
bool IsInside(const std::string& inner, const std::string& outer) {
  struct stat outer_info{};
  if (stat(outer.c_str(), &outer_info) != 0) return false;
  std::string path = inner;
  for (;;) {
    struct stat info{};
    if (stat(path.c_str(), &info) == 0 && info.st_dev == outer_info.st_dev && info.st_ino == outer_info.st_ino) {
      return true;
    }
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos || path == "/") return false;
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
}

std::string Absolute(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) != nullptr) return resolved;
  if (path.starts_with("/")) return path;
  return realpath(".", resolved) == nullptr ? path : std::string(resolved) + "/" + path;
}

}  // namespace

void FilterOptions::AddTo(CLI::App& command) {
  command.add_option("--host", hosts, "Only snapshots of this host (repeatable)")->type_name("HOST");
  command
      .add_option("--tag", tags, "Only snapshots with all of these tags, joined by commas (repeatable: any of them)")
      ->type_name("TAG[,TAG]");
  command.add_option("--path", paths, "Only snapshots of this path (repeatable)")->type_name("PATH");
}

SnapshotFilter FilterOptions::Filter() const {
  if (hosts.empty() && tags.empty() && paths.empty()) return {};
  return [*this](const LoadedSnapshot& snapshot) {
    const auto has_tag = [&](const std::string& tag) {
      return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
    };
    const auto has_all = [&](const std::string& list) {
      return std::ranges::all_of(CLI::detail::split(list, ','), has_tag);
    };
    const auto has_path = [&](const std::string& path) {
      return std::ranges::any_of(snapshot.inner.items, [&](const SnapshotItem& item) {
        return std::ranges::find(item.paths, ToBytes(AsBytes(path))) != item.paths.end();
      });
    };
    const bool host_ok = hosts.empty() || std::ranges::find(hosts, ToString(snapshot.inner.host)) != hosts.end();
    const bool tag_ok = tags.empty() || std::ranges::any_of(tags, has_all);
    const bool path_ok = paths.empty() || std::ranges::any_of(paths, has_path);
    return host_ok && tag_ok && path_ok;
  };
}

void GroupOptions(CLI::App& command, size_t since, const std::string& heading) {
  const std::vector<CLI::Option*> options = command.get_options();
  for (size_t i = since; i < options.size(); ++i) options[i]->group(heading);
}

Result<void> RefuseInsideRepository(const Cli& cli, const std::string& target) {
  const std::string path = Absolute(target);
  if (!IsInside(path, cli.RepositoryFolder())) return {};
  return MakeError(ErrorCode::kInvalidArgument, "the target {} is inside the repository {}: give another place", path,
                   cli.RepositoryFolder());
}

SnapshotPath SnapshotPath::Parse(const std::string& text) {
  // An id has no colon. "latest@2026-11-20T22:25:16:/etc": behind those of a time are digits.
  size_t colon = text.find(':');
  if (text.starts_with("latest@")) {
    const size_t slash = text.find(":/");
    while (colon < slash && colon + 1 < text.size() && text[colon + 1] >= '0' && text[colon + 1] <= '9') {
      colon = text.find(':', colon + 1);
    }
  }
  if (colon == std::string::npos) return {text, ""};
  std::string path;  // with one slash where there are more
  for (const char c : text.substr(colon + 1)) {
    if (c != '/' || (!path.empty() && path.back() != '/')) path.push_back(c);
  }
  while (!path.empty() && path.back() == '/') path.pop_back();
  return {text.substr(0, colon), path};
}

}  // namespace cairn
