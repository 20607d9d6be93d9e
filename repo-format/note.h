// Signed changes to what is said of a snapshot, and records of what was forgotten. SPEC sections 11.2, 11.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/ids.h"
#include "repo-format/wire_reader.h"

namespace cairn {

struct NoteRecord {
  SnapshotId snapshot;
  uint64_t counter = 0;
  WireTime time;
  std::vector<std::string> tags_added, tags_removed;
  std::optional<std::string> description;
  std::optional<bool> protect;
  bool sets_expiry = false;
  std::optional<WireTime> expiry;  // where sets_expiry: none takes it away
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<NoteRecord> Parse(ByteSpan plain);
};

// Never renumber.
enum class ForgottenWhy : uint8_t { kForgotten = 1, kLost = 2 };

struct ForgottenSnapshot {
  SnapshotId snapshot;
  SlotId slot;
  uint64_t counter = 0;
  Digest digest;  // of the snapshot object
  ForgottenWhy why = ForgottenWhy::kForgotten;
  friend auto operator<=>(const ForgottenSnapshot&, const ForgottenSnapshot&) = default;
};

struct ForgottenRecord {
  std::vector<ForgottenSnapshot> snapshots;  // ascending by id
  WireTime time;
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<ForgottenRecord> Parse(ByteSpan plain);
};

}  // namespace cairn
