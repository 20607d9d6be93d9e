// A store that takes objects up to a size.
#pragma once

#include <memory>
#include <utility>

#include "engine/store/store_decorator.h"

namespace cairn {

// The least that a store must take: a blob of the largest size, with all that is around it, and a bit to choose from.
inline constexpr uint64_t kObjectSizeMin = uint64_t{16} << 20;

// Refuses to put a larger object before the server does, which would say so after the upload, or not clearly:
// kInvalidArgument, with both sizes. What can be cut (packs, segments) is cut smaller by who asks object_bytes_max.
// Safe for concurrent use where the base is.
class ObjectSizeStore final : public StoreDecorator {
 public:
  ObjectSizeStore(std::unique_ptr<ObjectStore> base, uint64_t object_bytes_max)
      : StoreDecorator(std::move(base)), object_bytes_max_(object_bytes_max) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  uint64_t object_bytes_max() const override { return object_bytes_max_; }

 private:
  Result<void> NeedFits(const ObjectName& name, uint64_t size) const;

  const uint64_t object_bytes_max_;
};

}  // namespace cairn
