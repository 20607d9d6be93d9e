// Blob ids: HMAC-SHA-256 under the id key of the blob's kind. SPEC section 2.
#pragma once

#include <optional>

#include "engine/crypto/hash.h"
#include "engine/crypto/keyring.h"

namespace cairn {

// Immutable; safe for concurrent use. Which kinds it can hash depends on the role.
class BlobHasher {
 public:
  explicit BlobHasher(const Keyring& keyring);
  bool Has(BlobKind kind) const { return key(kind).has_value(); }
  BlobId Compute(BlobKind kind, ByteSpan plain) const;  // Has(kind): a CHECK
  // Of each, into `ids`, which are as many; quicker than one after the other.
  void ComputeEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobId> ids) const;
  // HMAC(metadata id key, label || parts): cuts of directories and link groups. Has(kMetadata): a CHECK.
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const;

 private:
  const std::optional<HmacKey>& key(BlobKind kind) const { return kind == BlobKind::kData ? data_ : metadata_; }
  std::optional<HmacKey> data_, metadata_;
};

}  // namespace cairn
