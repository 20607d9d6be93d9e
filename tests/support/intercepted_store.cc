#include "tests/support/intercepted_store.h"

namespace cairn {

std::string_view Name(StoreOperation operation) {
  switch (operation) {
    case StoreOperation::kPut:
      return "Put";
    case StoreOperation::kPutIfAbsent:
      return "PutIfAbsent";
    case StoreOperation::kGet:
      return "Get";
    case StoreOperation::kGetRange:
      return "GetRange";
    case StoreOperation::kList:
      return "List";
    case StoreOperation::kRemove:
      return "Remove";
    case StoreOperation::kStat:
      return "Stat";
  }
  return "unknown";
}

bool Changes(StoreOperation operation) {
  return operation == StoreOperation::kPut || operation == StoreOperation::kPutIfAbsent ||
         operation == StoreOperation::kRemove;
}

template <class Run>
auto InterceptedStore::Intercept(StoreOperation operation, std::string_view name, const Run& run) -> decltype(run()) {
  const StoreCall call{.operation = operation, .name = std::string(name), .number = ++calls_};
  RETURN_IF_ERROR(Before(call));
  auto result = run();
  RETURN_IF_ERROR(After(call));
  return result;
}

Result<void> InterceptedStore::Put(const ObjectName& name, ByteSpan bytes) {
  return Intercept(StoreOperation::kPut, name.text(), [&] { return base().Put(name, bytes); });
}

Result<bool> InterceptedStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  return Intercept(StoreOperation::kPutIfAbsent, name.text(), [&] { return base().PutIfAbsent(name, bytes); });
}

Result<Bytes> InterceptedStore::Get(const ObjectName& name, uint64_t size_max) {
  return Intercept(StoreOperation::kGet, name.text(), [&] { return base().Get(name, size_max); });
}

Result<Bytes> InterceptedStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return Intercept(StoreOperation::kGetRange, name.text(), [&] { return base().GetRange(name, offset, size); });
}

Result<void> InterceptedStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  return Intercept(StoreOperation::kList, prefix, [&] { return base().List(prefix, each, stranger); });
}

Result<void> InterceptedStore::Remove(const ObjectName& name) {
  return Intercept(StoreOperation::kRemove, name.text(), [&] { return base().Remove(name); });
}

Result<ObjectInfo> InterceptedStore::Stat(const ObjectName& name) {
  return Intercept(StoreOperation::kStat, name.text(), [&] { return base().Stat(name); });
}

}  // namespace cairn
