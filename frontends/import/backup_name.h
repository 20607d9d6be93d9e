// What the name of a backup says: when it was made, and of which series it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cairn::import {

// "2026-11-20" or "2026-11-20T22:25:16", with "Z" behind it where the name has that; ParseTime reads it.
using WrittenTime = std::string;

struct BackupName {
  std::optional<WrittenTime> time;
  std::string series;  // the absolute path without dates and without what says that it is compressed
};

// By the last name of an absolute path, else by the nearest folder that is called by a date:
// "X_20261120_222516.sql.gz", "X_2026-11-20T22-25-16.sql", "20261120.db", "20261120/X.db".
BackupName ReadBackupName(const std::string& path);
// The name of a series' file: "X.sql".
std::string FileNameOfSeries(const std::string& series);

}  // namespace cairn::import
