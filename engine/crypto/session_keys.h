// The two secrets of a session, made by its writer and opened by who holds an epoch's secret keys. SPEC section 5.4.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine/crypto/keyring.h"
#include "engine/env/random.h"
#include "repo-format/envelope.h"
#include "repo-format/ids.h"
#include "repo-format/pack_directory.h"

namespace cairn {

// Held by the writer in memory, never written. Immutable.
struct SessionKeys {
  SessionId session;
  uint32_t epoch = 0;
  Suite suite = Suite::kAes256Gcm;
  Secret32 content, metadata;  // the keys that are used, already mixed with the pre-shared key
  Envelope content_envelope, metadata_envelope;

  static SessionKeys New(const Keyring& keyring, const SessionId& session, const Random& random);
  const Secret32& key(BlobKind kind) const { return kind == BlobKind::kData ? content : metadata; }
  const Envelope& envelope(BlobKind kind) const {
    return kind == BlobKind::kData ? content_envelope : metadata_envelope;
  }
};

// Opens session keys from envelopes and keeps them. Safe for concurrent use; at most 10,000 are kept, by session,
// epoch, kind and envelope together: a pack whose directory gives another envelope for somebody's session spoils
// nothing.
class SessionKeyCache {
 public:
  explicit SessionKeyCache(const Keyring& keyring) : keyring_(keyring) {}
  // kNoRight where this role does not hold the secret key of that kind; kCorrupt where the envelope does not open.
  Result<std::shared_ptr<const Secret32>> Get(const SessionId& session, uint32_t epoch, BlobKind kind,
                                              const Envelope& envelope);

 private:
  const Keyring& keyring_;
  std::mutex mutex_;
  std::unordered_map<Digest, std::shared_ptr<const Secret32>> keys_;  // guarded by mutex_
};

}  // namespace cairn
