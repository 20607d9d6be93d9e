// Many requests at once.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <utility>

#include "engine/env/job_context.h"
#include "engine/store/object_store.h"

namespace cairn {

// Does what `get(number)` does for each number below `count`, several at a time where the context has limits.gets of
// more than one, each in a thread of its own, and gives what it gave in order to `each(number, got)`, in the caller's
// thread; the Error of that Result<void> ends it, as stop being asked for does (kInterrupted). In memory are those of
// as many as are under way.
template <class Get, class Each>
Result<void> GetEachBy(size_t count, const Get& get, const JobContext& context, const Each& each) {
  using Got = std::invoke_result_t<Get, size_t>;
  const size_t at_once = std::min<size_t>(count, std::max(1U, context.limits.gets));
  const auto pool = at_once > 1 ? MakeThreadPool(static_cast<unsigned>(at_once)) : MakeInlineExecutor();
  std::deque<std::future<Got>> under_way;  // the first is of number `told`
  size_t begun = 0;
  for (size_t told = 0; told < count; ++told) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading objects");
    for (; begun < count && under_way.size() < at_once; ++begun) {
      auto task = std::make_shared<std::packaged_task<Got()>>([&get, begun] { return get(begun); });
      under_way.push_back(task->get_future());
      pool->Submit([task] { (*task)(); });
    }
    Got got = under_way.front().get();
    under_way.pop_front();
    RETURN_IF_ERROR(each(told, std::move(got)));
  }
  return {};
}

// The same of these objects, each of them whole.
Result<void> GetEach(ObjectStore& store, std::span<const ObjectName> names, uint64_t size_max,
                     const JobContext& context,
                     const std::function<Result<void>(size_t number, Result<Bytes> object)>& each);

}  // namespace cairn
