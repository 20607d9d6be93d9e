// config/<n>: the constitution of a repository. SPEC section 7.1.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "repo-format/envelope.h"
#include "repo-format/ids.h"
#include "repo-format/object_header.h"
#include "repo-format/rights.h"

namespace cairn {

using PublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;

struct FeatureBits {
  uint64_t incompat = 0, ro_compat = 0, compat = 0;
  friend bool operator==(const FeatureBits&, const FeatureBits&) = default;
};

struct EpochPublicKeys {
  uint32_t epoch = 0;
  PublicKey content{}, metadata{};
  friend bool operator==(const EpochPublicKeys&, const EpochPublicKeys&) = default;
};

struct SlotEnvelope {
  SlotId slot;
  Envelope envelope;
  friend bool operator==(const SlotEnvelope&, const SlotEnvelope&) = default;
};

struct ConfigPublicPart {
  RepositoryId repository;
  Digest previous;  // zero for config/1
  FeatureBits features;
  std::vector<EpochPublicKeys> epochs;  // ascending, at least one
  std::vector<SlotEnvelope> envelopes;  // ascending by slot
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<ConfigPublicPart> Parse(ByteSpan bytes);
  friend bool operator==(const ConfigPublicPart&, const ConfigPublicPart&) = default;
};

// Never renumber.
enum class SourceKind : uint8_t { kFiles = 1, kStream = 2, kRows = 3, kPages = 4 };

struct ChunkerSettings {
  SourceKind source = SourceKind::kFiles;
  uint8_t chunker = 2;  // chunker::ChunkerKind; kept as a number here: repo-format does not know the chunker
  uint32_t size_min = 0, size_average = 0, size_max = 0;
  friend bool operator==(const ChunkerSettings&, const ChunkerSettings&) = default;
};

void WriteChunkerSettings(WireWriter& writer, const ChunkerSettings& settings);
// Fails the reader where the sizes make no sense for a chunker that is known.
ChunkerSettings ReadChunkerSettings(WireReader& reader);
bool IsKnownChunker(uint8_t source, uint8_t chunker);  // by this version: what their numbers say

struct Certificate {
  SlotId slot;
  PublicKey ed25519{}, x25519{};
  Rights rights;
  uint16_t domain = 0;
  std::string host_pattern = "*";
  std::string label;
  bool revoked = false;
  uint64_t counter_max = 0;  // last accepted snapshot counter of a revoked slot
  WireTime issued;
  friend bool operator==(const Certificate&, const Certificate&) = default;
};

struct ConfigSealedPart {
  Suite suite = Suite::kAes256Gcm;
  std::vector<ChunkerSettings> chunkers;  // ascending by source
  std::vector<Certificate> certificates;  // ascending by slot
  uint32_t pack_bytes = 16 * 1024 * 1024;
  uint32_t keep_deleted_seconds = 0;  // at least so long; 0: only where it is asked for
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<ConfigSealedPart> Parse(ByteSpan bytes);
  friend bool operator==(const ConfigSealedPart&, const ConfigSealedPart&) = default;
};

// The body's outer form: lengths, parts, signature; nothing is opened.
struct ConfigBody {
  Bytes public_part;
  Bytes sealed_part;
  Signature signature{};

  Bytes Encode() const;
  static Result<ConfigBody> Parse(ByteSpan body);
  // The body without its signature: what is hashed for it.
  static ByteSpan SignedPart(ByteSpan body);
};

}  // namespace cairn
