// deleted/<sid>: a snapshot that was forgotten, and can be brought back for a while. SPEC section 11.5.
#pragma once

#include <cstdint>
#include <vector>

#include "repo-format/ids.h"
#include "repo-format/wire_reader.h"

namespace cairn {

struct DeletedRecord {
  Bytes object;               // that was at snapshots/<sid>, whole
  uint32_t keep_seconds = 1;  // from when this was put, by the store's own dates; at least 1
  WireTime time;              // by the clock of who put it
  SessionId by;               // of the forget
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<DeletedRecord> Parse(ByteSpan plain);
};

}  // namespace cairn
