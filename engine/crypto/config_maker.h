// Makes configs: the first of a repository, and the next of the chain. SPEC section 7.1.
#pragma once

#include <string>

#include "engine/crypto/keyring.h"
#include "engine/env/clock.h"
#include "engine/env/random.h"

namespace cairn {

struct NewRepository {
  FamilyId family;
  SlotKeys owner;       // the first slot
  Bytes config_object;  // config/1, whole
};

struct NewRepositoryOptions {
  Suite suite = Suite::kAes256Gcm;
  std::vector<ChunkerSettings> chunkers;
  uint32_t pack_bytes = 16 * 1024 * 1024;
  std::string owner_label;
  // Shares the family, id keys, chunking key and epochs of this repository (needs its owner).
  const Keyring* same_keys_as = nullptr;
};

// What any of these gives was read back as a reader reads it; kInvalidArgument where a label, pattern or setting does
// not fit the format.
Result<NewRepository> MakeRepository(const NewRepositoryOptions& options, const Random& random, const Clock& clock);

struct NewSlot {
  Rights rights;
  std::string label;
  std::string host_pattern = "*";
};

// config/<n+1> with one slot more; the new slot's keys are given back. Needs the owner.
struct ConfigWithSlot {
  SlotKeys slot;
  Bytes config_object;
};
Result<ConfigWithSlot> MakeConfigWithSlot(const Keyring& owner, const NewSlot& slot, const Random& random,
                                          const Clock& clock);
// config/<n+1> with a slot revoked: its envelope is gone, its certificate says revoked and up to which counter its
// snapshots count. Needs the owner; the last valid owner cannot be removed (kInvalidArgument).
Result<Bytes> MakeConfigWithoutSlot(const Keyring& owner, const SlotId& slot, uint64_t counter_max,
                                    const Random& random);
// config/<n+1> that says for how long what is forgotten is kept at least; 0: not at all. Needs the owner.
Result<Bytes> MakeConfigThatKeeps(const Keyring& owner, uint32_t keep_deleted_seconds, const Random& random);

}  // namespace cairn
