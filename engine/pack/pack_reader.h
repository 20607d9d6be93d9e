// Reads packs: directories, and frames by ranges. SPEC section 8.
#pragma once

#include "engine/crypto/object_sealer.h"
#include "engine/store/object_store.h"
#include "repo-format/pack_directory.h"

namespace cairn {

struct OpenedDirectory {
  PackDirectory directory;
  SlotId slot;  // who signed
};

// Reads and verifies the directory of a pack on the store, by two requests. `size` is that of the object. kCorrupt,
// kForged, kUnsupported, kNotFound name the pack.
Result<OpenedDirectory> ReadDirectory(ObjectStore& store, const ObjectSealer& sealer, BlobKind kind,
                                      const PackName& pack, uint64_t size);
// The same from the whole object in memory; also verifies its SHA-256 against the name, and every frame's check.
Result<OpenedDirectory> VerifyPack(const ObjectSealer& sealer, BlobKind kind, const PackName& pack, ByteSpan object);

// Offset of each frame in the object, in order.
std::vector<uint64_t> FrameOffsets(const std::vector<FrameEntry>& frames);

// Whether these bytes are the sealed frame: kCorrupt where its check differs. `offset`: for the message.
Result<void> VerifyFrame(const PackName& pack, uint64_t offset, const FrameEntry& entry, ByteSpan sealed);
// A sealed frame by range, its check verified.
Result<Bytes> ReadFrame(ObjectStore& store, BlobKind kind, const PackName& pack, uint64_t offset,
                        const FrameEntry& entry);

}  // namespace cairn
