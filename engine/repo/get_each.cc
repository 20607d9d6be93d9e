#include "engine/repo/get_each.h"

#include <algorithm>
#include <deque>
#include <future>
#include <memory>

namespace cairn {

Result<void> GetEachBy(size_t count, const std::function<Result<Bytes>(size_t number)>& get, const JobContext& context,
                       const std::function<Result<void>(size_t number, Result<Bytes> got)>& each) {
  const size_t at_once = std::min<size_t>(count, std::max(1U, context.limits.gets));
  const auto pool = at_once > 1 ? MakeThreadPool(static_cast<unsigned>(at_once)) : MakeInlineExecutor();
  std::deque<std::future<Result<Bytes>>> under_way;  // the first is of number `told`
  size_t begun = 0;
  for (size_t told = 0; told < count; ++told) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading objects");
    for (; begun < count && under_way.size() < at_once; ++begun) {
      auto task = std::make_shared<std::packaged_task<Result<Bytes>()>>([&get, begun] { return get(begun); });
      under_way.push_back(task->get_future());
      pool->Submit([task] { (*task)(); });
    }
    Result<Bytes> got = under_way.front().get();
    under_way.pop_front();
    RETURN_IF_ERROR(each(told, std::move(got)));
  }
  return {};
}

Result<void> GetEach(ObjectStore& store, std::span<const ObjectName> names, uint64_t size_max,
                     const JobContext& context,
                     const std::function<Result<void>(size_t number, Result<Bytes> object)>& each) {
  return GetEachBy(names.size(), [&](size_t number) { return store.Get(names[number], size_max); }, context, each);
}

}  // namespace cairn
