#include "engine/jobs/deleted_expiry.h"

#include <algorithm>
#include <map>

namespace cairn {
namespace {

bool IsOver(UnixNs since, UnixNs now, uint32_t keep_seconds) {
  return now >= since && (now - since) / 1'000'000'000 >= int64_t{keep_seconds};
}

using Seen = LocalCache::Remembered::DeletedSeen;

}  // namespace

DeletedVerdict JudgeDeleted(const std::vector<DeletedSnapshot>& deleted, UnixNs store_now, const Clock& clock,
                            LocalCache& cache) {
  DeletedVerdict verdict;
  std::vector<const DeletedSnapshot*> dateless;
  for (const DeletedSnapshot& one : deleted) {
    if (store_now == 0 || one.put == 0) {
      dateless.push_back(&one);
    } else if (IsOver(one.put, store_now, one.keep_seconds)) {
      verdict.over.insert(one.snapshot.id);
    }
  }
  LocalCache::Remembered remembered = cache.Load();
  if (dateless.empty() && remembered.deleted.empty()) return verdict;
  std::map<Digest, int64_t> seen;
  for (const Seen& one : remembered.deleted) seen[one.object] = one.since;
  const UnixNs now = clock.Now();
  remembered.deleted.clear();
  for (const DeletedSnapshot* one : dateless) {
    const auto known = seen.find(one->digest);
    const UnixNs since = known != seen.end() && known->second <= now ? known->second : now;  // also of a clock set back
    if (IsOver(since, now, one->keep_seconds)) verdict.over.insert(one->snapshot.id);
    remembered.deleted.push_back({one->digest, since});
  }
  verdict.any_without_date = !dateless.empty();
  std::ranges::sort(remembered.deleted, {}, &Seen::object);
  IgnoreError(cache.Store(remembered), "advisory: the next prune begins to watch");
  return verdict;
}

}  // namespace cairn
