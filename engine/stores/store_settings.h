// What a user says about a store, by name: -o s3.region=eu-central-1.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn {

// By name, as a user gives them: "s3.region".
using StoreSettings = std::map<std::string, std::string>;

// One of the settings that there are, for a help text.
struct StoreSettingHelp {
  std::string name, help;
};
const std::vector<StoreSettingHelp>& KnownStoreSettings();
// Of "NAME=VALUE". kInvalidArgument, with the names that there are, where there is none of this name.
Result<void> AddStoreSetting(StoreSettings& settings, const std::string& text);
// "" where it is not given.
std::string SettingOf(const StoreSettings& settings, const std::string& name);

}  // namespace cairn
