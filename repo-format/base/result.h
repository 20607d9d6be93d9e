// Result<T>: a T, or an Error. Member names are those of std::expected, so that it can become an alias of it.
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "repo-format/base/check.h"
#include "repo-format/base/error.h"

namespace cairn {

// Converts to an Error Result of any type: what RETURN_IF_ERROR returns.
template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit, for `return value;`
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit, for `return Error`
  // From a U that converts to T (a unique_ptr of a derived class, a literal).
  template <class U>
    requires(!std::is_same_v<std::remove_cvref_t<U>, T> && !std::is_same_v<std::remove_cvref_t<U>, Error> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> && std::is_convertible_v<U &&, T>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: implicit

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    CHECK(has_value());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(has_value());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    CHECK(!has_value());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!has_value());
    return std::get<1>(std::move(state_));
  }

  // The same result, its error told from further out.
  Result While(std::string_view context) && {
    if (!has_value()) std::get<1>(state_) = std::move(std::get<1>(state_)).While(context);
    return std::move(*this);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit, for `return Error`

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { CHECK(has_value()); }
  const Error& error() const& {
    CHECK(!has_value());
    return *error_;
  }
  Error&& error() && {
    CHECK(!has_value());
    return *std::move(error_);
  }
  Result While(std::string_view context) && {
    if (error_) error_ = std::move(*error_).While(context);
    return std::move(*this);
  }

 private:
  std::optional<Error> error_;
};

// Drops a result on purpose; `why` is for the reader.
template <class T>
void IgnoreError(const Result<T>&, std::string_view why) {
  static_cast<void>(why);
}

}  // namespace cairn

#define CAIRN_CONCAT_(a, b) a##b
#define CAIRN_CONCAT(a, b) CAIRN_CONCAT_(a, b)

// What is returned of a Result that is named is a copy: it may be asked again, and told from elsewhere.
#define RETURN_IF_ERROR(expression) RETURN_IF_ERROR_(CAIRN_CONCAT(return_if_error_, __LINE__), expression)
#define RETURN_IF_ERROR_(name, expression)               \
  do {                                                   \
    auto&& name = (expression);                          \
    if (!name.has_value()) [[unlikely]] {                \
      return std::forward<decltype(name)>(name).error(); \
    }                                                    \
  } while (false)

// ASSIGN_OR_RETURN(const auto x, F()); a type with a comma goes in parentheses or becomes auto.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_(CAIRN_CONCAT(assign_or_return_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_(name, declaration, expression) \
  auto name = (expression);                              \
  if (!name.has_value()) [[unlikely]]                    \
    return std::move(name).error();                      \
  declaration = std::move(name).value()
