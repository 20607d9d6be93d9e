// The given paths as one tree from the root down.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::files {

// A folder above the given paths, or one of them.
struct PathPlan {
  std::map<Bytes, std::unique_ptr<PathPlan>> below;
  bool is_given = false;  // all that is in it belongs to the backup
};

// Absolute, without "." and "..", and with the links above its last name resolved, so that a tree made of such paths
// has a folder where the system has one. The last name stays as it is, be it a link; behind a "/" at the end it is
// resolved too. Where folders are missing, what is missing stays as given.
Result<std::string> ResolvePath(const std::string& path);

// `paths`: as ResolvePath gives them.
PathPlan MakePlan(const std::vector<std::string>& paths);

}  // namespace cairn::files
