// Arithmetic on numbers that came from outside: nothing when it does not fit.
#pragma once

#include <concepts>
#include <limits>
#include <optional>

namespace cairn {

template <std::unsigned_integral T>
std::optional<T> CheckedAdd(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
template <std::unsigned_integral T>
std::optional<T> CheckedMul(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}
template <std::unsigned_integral To, std::unsigned_integral From>
std::optional<To> Narrow(From value) {
  if (value > std::numeric_limits<To>::max()) return std::nullopt;
  return static_cast<To>(value);
}

}  // namespace cairn
