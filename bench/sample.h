// Bytes to measure on. They are the same in every run on a machine, whatever version of cairn measures.
#pragma once

#include <string>

#include "repo-format/base/bytes.h"

namespace cairn::bench {

enum class Sample { kProgram, kText, kBase64, kNoise };
std::string Name(Sample sample);

// kProgram is the C library: code, tables and names. kText is an SQL dump.
Bytes MakeSample(Sample sample, size_t size);
// Random bytes, always the same: where chunks are cut is no part of the noise of a figure.
Bytes MakeNoise(size_t size);

}  // namespace cairn::bench
