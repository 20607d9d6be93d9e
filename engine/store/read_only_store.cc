#include "engine/store/read_only_store.h"

namespace cairn {

Error ReadOnlyStore::Refuse(std::string_view verb, const ObjectName& name) const {
  return MakeError(ErrorCode::kPermission, "{} {}: {} is opened for reading only", verb, name.text(), description());
}

Result<void> ReadOnlyStore::Put(const ObjectName& name, ByteSpan) { return Refuse("putting", name); }
Result<bool> ReadOnlyStore::PutIfAbsent(const ObjectName& name, ByteSpan) { return Refuse("putting", name); }
Result<void> ReadOnlyStore::Remove(const ObjectName& name) { return Refuse("removing", name); }

}  // namespace cairn
