// What the process ends with: documented in README, and not to be renumbered.
#pragma once

#include "repo-format/base/error.h"

namespace cairn {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFatal = 1;  // also: check found damage
inline constexpr int kExitUsage = 2;
inline constexpr int kExitIncomplete = 3;  // done, but some files could not be read or restored
inline constexpr int kExitNoRepository = 10;
inline constexpr int kExitWrongPassword = 12;
inline constexpr int kExitInterrupted = 130;

// The exit code for an error, and what a person can do about it ("" where the message says it all). `all_or_none`: what
// failed was to be done whole or not at all, so that nothing of it is kept.
int ExitCodeOf(const Error& error);
std::string WayOut(const Error& error, bool all_or_none);

}  // namespace cairn
