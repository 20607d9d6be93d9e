#include "engine/store/put_if_absent_probe.h"

#include <future>
#include <optional>
#include <system_error>
#include <vector>

namespace cairn {
namespace {

constexpr int kRounds = 3;
constexpr size_t kRacers = 6;

// How many of those who fill a name at the same time are told that they did.
Result<int> RaceFor(ObjectStore& store, const ObjectName& name) {
  std::vector<std::future<Result<bool>>> racers;
  for (size_t i = 0; i < kRacers; ++i) {
    const auto fill = [&store, &name, i] { return store.PutIfAbsent(name, AsBytes(fmt::format("racer {}", i))); };
    try {
      racers.push_back(std::async(std::launch::async, fill));
    } catch (const std::system_error&) {  // no thread: then it is not quite a race
      racers.push_back(std::async(std::launch::deferred, fill));
    }
  }
  int winners = 0;
  std::optional<Error> failed;
  for (auto& racer : racers) {
    const auto won = racer.get();
    if (!won) failed = won.error();
    if (won && *won) ++winners;
  }
  if (failed) return *std::move(failed);
  return winners;
}

}  // namespace

Result<void> ProbePutIfAbsent(ObjectStore& store, const Random& random) {
  bool keeps_hands_off = true;
  for (int round = 0; round < kRounds && keeps_hands_off; ++round) {
    ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse("tmp/" + random.NewId<ObjectId>().ToHex()));
    ASSIGN_OR_RETURN(const int winners, RaceFor(store, name));
    ASSIGN_OR_RETURN(const bool late, store.PutIfAbsent(name, AsBytes("late")));
    keeps_hands_off = winners == 1 && !late;
    auto removed = store.Remove(name);
    if (!removed && removed.error().code() != ErrorCode::kPermission) return removed;
  }
  if (keeps_hands_off) return {};
  return MakeError(ErrorCode::kUnsupported,
                   "{}: this server overwrites an object though it is told not to: two backups at once could take each "
                   "other's place, and cairn does not use it",
                   store.description());
}

}  // namespace cairn
