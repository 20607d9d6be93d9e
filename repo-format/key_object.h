// keys/<id>: a password's way to a slot's own key pairs; and the secrets that a slot's envelope holds. SPEC 7.2, 5.5.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/ids.h"
#include "repo-format/wire_reader.h"

namespace cairn {

struct KeyObjectBody {
  static constexpr size_t kParametersSize = 26;  // what the commitment covers
  static constexpr size_t kClearSize = 58;       // and with the commitment: associated data of `sealed`

  uint8_t kdf = 1;  // 1 = Argon2id
  uint32_t memory_kib = 0;
  uint32_t passes = 0;
  uint8_t lanes = 1;
  std::array<uint8_t, 16> salt{};
  std::array<uint8_t, 32> commitment{};
  Bytes sealed;

  Bytes Encode() const;
  // Checks the limits of the KDF, so that a changed object cannot ask for 64 GiB; an unknown kdf is kUnsupported.
  static Result<KeyObjectBody> Parse(ByteSpan body);
};

// Plaintext of a key object. Secrets in plain memory: whoever parses it moves them into Secret32 and wipes.
struct KeyObjectSecrets {
  SlotId slot;
  std::array<uint8_t, 32> x25519_secret{}, ed25519_seed{}, root_public{};
  uint64_t config_min = 1;
  std::string label;
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<KeyObjectSecrets> Parse(ByteSpan plain);
};

// Plaintext of a slot's envelope. SPEC 5.5.
struct SlotSecrets {
  using Key = std::array<uint8_t, 32>;
  struct Epoch {
    uint32_t epoch = 0;
    Key index{}, preshared{};
    std::optional<Key> content_secret, metadata_secret;
  };
  std::optional<Key> data_id, metadata_id, chunking, root_seed;
  std::vector<Epoch> epochs;  // ascending
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<SlotSecrets> Parse(ByteSpan plain);
};

}  // namespace cairn
