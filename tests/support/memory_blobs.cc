#include "tests/support/memory_blobs.h"

#include <array>
#include <utility>

namespace cairn {
namespace {

HmacKey MakeKey(uint8_t seed, uint8_t kind) {
  std::array<uint8_t, 32> key{};
  key[0] = seed;
  key[1] = kind;
  return HmacKey(key);
}

}  // namespace

MemoryBlobs::MemoryBlobs(uint8_t seed) : data_key_(MakeKey(seed, 1)), metadata_key_(MakeKey(seed, 2)) {}

BlobId MemoryBlobs::IdOf(BlobKind kind, ByteSpan plain) const {
  return BlobId::FromBytes((kind == BlobKind::kData ? data_key_ : metadata_key_).Compute(plain).bytes());
}

Result<BlobId> MemoryBlobs::AddBlob(BlobKind kind, ByteSpan plain) {
  const BlobId id = IdOf(kind, plain);
  const std::lock_guard lock(mutex_);
  ++adds_;
  if (blobs_.emplace(id, std::make_shared<const Bytes>(ToBytes(plain))).second) new_.insert(id);
  return id;
}

Result<std::shared_ptr<const Bytes>> MemoryBlobs::ReadBlob(BlobKind, const BlobId& id) {
  const std::lock_guard lock(mutex_);
  ++reads_;
  const auto found = blobs_.find(id);
  if (found == blobs_.end()) return MakeError(ErrorCode::kNotFound, "blob {} is in no pack", id.ToHex());
  return found->second;
}

Digest MemoryBlobs::MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const {
  Bytes message = ToBytes(AsBytes(label));
  for (const ByteSpan part : parts) Append(message, part);
  return metadata_key_.Compute(message);
}

void MemoryBlobs::Remove(const BlobId& id) {
  const std::lock_guard lock(mutex_);
  blobs_.erase(id);
}

void MemoryBlobs::Replace(const BlobId& id, ByteSpan plain) {
  const std::lock_guard lock(mutex_);
  blobs_[id] = std::make_shared<const Bytes>(ToBytes(plain));
}

std::set<BlobId> MemoryBlobs::ids() const {
  const std::lock_guard lock(mutex_);
  std::set<BlobId> ids;
  for (const auto& [id, plain] : blobs_) ids.insert(id);
  return ids;
}

uint64_t MemoryBlobs::adds() const {
  const std::lock_guard lock(mutex_);
  return adds_;
}

uint64_t MemoryBlobs::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

std::set<BlobId> MemoryBlobs::TakeNew() {
  const std::lock_guard lock(mutex_);
  return std::exchange(new_, {});
}

}  // namespace cairn
