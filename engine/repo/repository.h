// An opened repository: its store, and the keys of the slot that opened it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/crypto/blob_hasher.h"
#include "engine/crypto/config_maker.h"
#include "engine/crypto/object_sealer.h"
#include "engine/crypto/password.h"
#include "engine/crypto/session_keys.h"
#include "engine/env/job_context.h"
#include "engine/index/index.h"
#include "engine/repo/local_cache.h"
#include "engine/repo/metadata_cache.h"
#include "engine/store/object_store.h"
#include "repo-format/base/units.h"

namespace cairn {

struct InitOptions {
  NewRepositoryOptions repository;
  PasswordCost cost;
};

struct OpenOptions {
  FileSystem* files = nullptr;  // of the cache; required
  std::string cache_root;       // folder of all caches of this user; required
  // Metadata of a far store that is kept on this machine.
  uint64_t metadata_cache_bytes = kGiB;
};

// What an opener sees of a repository before it has a key.
struct FoundRepository {
  uint64_t config_number = 0;  // the newest
  UnixNs config_modified = 0;  // as the store lists it
  Bytes config;
  std::optional<std::pair<KeyId, Bytes>> last_key;  // the key object that opened it last time, where it is there
  std::vector<KeyId> keys;                          // ascending; without `last_key` only
};

// Immutable but for its local cache; safe for concurrent use. Borrows the store.
class Repository {
 public:
  // Makes config/1 and the first key object in an empty store. kAlreadyExists where a repository is there: nothing is
  // overwritten. The new repository's id.
  static Result<RepositoryId> Init(ObjectStore& store, ByteSpan password, const InitOptions& options,
                                   const Random& random, const Clock& clock);

  // Is there one at all? kNotFound where there is none: asked before anybody types a password for nothing. What opened
  // it last time is remembered in `options.cache_root`, by the store's description, and saves requests.
  static Result<FoundRepository> Find(ObjectStore& store, const OpenOptions& options);
  // Find, then: kWrongKey: no key object opens with this password. kUnsupported: a newer version or
  // feature; nothing is touched. kForged: the config is not signed by the root that the key object names, or an older
  // one is shown than this machine remembers and `for_writing` asks (else a warning in the log).
  static Result<std::unique_ptr<Repository>> Open(ObjectStore& store, const FoundRepository& found, ByteSpan password,
                                                  const OpenOptions& options, const JobContext& context);
  static Result<std::unique_ptr<Repository>> Open(ObjectStore& store, ByteSpan password, const OpenOptions& options,
                                                  const JobContext& context);

  ObjectStore& store() const { return store_; }
  const Keyring& keyring() const { return keyring_; }
  const ObjectSealer& sealer() const { return sealer_; }
  const BlobHasher& hasher() const { return hasher_; }
  SessionKeyCache& session_keys() const { return session_keys_; }
  LocalCache& cache() const { return *cache_; }
  // nullptr where the store is near.
  MetadataCache* metadata_cache() const { return metadata_cache_.get(); }
  // Whether small objects of the store are kept on this machine (ObjectCache).
  bool keeps_objects() const { return metadata_cache_ != nullptr; }
  const KeyId& opened_with() const { return opened_with_; }
  // An older config than this machine remembers was shown: reading goes on, writing is refused.
  bool stale_config() const { return stale_config_; }
  // kNoRight, kForged (stale config) or kUnsupported (unknown ro_compat feature) where this must not write.
  Result<void> NeedWrite(uint32_t right, std::string_view to_do_what) const;
  // The same, but for the right.
  Result<void> NeedCurrentConfig(std::string_view to_do_what) const;
  // Whether this slot may put snapshots of a host; kInvalidArgument names both, for others would refuse them
  // (SPEC 11.1).
  Result<void> NeedHost(ByteSpan host) const;
  // kInvalidArgument where a valid key, other than `own`, opens with this password: which of the two would be opened
  // with, and so with which role, would be chance. Costs an Argon2id for each key object.
  Result<void> NeedFreshPassword(ByteSpan password, const std::optional<SlotId>& own) const;

  // A segment that cannot be used, and why. Jobs that only read go on without it; who writes or removes must not: the
  // `removed` list that it may hold is what tells a pack that is gone from one that is there.
  using BadSegment = std::function<void(const SegmentId& segment, const Error& error)>;
  // The derived index, in step with the store now. Every job that looks blobs up asks for it once. Without
  // `bad_segment` the first segment that cannot be used is the error.
  Result<std::unique_ptr<Index>> LoadIndex(const JobContext& context, const BadSegment& bad_segment = {}) const;
  // The same, as this machine has it: for who brings it into step with the store before he looks anything up.
  Result<std::unique_ptr<Index>> OpenIndex(const JobContext& context, bool goes_on = false) const;
  // Brings it into step with the store again. Safe for concurrent use: one waits for the other.
  Result<void> SyncIndex(Index& index, const JobContext& context, const BadSegment& bad_segment = {}) const;
  // One segment, verified: kNotFound, kCorrupt, kForged, kUnsupported name it.
  Result<IndexSegment> LoadSegment(const SegmentId& segment) const;

 private:
  Repository(ObjectStore& store, Keyring keyring, const Random& random, std::unique_ptr<LocalCache> cache, KeyId key);
  ObjectStore& store_;
  Keyring keyring_;
  ObjectSealer sealer_;
  BlobHasher hasher_;
  mutable SessionKeyCache session_keys_;
  std::unique_ptr<LocalCache> cache_;
  std::unique_ptr<MetadataCache> metadata_cache_;
  KeyId opened_with_;
  bool stale_config_ = false;
};

// What `key list` shows.
struct KeyInfo {
  Certificate certificate;
  bool this_slot = false;
};
std::vector<KeyInfo> ListKeys(const Repository& repository);
// A new slot with its own password: config/<n+1>, then keys/<id>. Needs the owner.
Result<SlotId> AddKey(Repository& repository, const NewSlot& slot, ByteSpan password, const PasswordCost& cost,
                      const JobContext& context);
// A new password for the slot that opened the repository: a new key object, then the old one is removed.
Result<KeyId> ChangePassword(Repository& repository, ByteSpan password, const PasswordCost& cost,
                             const JobContext& context);
// For how many seconds what is forgotten is kept at least, for every client; 0: not at all. Needs the owner.
Result<void> KeepDeleted(Repository& repository, uint32_t seconds, const JobContext& context);
// Revokes a slot (SPEC 7.1). Its key object stays where it cannot be told (only its password opens it); it is told.
Result<void> RemoveKey(Repository& repository, const SlotId& slot, const JobContext& context);

}  // namespace cairn
