// Times as people write and read them.
#pragma once

#include <string>
#include <string_view>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"
#include "repo-format/wire_writer.h"

namespace cairn {

// "2026-11-20", "2026-11-20T22:25:16", "2026-11-20 22:25:16.066720692", with "Z" or "+01:00" or in local time,
// "2026-11-20 22:25"; else kInvalidArgument.
Result<WireTime> ParseTime(std::string_view text, const Clock& clock);
// The last moment of the day, minute, second, or fraction of one that is named so.
Result<WireTime> ParseEndOfTime(std::string_view text, const Clock& clock);
// "2026-11-20 22:25:16" in the given offset; "@<seconds>" beyond the calendar.
std::string FormatTime(const WireTime& time, int32_t offset_minutes);
// In the offset that was in force then: ParseTime reads it so.
std::string FormatTimeThen(const WireTime& time, const Clock& clock);
WireTime ToWireTime(UnixNs when);

}  // namespace cairn
