#include "engine/store/local_store.h"
#include "engine/stores/kinds.h"

namespace cairn {

Made MakeLocal(const std::string& folder, const StoreWorld& world, Use use) {
  std::string path = folder;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::unique_ptr<ObjectStore> store;
  if (use == Use::kCreate) {
    ASSIGN_OR_RETURN(store, LocalStore::Create(world.files, world.random, path));
  } else {
    ASSIGN_OR_RETURN(store, LocalStore::Open(world.files, world.random, path));
  }
  return store;
}

}  // namespace cairn
