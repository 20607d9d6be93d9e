// A store that is only read.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "engine/store/store_decorator.h"

namespace cairn {

// Answers every Put, PutIfAbsent and Remove with kPermission, and leaves temporary files alone. Safe for concurrent
// use.
class ReadOnlyStore final : public StoreDecorator {
 public:
  explicit ReadOnlyStore(std::unique_ptr<ObjectStore> base) : StoreDecorator(std::move(base)) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<void> CleanTemporary() override { return {}; }

 private:
  Error Refuse(std::string_view verb, const ObjectName& name) const;
};

}  // namespace cairn
