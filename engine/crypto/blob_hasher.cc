#include "engine/crypto/blob_hasher.h"

namespace cairn {

BlobHasher::BlobHasher(const Keyring& keyring) {
  if (const auto key = keyring.data_id_key()) data_.emplace((*key)->bytes());
  if (const auto key = keyring.metadata_id_key()) metadata_.emplace((*key)->bytes());
}

BlobId BlobHasher::Compute(BlobKind kind, ByteSpan plain) const {
  CHECK(Has(kind));
  return BlobId::FromBytes(key(kind)->Compute(plain).bytes());
}

void BlobHasher::ComputeEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobId> ids) const {
  CHECK(Has(kind) && plain.size() == ids.size());
  std::vector<Digest> digests(plain.size());
  key(kind)->ComputeEach(plain, digests);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = BlobId::FromBytes(digests[i].bytes());
}

Digest BlobHasher::MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const {
  CHECK(Has(BlobKind::kMetadata));
  Bytes joined = ToBytes(AsBytes(label));
  for (const ByteSpan part : parts) Append(joined, part);
  return metadata_->Compute(joined);
}

}  // namespace cairn
