#include "engine/jobs/retention.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Made {
  std::string time;  // "2026-11-20 10:00", civil time at `offset_minutes`
  std::string host = "db1";
  std::vector<std::string> tags = {};
  int32_t offset_minutes = 0;
};

// Snapshots by the letters of the order in which they were made: "a", "b" ...
class Timeline {
 public:
  Timeline(std::initializer_list<Made> made) {
    for (const Made& one : made) Add(one);
  }

  LoadedSnapshot& Add(const Made& made) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0;
    const int fields = std::sscanf(made.time.c_str(), "%d-%d-%d %d:%d", &year, &month, &day, &hour, &minute);
    CHECK(fields == 5);
    const std::chrono::sys_days date(std::chrono::year(year) / month / day);
    LoadedSnapshot snapshot;
    snapshot.id = random_.NewId<SnapshotId>();
    snapshot.inner.host = ToBytes(AsBytes(made.host));
    snapshot.inner.start.seconds =
        date.time_since_epoch().count() * 86'400LL + hour * 3600 + minute * 60 - made.offset_minutes * 60LL;
    snapshot.inner.offset_minutes = made.offset_minutes;
    snapshot.inner.items.push_back({.name = "/home", .root = {}, .paths = {ToBytes(AsBytes("/home"))}});
    snapshot.tags = made.tags;
    snapshot.opened = true;
    snapshots_.push_back(std::move(snapshot));
    return snapshots_.back();
  }

  LoadedSnapshot& operator[](size_t index) { return snapshots_[index]; }

  Result<std::vector<RetentionGroup>> Apply(const RetentionPolicy& policy, const GroupBy& group_by = {},
                                            bool may_empty = false, const SnapshotFilter& filter = {}) const {
    return ApplyRetention(snapshots_, policy, group_by, filter, may_empty);
  }

  // The letters of those that are kept, in the order in which they were made.
  std::string Kept(const RetentionPolicy& policy, const GroupBy& group_by = {}, bool may_empty = false,
                   const SnapshotFilter& filter = {}) const {
    const auto groups = Apply(policy, group_by, may_empty, filter);
    if (!groups) return "error: " + groups.error().message();
    std::string letters;
    for (const RetentionGroup& group : *groups) {
      for (const RetentionDecision& decision : group.decisions) {
        EXPECT_EQ(decision.keep, !decision.reasons.empty());
        if (decision.keep) letters += static_cast<char>('a' + (decision.snapshot - snapshots_.data()));
      }
    }
    std::ranges::sort(letters);
    return letters;
  }

 private:
  SeededRandom random_{7};
  std::vector<LoadedSnapshot> snapshots_;
};

CivilSpan Span(std::string_view text) { return *CivilSpan::Parse(text); }

TEST(Retention, KeepsTheNewestN) {
  const Timeline line{{"2026-11-18 10:00"}, {"2026-11-20 10:00"}, {"2026-11-19 10:00"}};
  EXPECT_EQ(line.Kept({.last = 1}), "b");
  EXPECT_EQ(line.Kept({.last = 2}), "bc");
  EXPECT_EQ(line.Kept({.last = RetentionPolicy::kUnlimited}), "abc");
}

TEST(Retention, KeepsTheNewestOfEachBucketAndTheOldestWhereOneIsLeft) {
  const Timeline line{{"2026-11-18 08:00"}, {"2026-11-18 09:00"}, {"2026-11-18 10:00"},
                      {"2026-11-19 10:05"}, {"2026-11-19 10:55"}, {"2026-11-20 10:00"}};
  EXPECT_EQ(line.Kept({.hourly = 3}), "cef");
  EXPECT_EQ(line.Kept({.daily = 2}), "ef");
  EXPECT_EQ(line.Kept({.daily = 3}), "cef");
  EXPECT_EQ(line.Kept({.daily = 4}), "acef") << "the oldest stands for a day that is not there yet";
}

