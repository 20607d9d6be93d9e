// What gzip, zstd, xz and bzip2 have made small, as it was. Private to frontends/import.
#pragma once

#include <string>
#include <vector>

#include "frontends/import/byte_stream.h"

namespace cairn::import {

struct GrowthLimit {
  uint64_t original_bytes = 0;
  uint32_t ratio_max = 0;  // how many times as much may come out; counted from 64 MiB on
  Result<void> Check(uint64_t bytes) const;
};

struct Decompressed {
  std::unique_ptr<PeekStream> stream;
  std::vector<std::string> layers;  // "gzip", outermost first; empty: it was not compressed
  Bytes head;                       // what the stream begins with: at most kHeadBytes
  static constexpr size_t kHeadBytes = 65'536;
};

// By content, through several layers where there are. Damage that shows later is an Error of the stream: what is cut
// short, a checksum that differs, bytes behind the end.
Result<Decompressed> Decompress(std::unique_ptr<ByteStream> original, const GrowthLimit& limit);

}  // namespace cairn::import
