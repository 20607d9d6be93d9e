// The table of one job.
#pragma once

#include "frontends/config/table_reader.h"

namespace cairn {

// Whether the repositories that it names are there is looked at when all are known (CheckJob).
Result<ConfiguredJob> ReadJob(const std::string& file, const TomlEntry& entry);
// kInvalidArgument: a repository that is not there, twice, or copied into itself.
Result<void> CheckJob(const Configuration& configuration, const ConfiguredJob& job);

}  // namespace cairn