// A repair's or rewrite's copy has the time of its original, and any id: here one above and one below.
TEST(Retention, WhatIsLeftOfAWholeDoesNotTakeItsPlace) {
  Timeline line{{"2026-11-19 10:00"}, {"2026-11-19 10:00"}, {"2026-11-19 10:00"}, {"2026-11-20 10:00"}};
  line[0].id = *SnapshotId::Parse("00000000000000000000000000000001");
  line[1].id = *SnapshotId::Parse("00000000000000000000000000000002");
  line[2].id = *SnapshotId::Parse("00000000000000000000000000000003");
  const auto leave = [&](size_t whole) {
    for (size_t i = 0; i < 3; ++i) {
      line[i].inner.original = i == whole ? std::nullopt : std::optional(line[whole].id);
      line[i].inner.items.front().complete = true;
      line[i].inner.items.front().unread_nodes = 0;
    }
    SnapshotItem& repaired = line[(whole + 1) % 3].inner.items.front();
    repaired.complete = false;
    repaired.unread_nodes = 3;
  };
  for (size_t whole = 0; whole < 3; ++whole) {
    leave(whole);
    const std::string letter(1, static_cast<char>('a' + whole));
    EXPECT_EQ(line.Kept({.last = 2}), letter + "d");
    EXPECT_EQ(line.Kept({.daily = 2}), letter + "d");
    EXPECT_EQ(line.Kept({.weekly = 2}), letter + "d") << "as the oldest";
    EXPECT_EQ(line.Kept({.daily = 5}), letter + "d") << "no other is as old";
  }
}

// A repair left no part of it whole, and the broken one is no better: what was made of no other comes first.
TEST(Retention, OfTwoThatAreNotWholeTheOriginalStays) {
  Timeline line{{"2026-11-19 10:00"}, {"2026-11-19 10:00"}};
  for (size_t original = 0; original < 2; ++original) {
    for (size_t i = 0; i < 2; ++i) {
      line[i].inner.items.front().unread_nodes = 1;
      line[i].inner.original = i == original ? std::nullopt : std::optional(line[original].id);
    }
    EXPECT_EQ(line.Kept({.last = 1}), original == 0 ? "a" : "b");
  }
}

TEST(Retention, CountsWeeksAsIso8601Does) {
  // 2026-12-31 is a Thursday: 2026-W53 goes from Monday, 28 December, to Sunday, 3 January.
  const Timeline line{{"2026-12-27 10:00"}, {"2026-12-28 10:00"}, {"2027-01-03 10:00"}, {"2027-01-04 10:00"}};
  EXPECT_EQ(line.Kept({.weekly = 2}), "cd");
  EXPECT_EQ(line.Kept({.weekly = 3}), "acd");
  const auto groups = line.Apply({.weekly = 3});
  ASSERT_TRUE(groups.has_value());
  EXPECT_THAT(groups->front().decisions[1].reasons, ElementsAre("weekly 2026-W53"));
}

TEST(Retention, MonthsAndYears) {
  const Timeline line{
      {"2024-02-29 10:00"}, {"2024-12-31 23:59"}, {"2025-01-01 00:00"}, {"2025-01-31 10:00"}, {"2025-02-01 10:00"}};
  EXPECT_EQ(line.Kept({.monthly = 2}), "de");
  EXPECT_EQ(line.Kept({.monthly = 3}), "bde");
  EXPECT_EQ(line.Kept({.yearly = 2}), "be");
}

TEST(Retention, ADayIsOneOfTheSnapshotsOwnOffset) {
  // 23:30 and 00:30 of two civil days at +02:00, the same day in UTC.
  const Timeline line{{.time = "2026-07-01 23:30", .offset_minutes = 120},
                      {.time = "2026-07-02 00:30", .offset_minutes = 120},
                      {.time = "2026-07-02 20:00", .offset_minutes = 120}};
  EXPECT_EQ(line.Kept({.daily = 2}), "ac");
}

// Laptops travel, and a repository has machines in several zones: in the order of the snapshots the names of their days
// alternate.
TEST(Retention, ADayCountsOnceWhereOffsetsAlternate) {
  constexpr int32_t kTokyo = 540, kPacific = -480;
  const Timeline line{
      {.time = "2026-11-18 12:00", .offset_minutes = kTokyo}, {.time = "2026-11-19 12:00", .offset_minutes = kTokyo},
      {.time = "2026-11-20 09:00", .offset_minutes = kTokyo}, {.time = "2026-11-19 17:00", .offset_minutes = kPacific},
      {.time = "2026-11-20 11:00", .offset_minutes = kTokyo}, {.time = "2026-11-19 19:00", .offset_minutes = kPacific}};
  EXPECT_EQ(line.Kept({.daily = 2}), "ef");
  EXPECT_EQ(line.Kept({.daily = 3}), "aef") << "three civil days: the 20th, the 19th and the 18th";
  EXPECT_EQ(line.Kept({.within_daily = Span("9d")}), "aef");
}

