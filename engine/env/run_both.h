// Two things at the same time.
#pragma once

#include <future>
#include <system_error>
#include <type_traits>
#include <utility>

namespace cairn {

// What both return. `other` runs in a thread of its own where `at_once` and the system gives one, else before `own`;
// neither throws.
template <class Own, class Other>
auto RunBoth(bool at_once, const Own& own, const Other& other)
    -> std::pair<std::invoke_result_t<Own>, std::invoke_result_t<Other>> {
  std::future<std::invoke_result_t<Other>> begun;
  if (at_once) {
    try {
      begun = std::async(std::launch::async, [&] { return other(); });
    } catch (const std::system_error&) {  // no thread: one after the other
    }
  }
  if (!begun.valid()) {
    auto of_other = other();
    return {own(), std::move(of_other)};
  }
  auto of_own = own();
  return {std::move(of_own), begun.get()};
}

}  // namespace cairn
