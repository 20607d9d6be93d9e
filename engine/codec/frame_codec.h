// Frames: blobs compressed and sealed together, and opened again with each blob's id checked. SPEC section 8.3.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/codec/checksum.h"
#include "engine/crypto/blob_hasher.h"
#include "engine/crypto/session_keys.h"
#include "engine/env/random.h"
#include "repo-format/pack_directory.h"

namespace cairn {

// How hard to compress. Level 0: store.
struct Compression {
  int level = 1;
};

struct SealedFrame {
  FrameEntry entry;  // `session` is 0: the pack writer sets it
  Bytes sealed;
};

// Makes frames of one session; a session has one, for its counter goes into the salts. Safe for concurrent use (each
// thread has its own compressor inside). Memory of a Seal: three times the plain bytes, and the compressor's state,
// which a thread keeps: about 1 MiB at level 1, 90 MiB at level 19 with a frame of 16 MiB.
class FrameSealer {
 public:
  // Borrows keys and random for its life.
  FrameSealer(const SessionKeys& keys, const FamilyId& family, const Random& random, Compression compression);

  // `plain` are the blobs one after the other, `blobs` their ids and lengths, `checksums` of each, taken beside its id.
  // Compresses (keeps the plain bytes where that does not help: incompressible data is noticed on a sample), seals,
  // opens again from the sealed bytes and compares each blob's checksum (SPEC 8.4): kCorrupt says that this machine's
  // memory, or a compressor, is broken, or that `blobs` are not those of `plain`.
  Result<SealedFrame> Seal(BlobKind kind, ByteSpan plain, std::vector<BlobEntry> blobs,
                           std::span<const Checksum> checksums);

 private:
  const SessionKeys& keys_;
  const FamilyId family_;
  const Random& random_;
  const Compression compression_;
  std::atomic<uint64_t> counter_{0};
};

// Numbers of blobs in their frame.
using BlobNumbers = std::span<const uint32_t>;

// What is needed to open a frame, from a directory or segment.
struct FrameContext {
  BlobKind kind = BlobKind::kData;
  Suite suite = Suite::kAes256Gcm;
  FamilyId family;
};

// First 16 bytes of SHA-256 of the sealed frame: needs no key.
FrameCheck CheckOfFrame(ByteSpan sealed);
FrameCheck CheckOfDigest(const Digest& of_sealed);
// Plain bytes of a frame. Verifies the seal, the length and - where `hasher` holds the id key of the kind - each blob's
// id: of `only`, where these are given, for who needs no other. Where ids are verified the check
// is not: VerifyPack does that. kCorrupt names `what`, and tells bytes that differ from their check from a seal that
// does not open. Allocates the size of `sealed`, and the plain length only after the seal vouched for it.
Result<Bytes> OpenFrame(const FrameContext& context, const FrameEntry& entry, ByteSpan sealed,
                        const Secret32& session_key, const BlobHasher& hasher, std::string_view what,
                        const std::optional<BlobNumbers>& only = std::nullopt);

// Borrows all.
struct FrameToOpen {
  FrameContext context;
  const FrameEntry* entry = nullptr;
  ByteSpan sealed;
  const Secret32* session_key = nullptr;
  std::string_view what;
  std::optional<BlobNumbers> only;
};
// As OpenFrame for each, quicker: ids of all are computed beside each other. All are of one kind (a CHECK).
std::vector<Result<Bytes>> OpenFrames(std::span<const FrameToOpen> frames, const BlobHasher& hasher);

}  // namespace cairn
