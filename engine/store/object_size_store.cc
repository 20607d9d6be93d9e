#include "engine/store/object_size_store.h"

namespace cairn {

Result<void> ObjectSizeStore::NeedFits(const ObjectName& name, uint64_t size) const {
  if (size <= object_bytes_max_) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "{}: it has {} bytes and cannot be cut, and {} takes objects of {} at most (store.object-size says "
                   "how large they may be)",
                   name.text(), size, description(), object_bytes_max_);
}

Result<void> ObjectSizeStore::Put(const ObjectName& name, ByteSpan bytes) {
  RETURN_IF_ERROR(NeedFits(name, bytes.size()));
  return base().Put(name, bytes);
}

Result<bool> ObjectSizeStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  RETURN_IF_ERROR(NeedFits(name, bytes.size()));
  return base().PutIfAbsent(name, bytes);
}

}  // namespace cairn
