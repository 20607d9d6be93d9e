// Where the configuration file is, and what it says.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "frontends/config/configuration.h"
#include "repo-format/base/result.h"

namespace cairn {

struct ConfigPlace {
  std::string path;
  bool is_named = false;  // by somebody, rather than found where one is looked for
};

// `option`: of the command line, "" not given. Then CAIRN_CONFIG, then cairn/cairn.toml in XDG_CONFIG_HOME (~/.config),
// then /etc/cairn/cairn.toml. Nothing where none is named, and none is there.
std::optional<ConfigPlace> FindConfigFile(const std::string& option,
                                          const std::function<std::string(const char* name)>& environment);
// Where one is looked for, for an error.
std::string ConfigFilePlaces(const std::function<std::string(const char* name)>& environment);

// Reads and checks it all. kPermission where others than its owner, who must be this user or root, may write it or its
// folder: it names commands that are run. kNotFound; kInvalidArgument names file, line, column and key.
Result<Configuration> ReadConfigFile(const std::string& path);
// The same of a text. `file`: for errors.
Result<Configuration> ParseConfiguration(std::string_view text, const std::string& file);

}  // namespace cairn
