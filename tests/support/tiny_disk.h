// A real file system that is small enough to be filled.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace cairn {

enum class TinyDiskResult { kPassed, kFailed, kNotAllowed };

// Runs `test` in a child process which has a tmpfs of `bytes` at the path that it is given. kFailed: an EXPECT or
// ASSERT in it failed, and is printed. kNotAllowed: this system lets us mount nothing; skip the test.
TinyDiskResult RunOnTinyDisk(uint64_t bytes, const std::function<void(const std::string& path)>& test);

// Called by such a test: from now on the disk is mounted for reading only.
bool RemountReadOnly(const std::string& path);

}  // namespace cairn
