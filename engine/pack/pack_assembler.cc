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

PackAssembler::OpenPack& PackAssembler::Choose(const FrameEntry& entry, std::vector<OpenPack>& full) {
  const size_t first = first_done_ ? random_.Below(2) : 0;
  for (const size_t slot : {first, 1 - first}) {
    if (Takes(open_[slot], entry)) return open_[slot];
  }
  // Both hold one of its blobs, or have no room: one makes way.
  full.push_back(std::move(open_[first]));
  open_[first] = nullptr;
  first_done_ = true;
  return open_[first];
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

Result<void> PackAssembler::Add(const PackSession& session, FrameEntry entry, ByteSpan sealed) {
  std::vector<OpenPack> full;
  {
    const std::lock_guard lock(mutex_);
    OpenPack& pack = Choose(entry, full);
    // With room for the frame that goes beyond, and the directory.
    if (pack == nullptr) {
      pack = std::make_unique<PackWriter>(kind_, sealer_, random_, store_, limits_.pack_bytes / 8 * 9);
      if (putter_) pack->NameSession(*putter_);
    }
    auto added = pack->AddFrame(session, std::move(entry), sealed);
    if (!added) {
      pack = nullptr;  // it may hold half a frame
      return added;
    }
    if (pack->frame_bytes() >= limits_.pack_bytes || pack->blob_count() >= limits_.pack_blobs_max) {
      full.push_back(std::move(pack));
      pack = nullptr;
      first_done_ = true;
    }
  }
  return Finish(full);
}

Result<void> PackAssembler::Flush() {
  std::vector<OpenPack> last;
  {
    const std::lock_guard lock(mutex_);
    for (OpenPack& pack : open_) {
      if (pack != nullptr) first_done_ = true;
      last.push_back(std::move(pack));
      pack = nullptr;
    }
  }
  return Finish(last);
}

}  // namespace cairn
