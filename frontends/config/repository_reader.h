// The table of one repository.
#pragma once

#include "frontends/config/table_reader.h"

namespace cairn {

// Where it lies, with nothing in it that gives it away. kInvalidArgument: the path is relative, or holds a password.
Result<void> CheckConfiguredPath(const std::string& path);
Result<void> CheckRepositoryAddress(const std::string& address);
// One of a PostgreSQL server.
Result<void> CheckServerAddress(const std::string& address);

Result<ConfiguredRepository> ReadRepository(const std::string& file, const TomlEntry& entry);

}  // namespace cairn
