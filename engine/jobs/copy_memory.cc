#include "engine/jobs/copy_memory.h"

namespace cairn {
namespace {

constexpr const char* kFileName = "copies";

}  // namespace

Result<void> CopyMemory::Load() {
  ASSIGN_OR_RETURN(const auto file, cache_.ReadFile(kFileName));
  constexpr size_t kPairSize = 2 * SnapshotId::kSize;
  if (!file || file->size() % kPairSize != 0) return {};
  for (ByteSpan rest = *file; !rest.empty(); rest = rest.subspan(kPairSize)) {
    copies_[SnapshotId::FromBytes(rest.first(SnapshotId::kSize))] =
        SnapshotId::FromBytes(rest.subspan(SnapshotId::kSize, SnapshotId::kSize));
  }
  return {};
}

std::optional<SnapshotId> CopyMemory::Find(const SnapshotId& source) const {
  const auto found = copies_.find(source);
  if (found == copies_.end()) return std::nullopt;
  return found->second;
}

Result<void> CopyMemory::Add(const SnapshotId& source, const SnapshotId& copy) {
  copies_[source] = copy;
  Bytes file;
  for (const auto& [from, to] : copies_) {
    Append(file, from.bytes());
    Append(file, to.bytes());
  }
  return cache_.WriteFile(kFileName, file);
}

}  // namespace cairn
