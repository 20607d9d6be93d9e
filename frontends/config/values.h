// Values as people write them, behind an option or in the configuration file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/jobs/prune.h"
#include "repo-format/base/result.h"

namespace cairn {

// "256M", "1.5G", "4096", "100KiB"; kInvalidArgument names what is wrong.
Result<uint64_t> ParseBytes(std::string_view text);
// Tags, joined by commas: none empty, no control characters, and short enough for a table.
Result<std::vector<std::string>> ParseTags(const std::string& list);
// How many to keep: a number, or "unlimited".
Result<uint32_t> ParseKeepCount(const std::string& text);
// Unused bytes that may stay ("5%", "1G", "unlimited"), and the most that is moved ("": all).
Result<PruneOptions> ParsePruneOptions(const std::string& max_unused, const std::string& max_repack_size);
// "90s", "10m", "1h", "90": 1 to 604800 seconds.
Result<uint32_t> ParseTimeLimit(const std::string& text);

}  // namespace cairn
