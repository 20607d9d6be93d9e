#include "tests/support/unreliable_store.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cairn {

UnreliableStore::UnreliableStore(ObjectStore& base, uint64_t seed, const Weather& weather, std::function<void()> others)
    : StoreDecorator(base), weather_(weather), others_(std::move(others)), random_(seed) {}

void UnreliableStore::DieIn(uint64_t n) { calls_until_death_ = n; }

void UnreliableStore::Revive() {
  calls_until_death_ = 0;
  dead_ = false;
}

bool UnreliableStore::Draw(unsigned of_thousand) {
  if (calm_) return false;
  const std::lock_guard lock(mutex_);
  return random_() % 1'000 < of_thousand;
}

Error UnreliableStore::Broken(std::string_view how, std::string_view name) {
  ++faults_;
  return MakeError(ErrorCode::kIo, "{}: {}, says the weather", name, how).Transient();
}

void UnreliableStore::LetOthersWork(unsigned slow_of_thousand) {
  if (calm_) return;
  uint64_t turns = 1;
  if (Draw(slow_of_thousand)) {
    const std::lock_guard lock(mutex_);
    turns += random_() % 100;
  }
  for (; turns > 0; --turns) others_();
}

template <class Call>
auto UnreliableStore::Do(bool changes, std::string_view name, const Call& call) -> decltype(call()) {
  const Error killed(ErrorCode::kIo, "the process was killed, says the test");
  LetOthersWork(weather_.slow);
  if (dead_) return killed;
  if (calls_until_death_ > 0 && --calls_until_death_ == 0) {
    dead_ = true;
    if (changes && Draw(500)) return call();  // nobody is there to read the answer: the next call fails
    return killed;
  }
  if (Draw(weather_.fail)) return Broken("busy", name);
  if (Draw(weather_.cut)) return Broken("cut off", name);
  auto result = call();
  if (result && changes && Draw(weather_.lose_answers)) return Broken("the answer is lost", name);
  return result;
}

Result<void> UnreliableStore::Put(const ObjectName& name, ByteSpan bytes) {
  return Do(true, name.text(), [&] { return base().Put(name, bytes); });
}

Result<bool> UnreliableStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  LetOthersWork(weather_.slow_commits);
  return Do(true, name.text(), [&] { return base().PutIfAbsent(name, bytes); });
}

Result<Bytes> UnreliableStore::Get(const ObjectName& name, uint64_t size_max) {
  return Do(false, name.text(), [&] { return base().Get(name, size_max); });
}

Result<Bytes> UnreliableStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return Do(false, name.text(), [&] { return base().GetRange(name, offset, size); });
}

// What is there all the while is listed once, as ObjectStore has it; what comes or goes meanwhile is listed or not.
Result<void> UnreliableStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  const bool half_way = Draw(weather_.cut);
  return Do(false, prefix, [&]() -> Result<void> {
    std::vector<ObjectInfo> listed, later;
    const auto list = [&](std::vector<ObjectInfo>& to) {
      return base().List(
          prefix,
          [&](const ObjectInfo& info) -> Result<void> {
            to.push_back(info);
            return {};
          },
          stranger);
    };
    RETURN_IF_ERROR(list(listed));
    if (!listed.empty() && Draw(weather_.tear_lists)) {
      const std::string pivot = listed[listed.size() / 2].name.text();
      others_();
      RETURN_IF_ERROR(list(later));
      std::erase_if(listed, [&](const ObjectInfo& info) { return info.name.text() >= pivot; });
      std::erase_if(later, [&](const ObjectInfo& info) { return info.name.text() < pivot; });
      listed.insert(listed.end(), later.begin(), later.end());
    }
    if (half_way) listed.erase(listed.begin() + static_cast<std::ptrdiff_t>(listed.size() / 2), listed.end());
    for (const ObjectInfo& info : listed) RETURN_IF_ERROR(each(info));
    if (half_way) return Broken("cut off", prefix);
    return {};
  });
}

Result<void> UnreliableStore::Remove(const ObjectName& name) {
  return Do(true, name.text(), [&] { return base().Remove(name); });
}

Result<ObjectInfo> UnreliableStore::Stat(const ObjectName& name) {
  return Do(false, name.text(), [&] { return base().Stat(name); });
}

}  // namespace cairn
