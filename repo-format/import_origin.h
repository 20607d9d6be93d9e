// Which backup of another system an item was imported from. SPEC section 11.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/ids.h"
#include "repo-format/snapshot.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn {

// A record of the source parameters of an item, whatever its kind: by it a later import knows what is there already.
struct ImportOrigin {
  static constexpr uint64_t kTag = 12;  // in the source parameters. Never renumber

  Digest fingerprint;                // SHA-256 of the original's bytes, as they were on disk
  Bytes path;                        // of the original: absolute
  uint64_t size = 0;                 // of the original, in bytes
  std::optional<WireTime> modified;  // of the original; nothing: a later change might have left it as it was
  std::string written_time;          // as its name or metadata have it: "2026-11-20T22:25:16"; empty: they have none
  std::string format;                // for people: "pg_dump, gzip"
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<ImportOrigin> Parse(ByteSpan bytes);
  friend bool operator==(const ImportOrigin&, const ImportOrigin&) = default;
};

// The source parameters of an imported item of a kind, complete.
Bytes ImportParameters(ItemKind kind, const ImportOrigin& origin);
// Nothing: the item was not imported, or by a later version that this one does not understand.
std::optional<ImportOrigin> ImportOriginOf(const SnapshotItem& item);

}  // namespace cairn
