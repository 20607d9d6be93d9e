#include "repo-format/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace cairn {
namespace {

const std::string kLong = "a text that is longer than what a string holds without memory of its own";

TEST(Result, KeepsAnErrorThatWasReturnedFromItsName) {
  const auto fails = [](Result<void>& named) -> Result<void> {
    RETURN_IF_ERROR(named);
    return {};
  };
  Result<void> named = Error(ErrorCode::kNoSpace, kLong);
  EXPECT_EQ(fails(named).error().message(), kLong);
  EXPECT_EQ(named.error().message(), kLong) << "who asks again is told as much";
}

TEST(Result, ReturnsTheErrorOfAValueThatCannotBeCopied) {
  const auto fails = [](Result<std::unique_ptr<int>>& named) -> Result<void> {
    RETURN_IF_ERROR(named);
    return {};
  };
  Result<std::unique_ptr<int>> named = Error(ErrorCode::kIo, kLong);
  EXPECT_EQ(fails(named).error().message(), kLong);
  EXPECT_EQ(named.error().message(), kLong);
}

}  // namespace
}  // namespace cairn
