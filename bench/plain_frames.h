// Frames before they are compressed: chunks of real data, gathered as a backup gathers them.
#pragma once

#include <string>
#include <vector>

#include "repo-format/base/bytes.h"

namespace cairn::bench {

// kFiles: a choice of this machine's files below /usr/lib and /usr/share/doc, the same from run to run while these are
// the same. kDump: an SQL dump, cut as rows.
enum class Corpus { kFiles, kDump };
std::string Name(Corpus corpus);

// Frames of about `frame_bytes`, 16 MiB of files or 8 MiB of dump together. Empty where this machine has no such files.
std::vector<Bytes> MakePlainFrames(Corpus corpus, size_t frame_bytes);
size_t TotalBytes(const std::vector<Bytes>& frames);

}  // namespace cairn::bench
