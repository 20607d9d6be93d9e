#include "repo-format/sqlite_parameters.h"

#include <gtest/gtest.h>

#include "repo-format/wire_writer.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

TEST(SqliteParameters, ComeBack) {
  SqliteParameters parameters;
  EXPECT_EQ(SqliteParameters::Parse(parameters.Encode()).value(), parameters) << "a whole database";
  parameters.is_part = true;
  parameters.no_rows = true;
  EXPECT_EQ(SqliteParameters::Parse(parameters.Encode()).value(), parameters);
  parameters.no_rows = false;
  parameters.no_others = true;
  parameters.chosen = {"order*", "customer", "order*"};
  parameters.excluded = {"order_old"};
  parameters.import_origin = Bytes{1, 2};
  parameters.unknown = {{20, {1, 2}}};
  EXPECT_EQ(SqliteParameters::Parse(parameters.Encode()).value(), parameters);
}

TEST(SqliteParameters, HaveTheBytesOfTheSpecification) {
  SqliteParameters parameters;
  parameters.is_part = true;
  parameters.chosen = {"t*"};
  EXPECT_EQ(ToHex(parameters.Encode()), "0202742a080100");
}

TEST(SqliteParameters, WhatIsWrongIsRefused) {
  RecordWriter later;
  later.AddU8(8, 4);
  EXPECT_THAT(SqliteParameters::Parse(std::move(later).Take()), ErrorCodeIs(ErrorCode::kUnsupported));
  RecordWriter critical;
  critical.AddU8(9, 0);
  EXPECT_THAT(SqliteParameters::Parse(std::move(critical).Take()), ErrorCodeIs(ErrorCode::kUnsupported));
  RecordWriter bare;
  bare.Add(2, AsBytes("t"));
  EXPECT_THAT(SqliteParameters::Parse(std::move(bare).Take()), ErrorCodeIs(ErrorCode::kCorrupt));
  RecordWriter nothing;
  nothing.AddU8(8, 3);
  EXPECT_THAT(SqliteParameters::Parse(std::move(nothing).Take()), ErrorCodeIs(ErrorCode::kCorrupt));
}

}  // namespace
}  // namespace cairn
