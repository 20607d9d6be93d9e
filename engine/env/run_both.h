// Two things at the same time.
#pragma once

#include <future>
#include <type_traits>
#include <utility>

namespace cairn {

// What both return. `other` runs in a thread of its own where `at_once`, else before `own`; neither throws.
template <class Own, class Other>
auto RunBoth(bool at_once, const Own& own, const Other& other)
    -> std::pair<std::invoke_result_t<Own>, std::invoke_result_t<Other>> {
  auto begun = std::async(at_once ? std::launch::async : std::launch::deferred, [&] { return other(); });
  if (!at_once) begun.wait();
  auto of_own = own();
  return {std::move(of_own), begun.get()};
}

}  // namespace cairn
