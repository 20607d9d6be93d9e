// Blobs in memory: both ends that trees need, without a repository.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string_view>

#include "engine/crypto/hash.h"
#include "engine/repo/blob_ends.h"

namespace cairn {

// Safe for concurrent use. Ids are made as SPEC section 2 says, with keys that are made of `seed`.
class MemoryBlobs final : public BlobSink, public BlobSource {
 public:
  explicit MemoryBlobs(uint8_t seed = 1);

  Result<BlobId> AddBlob(BlobKind kind, ByteSpan plain) override;
  Result<std::shared_ptr<const Bytes>> ReadBlob(BlobKind kind, const BlobId& id) override;
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override;

  BlobId IdOf(BlobKind kind, ByteSpan plain) const;
  // Damage: the blob is gone, or has other bytes than its id says (which a repository would have found).
  void Remove(const BlobId& id);
  void Replace(const BlobId& id, ByteSpan plain);

  std::set<BlobId> ids() const;
  size_t size() const { return ids().size(); }
  uint64_t adds() const;   // calls of AddBlob
  uint64_t reads() const;  // calls of ReadBlob
  // What the newest blobs were since the last call.
  std::set<BlobId> TakeNew();

 private:
  const HmacKey data_key_, metadata_key_;
  mutable std::mutex mutex_;
  std::map<BlobId, std::shared_ptr<const Bytes>> blobs_;  // guarded by mutex_, as what follows
  std::set<BlobId> new_;
  uint64_t adds_ = 0, reads_ = 0;
};

}  // namespace cairn
