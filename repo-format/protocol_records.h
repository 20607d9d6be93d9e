// Sessions, fences, tombstones and seen lists: the small objects of the protocol. SPEC sections 11.1 (fence), 13.6.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "repo-format/ids.h"
#include "repo-format/wire_reader.h"

namespace cairn {

// Never renumber.
enum class SessionPurpose : uint8_t { kBackup = 1, kMaintenance = 2, kCopy = 3 };

struct SessionRecord {
  WireTime start;
  SessionPurpose purpose = SessionPurpose::kBackup;
  uint64_t features = 0;  // feature bits that its program knows
  std::string program;
  Bytes host;
  ObjectId machine;  // random for each machine and user, kept in the cache
  uint64_t process = 0;
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<SessionRecord> Parse(ByteSpan plain);
};

// sessions/<sid>.end and sessions/<sid>.<n>.
struct MomentRecord {
  WireTime time;
  uint32_t number = 0;  // n of a sign of life, from 1; 0 in an end
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<MomentRecord> Parse(ByteSpan plain);
};

// Never renumber.
enum class FenceReason : uint8_t { kTakenForDead = 1, kForgotten = 2 };

struct FenceRecord {
  FenceReason reason = FenceReason::kTakenForDead;
  SessionId by;
  WireTime time;
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<FenceRecord> Parse(ByteSpan plain);
};

struct TombstoneRecord {
  PackName pack;
  SessionId run;  // the pruner's session
  BlobKind kind = BlobKind::kData;
  WireTime time;
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<TombstoneRecord> Parse(ByteSpan plain);
};

struct SeenListRecord {
  std::vector<SessionId> runs;      // ascending, at least one
  std::vector<SessionId> sessions;  // ascending
  WireTime time;
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<SeenListRecord> Parse(ByteSpan plain);
};

}  // namespace cairn