TEST(Retention, WithinIsMeasuredFromTheNewestAndNotFromNow) {
  const Timeline line{{"2020-01-01 10:00"}, {"2020-01-29 10:00"}, {"2020-02-29 09:59"}, {"2020-02-29 10:00"}};
  EXPECT_EQ(line.Kept({.within = Span("1d")}), "cd");
  EXPECT_EQ(line.Kept({.within = Span("1m")}), "bcd") << "a month before 29 February is 29 January, same hour";
  EXPECT_EQ(line.Kept({.within = Span("1m27d")}), "bcd");
  EXPECT_EQ(line.Kept({.within = Span("2m")}), "abcd");
}

TEST(Retention, AMonthBeforeThe31stIsTheLastDayOfAShorterMonth) {
  const Timeline line{{"2026-02-28 11:00"}, {"2026-02-28 13:00"}, {"2026-03-31 12:00"}};
  EXPECT_EQ(line.Kept({.within = Span("1m")}), "bc");
}

TEST(Retention, WithinOfABucketKeepsOneOfEachInTheSpan) {
  const Timeline line{{"2026-11-10 08:00"}, {"2026-11-19 08:00"}, {"2026-11-19 09:00"}, {"2026-11-20 09:00"}};
  EXPECT_EQ(line.Kept({.within_daily = Span("3d")}), "cd");
}

TEST(Retention, TagsKeepThoseThatHaveAllOfAList) {
  const Timeline line{
      {"2026-11-18 10:00", "db1", {"gold"}}, {"2026-11-19 10:00", "db1", {"gold", "yearly"}}, {"2026-11-20 10:00"}};
  EXPECT_EQ(line.Kept({.keep_tags = {{"gold"}}}), "ab");
  EXPECT_EQ(line.Kept({.keep_tags = {{"gold", "yearly"}}}), "b");
  EXPECT_EQ(line.Kept({.last = 1, .keep_tags = {{"yearly"}}}), "bc");
}

TEST(Retention, EachGroupHasItsOwnPolicy) {
  const Timeline line{{"2026-11-18 10:00", "db1"}, {"2026-11-19 10:00", "db2"}, {"2026-11-20 10:00", "db2"}};
  EXPECT_EQ(line.Kept({.last = 1}), "ac");
  EXPECT_EQ(line.Kept({.last = 1}, *GroupBy::Parse("")), "c");
  EXPECT_EQ(line.Kept({.last = 1}, *GroupBy::Parse("paths")), "c");
}

TEST(Retention, ProtectedAndSafetySnapshotsStayAndDisplaceNoneOfAnotherClass) {
  Timeline line{{"2026-11-18 10:00"}, {"2026-11-19 10:00"}, {"2026-11-20 10:00"}};
  line[0].is_protected = true;
  line[2].inner.snapshot_class = SnapshotClass::kSafety;
  EXPECT_EQ(line.Kept({.last = 1}), "abc");
}

TEST(Retention, WhatAKeptOneNeedsStaysAcrossGroupsAndLevels) {
  Timeline line{{"2026-11-17 10:00", "db2"}, {"2026-11-18 10:00"}, {"2026-11-19 10:00"}, {"2026-11-20 10:00", "db2"}};
  line[2].inner.needs = {line[1].id};
  line[1].inner.needs = {line[0].id};
  EXPECT_EQ(line.Kept({.last = 1}), "abcd");
  const auto groups = line.Apply({.last = 1});
  ASSERT_TRUE(groups.has_value());
  EXPECT_THAT((*groups)[0].decisions[1].reasons, ElementsAre("needed by " + line[2].id.Short()));
}

