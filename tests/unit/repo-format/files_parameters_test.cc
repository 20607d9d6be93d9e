#include "repo-format/files_parameters.h"

#include <gtest/gtest.h>

#include "repo-format/wire_writer.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

TEST(FilesParameters, ComeBack) {
  FilesParameters parameters;
  EXPECT_EQ(FilesParameters::Parse(parameters.Encode()).value(), parameters) << "nothing was left out";
  parameters.patterns = {"*.tmp", "/cache/", "!kept.tmp", "*.tmp"};
  parameters.markers = {"NOBACKUP", ".nobackup"};
  parameters.larger_than = 1'000'000;
  parameters.caches = true;
  EXPECT_EQ(FilesParameters::Parse(parameters.Encode()).value(), parameters);
  parameters.one_file_system = true;
  parameters.unknown = {{20, {1, 2}}};
  EXPECT_EQ(FilesParameters::Parse(parameters.Encode()).value(), parameters);
}

TEST(FilesParameters, WhatIsNotKnownIsNotPassedOver) {
  RecordWriter later;
  later.AddU8(8, 4);
  EXPECT_THAT(FilesParameters::Parse(std::move(later).Take()), ErrorCodeIs(ErrorCode::kUnsupported));
  RecordWriter critical;
  critical.AddU8(8, 0);
  critical.AddU8(9, 0);
  EXPECT_THAT(FilesParameters::Parse(std::move(critical).Take()), ErrorCodeIs(ErrorCode::kUnsupported));
  EXPECT_THAT(FilesParameters::Parse(Bytes()), ErrorCodeIs(ErrorCode::kCorrupt)) << "the flags are missing";
}

}  // namespace
}  // namespace cairn
