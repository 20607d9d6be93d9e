#include "frontends/export/data_stretches.h"

#include <algorithm>

#include "engine/tree/list_reader.h"

namespace cairn::exports {
namespace {

constexpr size_t kStretchesMax = 100'000;

}  // namespace

Result<std::optional<DataStretches>> StretchesOf(BlobSource& blobs, const Node& file) {
  using Found = std::optional<DataStretches>;
  const auto is_hole = [](const ListEntry& entry) { return entry.type == ListEntry::Type::kHole; };
  if (!file.content || (file.content->depth == 0 && std::ranges::none_of(file.content->entries, is_hole))) {
    return Found();
  }
  DataStretches stretches;
  bool has_hole = false, is_too_much = false;
  RETURN_IF_ERROR(
      ForEachEntry(blobs, *file.content, 0, UINT64_MAX, [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
        if (is_hole(entry)) {
          has_hole = true;
        } else if (!stretches.empty() && stretches.back().offset + stretches.back().size == offset) {
          stretches.back().size += entry.TotalBytes();
        } else if (stretches.size() < kStretchesMax) {
          stretches.push_back({offset, entry.TotalBytes()});
        } else {
          is_too_much = true;
        }
        return {};
      }));
  return has_hole && !is_too_much ? Found(std::move(stretches)) : Found();
}

}  // namespace cairn::exports
