// What tests say about a Result.
//
//   EXPECT_THAT(store.Put(name, bytes), IsOk());
//   EXPECT_THAT(store.Get(name, 10), IsOkAnd(BytesAre("hello")));
//   EXPECT_THAT(store.Get(name, 10), ErrorCodeIs(ErrorCode::kNotFound));
//   EXPECT_THAT(store.Get(name, 10), ErrorIs(ErrorCode::kNotFound, HasSubstr("data/ab")));
//   ASSERT_OK_AND_ASSIGN(const Bytes bytes, store.Get(name, 10));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

inline void PrintTo(const Error& error, std::ostream* out) {
  *out << Name(error.code()) << ": " << error.message() << (error.transient() ? " (transient)" : "");
}
template <class T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  if (result.has_value()) {
    *out << "a value";
  } else {
    PrintTo(result.error(), out);
  }
}

MATCHER(IsOk, negation ? "is an error" : "is no error") {
  if (!arg.has_value()) *result_listener << testing::PrintToString(arg.error());
  return arg.has_value();
}
// `value`: what the value is, or a matcher of it.
MATCHER_P(IsOkAnd, value, negation ? "is an error, or another value" : "is the right value") {
  if (!arg.has_value()) return false;
  *result_listener << testing::PrintToString(*arg) << " ";
  return testing::ExplainMatchResult(value, *arg, result_listener);
}
MATCHER_P(ErrorCodeIs, code, std::string(negation ? "is not" : "is") + " the error " + std::string(Name(code))) {
  return !arg.has_value() && arg.error().code() == code;
}
MATCHER_P2(ErrorIs, code, message,
           std::string(negation ? "is not" : "is") + " the error " + std::string(Name(code)) + ", and its message " +
               testing::DescribeMatcher<const std::string&>(message)) {
  if (arg.has_value() || arg.error().code() != code) return false;
  return testing::ExplainMatchResult(message, arg.error().message(), result_listener);
}
MATCHER_P(BytesAre, text, "are the bytes \"" + std::string(text) + "\"") {
  *result_listener << "\"" << AsText(arg) << "\"";
  return AsText(arg) == text;
}

}  // namespace cairn

#define EXPECT_OK(expression) EXPECT_THAT(expression, ::cairn::IsOk())
#define ASSERT_OK(expression) ASSERT_THAT(expression, ::cairn::IsOk())

#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  ASSERT_OK_AND_ASSIGN_(CAIRN_CONCAT(assert_ok_, __LINE__), declaration, expression)
#define ASSERT_OK_AND_ASSIGN_(name, declaration, expression) \
  auto name = (expression);                                  \
  ASSERT_THAT(name, ::cairn::IsOk());                        \
  declaration = std::move(name).value()
