// What this machine's runs asked of a far store, a day and command a line: so that it can be told what a month costs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/env/clock.h"
#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "engine/store/counting_store.h"

namespace cairn {

struct RequestDay {
  std::string day;      // "2026-11-20", of UTC
  std::string command;  // "backup"
  uint64_t runs = 0;
  RequestCounts counts;
};

// A file in the cache's folder of a repository. It may be lost at any time, and a damaged one counts as missing. Kept
// are the newest 62 days. Safe for concurrent use by processes; borrows the files.
class RequestLog {
 public:
  RequestLog(FileSystem& files, std::string cache_folder);
  // One run. kBusy where others write to it all the while.
  Result<void> Add(std::string_view command, const RequestCounts& counts, const Clock& clock, const Random& random);
  // Ascending by day and command.
  std::vector<RequestDay> Load() const;

 private:
  FileSystem& files_;
  const std::string path_;
};

}  // namespace cairn
