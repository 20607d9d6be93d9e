#include "engine/store/retry_store.h"

#include <algorithm>
#include <vector>

#include "repo-format/base/check.h"

namespace cairn {

RetryStore::RetryStore(std::unique_ptr<ObjectStore> base, const Clock& clock, const Random& random,
                       std::stop_token stop, const RetryOptions& options)
    : base_(std::move(base)), clock_(clock), random_(random), stop_(std::move(stop)), options_(options) {
  CHECK(options_.tries_max > 0 && options_.delay_first.count() > 0);
}

std::chrono::nanoseconds RetryStore::DelayAfter(unsigned tries) const {
  std::chrono::nanoseconds delay = options_.delay_first;
  for (unsigned n = 1; n < tries && delay < options_.delay_max; ++n) delay *= 2;
  delay = std::min(delay, options_.delay_max);
  return delay - std::chrono::nanoseconds(random_.Below(static_cast<uint64_t>(delay.count()) / 2 + 1));
}

Result<void> RetryStore::WaitForNextTry(const Error& error, unsigned tries, std::chrono::nanoseconds begin) const {
  if (!error.transient()) return error;
  const std::string given_up = fmt::format("given up after {} {}", tries, tries == 1 ? "try" : "tries");
  if (tries >= options_.tries_max) return Error(error).While(given_up);
  const auto delay = DelayAfter(tries);
  if (clock_.Steady() + delay - begin > options_.time_max) return Error(error).While(given_up);
  if (options_.notice) options_.notice(error, delay);
  if (clock_.Sleep(delay, stop_)) return {};
  return MakeError(ErrorCode::kInterrupted, "interrupted while waiting to try again: {}", error.message());
}

template <class Call>
auto RetryStore::Repeat(const Call& call) -> decltype(call()) {
  const auto begin = clock_.Steady();
  for (unsigned tries = 1;; ++tries) {
    auto result = call();
    if (result) return result;
    RETURN_IF_ERROR(WaitForNextTry(result.error(), tries, begin));
  }
}

Result<void> RetryStore::Put(const ObjectName& name, ByteSpan bytes) {
  return Repeat([&] { return base_->Put(name, bytes); });
}

Result<bool> RetryStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  unsigned tries = 0;
  ASSIGN_OR_RETURN(const bool filled_now, Repeat([&] {
                     ++tries;
                     return base_->PutIfAbsent(name, bytes);
                   }));
  if (filled_now || tries == 1) return filled_now;
  const auto there = Get(name, bytes.size());
  if (there) return Equal(*there, bytes);
  const ErrorCode code = there.error().code();
  if (code == ErrorCode::kCorrupt || code == ErrorCode::kNotFound) return false;  // larger, or gone: another's
  return Error(there.error()).While(fmt::format("looking whose {} is", name.text()));
}

Result<Bytes> RetryStore::Get(const ObjectName& name, uint64_t size_max) {
  return Repeat([&] { return base_->Get(name, size_max); });
}

Result<Bytes> RetryStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return Repeat([&] { return base_->GetRange(name, offset, size); });
}

Result<void> RetryStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  std::vector<ObjectInfo> objects;
  std::vector<std::string> strangers;
  RETURN_IF_ERROR(Repeat([&] {
    objects.clear();
    strangers.clear();
    const auto keep = [&](const ObjectInfo& info) -> Result<void> {
      objects.push_back(info);
      return {};
    };
    return base_->List(prefix, keep, [&](const std::string& name) { strangers.push_back(name); });
  }));
  for (const ObjectInfo& info : objects) RETURN_IF_ERROR(each(info));
  for (const std::string& name : strangers) {
    if (stranger) stranger(name);
  }
  return {};
}

Result<void> RetryStore::Remove(const ObjectName& name) {
  return Repeat([&] { return base_->Remove(name); });
}

Result<ObjectInfo> RetryStore::Stat(const ObjectName& name) {
  return Repeat([&] { return base_->Stat(name); });
}

}  // namespace cairn
