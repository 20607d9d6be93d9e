#include "engine/store/retry_store.h"

#include <vector>

#include "engine/store/compact_listing.h"

namespace cairn {

Result<void> RetryStore::Put(const ObjectName& name, ByteSpan bytes) {
  return retry_->Repeat([&] { return base().Put(name, bytes); });
}

Result<bool> RetryStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  unsigned tries = 0;
  ASSIGN_OR_RETURN(const bool filled_now, retry_->Repeat([&] {
    ++tries;
    return base().PutIfAbsent(name, bytes);
  }));
  if (filled_now || tries == 1) return filled_now;
  const auto there = Get(name, bytes.size());
  if (there) return Equal(*there, bytes);
  const ErrorCode code = there.error().code();
  if (code == ErrorCode::kCorrupt || code == ErrorCode::kNotFound) return false;  // larger, or gone: another's
  return Error(there.error()).While(fmt::format("looking whose {} is", name.text()));
}

Result<Bytes> RetryStore::Get(const ObjectName& name, uint64_t size_max) {
  return retry_->Repeat([&] { return base().Get(name, size_max); });
}

Result<Bytes> RetryStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return retry_->Repeat([&] { return base().GetRange(name, offset, size); });
}

Result<void> RetryStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  CompactListing objects;
  std::vector<std::string> strangers;
  const auto keep = [&](const ObjectInfo& info) -> Result<void> {
    objects.Add(info);
    return {};
  };
  const auto keep_stranger = [&](const std::string& name) -> Result<void> {
    strangers.push_back(name);
    return {};
  };
  RETURN_IF_ERROR(retry_->Repeat([&] {
    objects.Clear();
    strangers.clear();
    return base().List(prefix, keep, stranger ? Stranger(keep_stranger) : Stranger());
  }));
  RETURN_IF_ERROR(objects.ForEach(each));
  for (const std::string& name : strangers) RETURN_IF_ERROR(stranger(name));
  return {};
}

Result<void> RetryStore::Remove(const ObjectName& name) {
  return retry_->Repeat([&] { return base().Remove(name); });
}

Result<ObjectInfo> RetryStore::Stat(const ObjectName& name) {
  return retry_->Repeat([&] { return base().Stat(name); });
}

}  // namespace cairn
