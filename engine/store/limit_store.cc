#include "engine/store/limit_store.h"

#include <algorithm>

namespace cairn {

Result<void> LimitStore::Wait(Lane& lane, uint64_t bytes_per_second, uint64_t bytes) {
  if (bytes_per_second == 0) return {};
  std::chrono::nanoseconds wait{0};
  {
    const std::lock_guard lock(lane.mutex);
    const auto now = clock_.Steady();
    const auto start = std::max(now, lane.free_at);
    const std::chrono::duration<double> takes(static_cast<double>(bytes) / static_cast<double>(bytes_per_second));
    lane.free_at = start + std::chrono::duration_cast<std::chrono::nanoseconds>(takes);
    wait = lane.free_at - now;  // its own time too: else the last transfer of a job would have no limit
  }
  if (wait.count() <= 0 || clock_.Sleep(wait, stop_)) return {};
  return Error(ErrorCode::kInterrupted, "interrupted while waiting for bandwidth");
}

Result<void> LimitStore::Put(const ObjectName& name, ByteSpan bytes) {
  RETURN_IF_ERROR(Wait(up_, limits_.upload, bytes.size()));
  return base().Put(name, bytes);
}

Result<bool> LimitStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  RETURN_IF_ERROR(Wait(up_, limits_.upload, bytes.size()));
  return base().PutIfAbsent(name, bytes);
}

Result<Bytes> LimitStore::Get(const ObjectName& name, uint64_t size_max) {
  if (limits_.download == 0) return base().Get(name, size_max);
  ASSIGN_OR_RETURN(const ObjectInfo info, base().Stat(name));
  RETURN_IF_ERROR(Wait(down_, limits_.download, info.size));
  return base().Get(name, size_max);
}

Result<Bytes> LimitStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  RETURN_IF_ERROR(Wait(down_, limits_.download, size));
  return base().GetRange(name, offset, size);
}

}  // namespace cairn
