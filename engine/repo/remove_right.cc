#include "engine/repo/remove_right.h"

namespace cairn {

Result<void> NeedRemoveRight(ObjectStore& store, const Random& random, std::string_view purpose) {
  auto removed = store.Remove(ForgottenName(random.NewId<ObjectId>()));
  if (removed || removed.error().code() != ErrorCode::kPermission) return removed;
  return std::move(removed).While(fmt::format("who may not remove objects in this store cannot {}", purpose));
}

}  // namespace cairn
