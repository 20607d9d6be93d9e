#include "engine/http/answer.h"
#include "tests/support/matchers.h"

namespace cairn::http {
namespace {

Response Answered(std::string_view range, std::string_view body) {
  Response response{.status = 206, .headers = {}, .body = ToBytes(AsBytes(body))};
  if (!range.empty()) response.headers.emplace_back("content-range", range);
  return response;
}

TEST(PartOf, IsWhatWasAskedFor) {
  EXPECT_THAT(PartOf(Answered("bytes 3-6/10", "3456"), 3, 4, "it"), IsOkAnd(BytesAre("3456")));
  EXPECT_THAT(PartOf(Answered("bytes 9-9/10", "9"), 9, 1, "it"), IsOkAnd(BytesAre("9")));
}

TEST(PartOf, OfWhatEndsBeforeIsCorrupt) {
  EXPECT_THAT(PartOf(Answered("bytes 9-9/10", "9"), 9, 2, "it"),
              ErrorIs(ErrorCode::kCorrupt, testing::HasSubstr("it has 10 bytes")));
}

// A proxy cut it off, or answered for itself: of the object that says nothing.
TEST(PartOf, WhatDidNotComeIsNoDamage) {
  const auto is_transient = [](std::string_view range, std::string_view body) {
    const auto part = PartOf(Answered(range, body), 3, 4, "it");
    return !part && part.error().code() == ErrorCode::kIo && part.error().transient();
  };
  EXPECT_TRUE(is_transient("bytes 3-6/10", "345"));
  EXPECT_TRUE(is_transient("bytes 0-3/10", "0123"));
  for (const std::string_view range :
       {"", "bytes", "bytes */10", "bytes 3-6/*", "bytes 6-3/10", "bytes 3-6/6", "bytes -6/10", "bytes 3-/10",
        "bytes 3-6/", "bytes 3/6-10", "lines 3-6/10", "bytes 3-6/99999999999999999999"}) {
    EXPECT_TRUE(is_transient(range, "3456")) << range;
  }
}

}  // namespace
}  // namespace cairn::http
