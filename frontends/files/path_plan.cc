#include "frontends/files/path_plan.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cairn::files {
namespace {

struct FreeDeleter {
  void operator()(char* text) const { ::free(text); }
};
using OwnedText = std::unique_ptr<char, FreeDeleter>;

std::vector<std::string> NamesOf(const std::string& path) {
  std::vector<std::string> names;
  for (size_t place = 0; place < path.size();) {
    const size_t end = std::min(path.find('/', place), path.size());
    std::string name = path.substr(place, end - place);
    if (!name.empty() && name != ".") names.push_back(std::move(name));
    place = end + 1;
  }
  return names;
}

// The real path of the longest part that is there, and the rest as it is.
std::string RealPath(std::vector<std::string> names) {
  std::vector<std::string> missing;
  for (;;) {
    std::string path;
    for (const std::string& name : names) path += "/" + name;
    const OwnedText real(::realpath(names.empty() ? "/" : path.c_str(), nullptr));
    if (real != nullptr || names.empty()) {
      path = real != nullptr ? real.get() : "/";
      for (auto name = missing.rbegin(); name != missing.rend(); ++name) {
        if (*name == "..") continue;  // above what is missing there is nothing to go back to
        if (path.back() != '/') path += '/';
        path += *name;
      }
      return path;
    }
    missing.push_back(std::move(names.back()));
    names.pop_back();
  }
}

}  // namespace

Result<std::string> ResolvePath(const std::string& path) {
  if (path.empty()) return Error(ErrorCode::kInvalidArgument, "a path is empty");
  if (path.find('\0') != std::string::npos) return Error(ErrorCode::kInvalidArgument, "a path holds a zero byte");
  std::string absolute = path;
  if (path[0] != '/') {
    const OwnedText here(::getcwd(nullptr, 0));
    if (here == nullptr) return ErrnoError(errno, "the working folder");
    absolute = std::string(here.get()) + "/" + path;
  }
  std::vector<std::string> names = NamesOf(absolute);
  const bool all = path.ends_with('/') || path.ends_with("/.") || path == "." || names.empty() || names.back() == "..";
  if (all) return RealPath(std::move(names));
  const std::string last = std::move(names.back());
  names.pop_back();
  std::string folder = RealPath(std::move(names));
  if (folder.back() != '/') folder += '/';
  return folder + last;
}

PathPlan MakePlan(const std::vector<std::string>& paths) {
  PathPlan root;
  for (const std::string& path : paths) {
    PathPlan* plan = &root;
    for (const std::string& name : NamesOf(path)) {
      auto& below = plan->below[ToBytes(AsBytes(name))];
      if (below == nullptr) below = std::make_unique<PathPlan>();
      plan = below.get();
    }
    plan->is_given = true;
  }
  return root;
}

}  // namespace cairn::files
