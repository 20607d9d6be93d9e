#include "engine/pack/pack_assembler.h"

#include <algorithm>

namespace cairn {

PackAssembler::PackAssembler(BlobKind kind, const ObjectSealer& sealer, const Random& random, ObjectStore& store,
                             const PackLimits& limits, Finished finished)
    : kind_(kind), sealer_(sealer), random_(random), store_(store), limits_(limits), finished_(std::move(finished)) {}

bool PackAssembler::Takes(const OpenPack& pack, const FrameEntry& entry) const {
  if (pack == nullptr || pack->empty()) return true;
  const auto is_in = [&](const BlobEntry& blob) { return pack->Has(blob.id); };
  return pack->Fits(entry, limits_.object_bytes_max) && std::none_of(entry.blobs.begin(), entry.blobs.end(), is_in);
}

PackAssembler::Chosen PackAssembler::Choose(const FrameEntry& entry, std::vector<OpenPack>& full) {
  const size_t first = first_done_ ? random_.Below(2) : 0;
  for (Slot* const slot : {&slots_[first], &slots_[1 - first]}) {
    std::unique_lock lock(slot->mutex);
    if (Takes(slot->pack, entry)) return {slot, std::move(lock)};
  }
  Slot& slot = slots_[first];
  std::unique_lock lock(slot.mutex);
  if (!Takes(slot.pack, entry)) Close(slot.pack, full);
  return {&slot, std::move(lock)};
}

void PackAssembler::Close(OpenPack& pack, std::vector<OpenPack>& full) {
  full.push_back(std::move(pack));
  pack = nullptr;
  first_done_ = true;
}

Result<void> PackAssembler::Finish(const std::vector<OpenPack>& packs) const {
  for (const OpenPack& pack : packs) {
    if (pack == nullptr || pack->empty()) continue;
    ASSIGN_OR_RETURN(FinishedPack finished,
                     pack->Finish(pack->frame_bytes() < limits_.pack_bytes, limits_.object_bytes_max));
    RETURN_IF_ERROR(finished_(std::move(finished)));
  }
  return {};
}

Result<void> PackAssembler::AddTo(OpenPack& pack, const PackSession& session, FrameEntry entry, ByteSpan sealed) {
  // With room for the frame that goes beyond, and the directory.
  if (pack == nullptr) {
    pack = std::make_unique<PackWriter>(kind_, sealer_, random_, store_, limits_.pack_bytes / 8 * 9);
    if (putter_) pack->NameSession(*putter_);
  }
  auto added = pack->AddFrame(session, std::move(entry), sealed);
  if (!added) pack = nullptr;  // it may hold half a frame
  return added;
}

Result<void> PackAssembler::Add(const PackSession& session, FrameEntry entry, ByteSpan sealed) {
  std::vector<OpenPack> full;
  {
    const auto [slot, lock] = Choose(entry, full);
    RETURN_IF_ERROR(AddTo(slot->pack, session, std::move(entry), sealed));
    const PackWriter& pack = *slot->pack;
    const bool is_full = pack.frame_bytes() >= limits_.pack_bytes || pack.blob_count() >= limits_.pack_blobs_max;
    if (is_full) Close(slot->pack, full);
  }
  return Finish(full);
}

Result<void> PackAssembler::Flush() {
  std::vector<OpenPack> last;
  for (Slot& slot : slots_) {
    const std::lock_guard lock(slot.mutex);
    if (slot.pack != nullptr) Close(slot.pack, last);
  }
  return Finish(last);
}

}  // namespace cairn
