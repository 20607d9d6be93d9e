// The zone in which names of backups tell the time.
#pragma once

#include <string>

#include "repo-format/base/result.h"

namespace cairn {

// "Europe/Berlin", "UTC", "+01:00"; kInvalidArgument: there is no such zone.
Result<std::string> ParseZone(const std::string& text);
// Makes it this process's local zone: times are read, shown and kept in it. Before other threads ask for the time.
void UseZone(const std::string& parsed);

}  // namespace cairn
