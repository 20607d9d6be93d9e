#include "engine/repo/get_each.h"

namespace cairn {

Result<void> GetEach(ObjectStore& store, std::span<const ObjectName> names, uint64_t size_max,
                     const JobContext& context,
                     const std::function<Result<void>(size_t number, Result<Bytes> object)>& each) {
  return GetEachBy(names.size(), [&](size_t number) { return store.Get(names[number], size_max); }, context, each);
}

}  // namespace cairn