TEST(Retention, WhatOneOutsideOfTheFilterNeedsStays) {
  Timeline line{
      {"2026-11-17 10:00", "db2"}, {"2026-11-18 10:00", "db2"}, {"2026-11-19 10:00"}, {"2026-11-20 10:00", "db2"}};
  line[2].inner.needs = {line[1].id};
  line[1].inner.needs = {line[0].id};
  const auto db2 = [](const LoadedSnapshot& snapshot) { return ToString(snapshot.inner.host) == "db2"; };
  EXPECT_EQ(line.Kept({.last = 1}, {}, false, db2), "abd");
  const auto groups = line.Apply({.last = 1}, {}, false, db2);
  ASSERT_TRUE(groups.has_value());
  ASSERT_EQ(groups->size(), 1u);
  EXPECT_THAT((*groups)[0].decisions[1].reasons, ElementsAre("needed by " + line[2].id.Short()));
}

// Who has a writer's key dates a snapshot into the future: `keep-last 1` would forget the good ones.
TEST(Retention, ADoubtfulTimeIsKeptAndDisplacesNone) {
  Timeline line{{"2026-11-18 10:00"}, {"2026-11-19 10:00"}, {"2046-11-20 10:00"}};
  line[2].time_doubtful = true;
  EXPECT_EQ(line.Kept({.last = 1}), "bc");
  EXPECT_EQ(line.Kept({.within = Span("1y")}), "abc");
}

TEST(Retention, RefusesToKeepNothing) {
  Timeline line{{"2026-11-18 10:00"}};
  EXPECT_THAT(line.Kept({}), HasSubstr("give at least one --keep option"));
  EXPECT_THAT(line.Kept({.keep_tags = {{"absent"}}}), HasSubstr("would forget all 1 snapshots of host \"db1\""));
  EXPECT_EQ(line.Kept({.keep_tags = {{"absent"}}}, {}, true), "");
}

TEST(Retention, AbsurdTimesAreDefined) {
  Timeline line{{"2026-11-18 10:00"}, {"2026-11-19 10:00"}};
  line[0].inner.start.seconds = INT64_MIN;
  line[1].inner.start.seconds = INT64_MAX;
  EXPECT_EQ(line.Kept({.last = 1, .yearly = 2, .within_weekly = Span("9y")}), "ab");
}

// A calendar's year has 16 bits: one that wraps lies in the future, and everything is older than that.
TEST(Retention, ASpanBeforeAllCalendarsKeepsAll) {
  Timeline line{{"2026-11-18 10:00"}, {"2026-11-19 10:00"}};
  for (const CivilSpan& span : {Span("10000y100000m100000d100000h"), CivilSpan{.years = 50'000},
                                CivilSpan{.months = UINT32_MAX}, CivilSpan{.years = UINT32_MAX, .hours = UINT32_MAX}}) {
    EXPECT_EQ(line.Kept({.within = span}), "ab") << span.years << "y" << span.months << "m";
    EXPECT_EQ(line.Kept({.within_daily = span}), "ab") << span.years << "y" << span.months << "m";
  }
  line[0].inner.start.seconds = line[1].inner.start.seconds = INT64_MIN;
  EXPECT_EQ(line.Kept({.within = Span("10000y")}), "ab");
}

TEST(CivilSpan, RefusesMoreYearsThanAnyCalendarHas) {
  for (const char* wrong : {"10001y", "50000y", "1y100001m", "100001d", "100001h", "99999999999d"}) {
    EXPECT_THAT(CivilSpan::Parse(wrong), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("too long a span"))) << wrong;
  }
  EXPECT_EQ(Span("10000y100000m"), (CivilSpan{.years = 10'000, .months = 100'000}));
}

TEST(CivilSpan, Parses) {
  EXPECT_EQ(Span("1y5m7d3h"), (CivilSpan{1, 5, 7, 3}));
  EXPECT_EQ(Span("36h"), (CivilSpan{0, 0, 0, 36}));
  for (const char* wrong : {"", "7", "d", "-1d", "1w", "1d ", "99999999999w"}) {
    EXPECT_FALSE(CivilSpan::Parse(wrong).has_value()) << wrong;
  }
}

TEST(GroupBy, Parses) {
  const GroupBy none = *GroupBy::Parse("");
  EXPECT_FALSE(none.host || none.paths || none.tags);
  const GroupBy two = *GroupBy::Parse("tags,host");
  EXPECT_TRUE(two.host && two.tags && !two.paths);
  EXPECT_FALSE(GroupBy::Parse("hosts").has_value());
}

}  // namespace
}  // namespace cairn
