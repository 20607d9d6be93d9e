// Which files may be backups: what is given, and what is in folders.
#pragma once

#include <string>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn::import {

struct OriginalWalk {
  struct Problem {
    std::string path;
    Error error;
  };
  std::vector<std::string> files;   // absolute, without links; each once
  std::vector<std::string> named;   // those of them that were given, and not found in a folder; ascending
  std::vector<Problem> unreadable;  // folders
  std::vector<std::string> passed;  // links, devices, pipes: what is no file
};

// Errors of what was given: kNotFound, kPermission, kInvalidArgument. Folders of `spared` are not entered (the
// repository), links not followed; logs and journals beside their database are a part of it.
Result<OriginalWalk> FindOriginals(const std::vector<std::string>& sources, const std::vector<std::string>& spared);

}  // namespace cairn::import
