#include "frontends/export/content_stream.h"

#include <algorithm>
#include <array>

#include "engine/tree/list_reader.h"

namespace cairn::exports {
namespace {

// A hole may be larger than any disk.
Result<void> GiveZeros(uint64_t count, const std::stop_token& stop, const EachBytes& each) {
  static constexpr std::array<uint8_t, 65'536> kZeros{};
  while (count > 0) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const uint64_t piece = std::min<uint64_t>(count, kZeros.size());
    RETURN_IF_ERROR(each(ByteSpan(kZeros).first(piece)));
    count -= piece;
  }
  return {};
}

}  // namespace

Result<void> StreamContent(BlobSource& blobs, const Node& file, const std::stop_token& stop, const EachBytes& each,
                           Holes holes) {
  if (!file.content) return MakeError(ErrorCode::kInvalidArgument, "it is a {}, and has no bytes", Name(file.type));
  return ForEachEntry(blobs, *file.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    if (entry.type == ListEntry::Type::kHole && holes == Holes::kPassedOver) return {};
    if (entry.type == ListEntry::Type::kHole) return GiveZeros(entry.length, stop, each);
    ASSIGN_OR_RETURN(const auto blob, blobs.ReadBlob(BlobKind::kData, entry.id));
    for (uint64_t i = 0; i < entry.count; ++i) {
      if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      RETURN_IF_ERROR(each(*blob));
    }
    return {};
  });
}

}  // namespace cairn::exports
