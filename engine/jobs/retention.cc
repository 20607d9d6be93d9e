#include "engine/jobs/retention.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <set>

namespace cairn {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int64_t kDaySeconds = 86'400;

// Civil time of a snapshot, by its own offset.
struct Civil {
  year_month_day date;
  int64_t seconds_of_day = 0;
  int64_t day_number = 0;  // since 1970-01-01
};

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

Civil CivilOf(const LoadedSnapshot& snapshot) {
  // Far outside of the calendar a date means nothing; it is clamped so that arithmetic stays defined.
  constexpr int64_t kSecondsMax = int64_t{10'000'000} * kDaySeconds;
  const int64_t local =
      std::clamp(snapshot.inner.start.seconds, -kSecondsMax, kSecondsMax) + int64_t{snapshot.inner.offset_minutes} * 60;
  Civil civil;
  civil.day_number = FloorDiv(local, kDaySeconds);
  civil.seconds_of_day = local - civil.day_number * kDaySeconds;
  civil.date = year_month_day(sys_days(days(civil.day_number)));
  return civil;
}

// A bucket's key, and its name for people. Two snapshots of one bucket have equal names.
using BucketOf = std::string (*)(const Civil&);

std::string HourBucket(const Civil& c) {
  return fmt::format("{}-{:02}-{:02} {:02}h", static_cast<int>(c.date.year()), static_cast<unsigned>(c.date.month()),
                     static_cast<unsigned>(c.date.day()), c.seconds_of_day / 3600);
}
std::string DayBucket(const Civil& c) {
  return fmt::format("{}-{:02}-{:02}", static_cast<int>(c.date.year()), static_cast<unsigned>(c.date.month()),
                     static_cast<unsigned>(c.date.day()));
}
// ISO 8601 weeks: the week belongs to the year of its Thursday.
std::string WeekBucket(const Civil& c) {
  const int64_t weekday = (c.day_number % 7 + 7 + 3) % 7;  // Monday is 0; 1970-01-01 was a Thursday
  const sys_days thursday{days(c.day_number - weekday + 3)};
  const year_month_day date(thursday);
  const sys_days first(date.year() / std::chrono::January / 1);
  return fmt::format("{}-W{:02}", static_cast<int>(date.year()), (thursday - first).count() / 7 + 1);
}
std::string MonthBucket(const Civil& c) {
  return fmt::format("{}-{:02}", static_cast<int>(c.date.year()), static_cast<unsigned>(c.date.month()));
}
std::string YearBucket(const Civil& c) { return fmt::format("{}", static_cast<int>(c.date.year())); }

struct Rule {
  const char* name;
  BucketOf bucket;
  uint32_t RetentionPolicy::* count;
  CivilSpan RetentionPolicy::* within;
};
constexpr Rule kRules[] = {
    {"hourly", HourBucket, &RetentionPolicy::hourly, &RetentionPolicy::within_hourly},
    {"daily", DayBucket, &RetentionPolicy::daily, &RetentionPolicy::within_daily},
    {"weekly", WeekBucket, &RetentionPolicy::weekly, &RetentionPolicy::within_weekly},
    {"monthly", MonthBucket, &RetentionPolicy::monthly, &RetentionPolicy::within_monthly},
    {"yearly", YearBucket, &RetentionPolicy::yearly, &RetentionPolicy::within_yearly},
};

// The moment so long before `newest`, in its civil time. Counted in 64 bits: a year of the calendar has 16, and one
// that wraps would lie in the future, where "all of them" becomes "none".
int64_t Before(const LoadedSnapshot& newest, const CivilSpan& span) {
  const Civil civil = CivilOf(newest);
  const int64_t month_number = int64_t{static_cast<int>(civil.date.year())} * 12 +
                               static_cast<unsigned>(civil.date.month()) - 1 - int64_t{span.years} * 12 - span.months;
  const int64_t year = FloorDiv(month_number, 12);
  if (year < static_cast<int>(std::chrono::year::min())) return INT64_MIN;
  year_month_day date(std::chrono::year(static_cast<int>(year)),
                      std::chrono::month(static_cast<unsigned>(month_number - year * 12 + 1)), civil.date.day());
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;  // 31 March less a month: the month's last day
  const int64_t day = sys_days(date).time_since_epoch().count() - span.days;
  return day * kDaySeconds + civil.seconds_of_day - int64_t{span.hours} * 3600 -
         int64_t{newest.inner.offset_minutes} * 60;
}

bool HasAllTags(const LoadedSnapshot& snapshot, const std::vector<std::string>& tags) {
  return std::ranges::all_of(
      tags, [&](const std::string& tag) { return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end(); });
}

void KeepLast(std::vector<RetentionDecision>& decisions, uint32_t count) {
  uint32_t kept = 0;
  for (RetentionDecision& decision : decisions) {
    if (kept == count) return;
    ++kept;
    decision.reasons.push_back(count == RetentionPolicy::kUnlimited ? "last" : fmt::format("last {}", kept));
  }
}

WireTime StartOf(const RetentionDecision& decision) { return decision.snapshot->inner.start; }

// The greater, the newer.
auto RankOf(const RetentionDecision& decision) {
  const LoadedSnapshot& snapshot = *decision.snapshot;
  const bool is_whole = std::ranges::all_of(
      snapshot.inner.items, [](const SnapshotItem& item) { return item.complete && item.unread_nodes == 0; });
  return std::tuple(snapshot.inner.start, is_whole, !snapshot.inner.original.has_value(), snapshot.id);
}

// The newest of each of `count` buckets, by what was met first: snapshots of several UTC offsets come back to a civil
// day or hour that they have left. The oldest snapshot of all fills a bucket that is not full yet, so
// that a young repository keeps its first one.
void KeepBuckets(std::vector<RetentionDecision>& decisions, const Rule& rule, uint32_t count,
                 std::optional<int64_t> not_before) {
  std::set<std::string> filled;
  uint32_t kept = 0;
  // Of several that are as old, the one that comes first of them.
  const auto oldest_first = std::ranges::find(decisions, decisions.back().snapshot->inner.start, StartOf);
  const auto oldest_place = static_cast<size_t>(oldest_first - decisions.begin());
  for (size_t i = 0; i < decisions.size() && kept < count; ++i) {
    const LoadedSnapshot& snapshot = *decisions[i].snapshot;
    if (not_before && snapshot.inner.start.seconds < *not_before) break;
    const std::string bucket = rule.bucket(CivilOf(snapshot));
    const bool oldest = i == oldest_place && !not_before;
    const bool is_new = filled.insert(bucket).second;
    if (!is_new && !oldest) continue;
    decisions[i].reasons.push_back(fmt::format("{} {}{}", rule.name, bucket, is_new ? "" : " (oldest)"));
    ++kept;
  }
}

// What the policy says of one group, newest first.
void Decide(std::vector<RetentionDecision>& decisions, const RetentionPolicy& policy) {
  std::vector<RetentionDecision> ordinary;
  for (const RetentionDecision& decision : decisions) {
    const LoadedSnapshot& snapshot = *decision.snapshot;
    const bool counts = snapshot.inner.snapshot_class == SnapshotClass::kOrdinary && !snapshot.time_doubtful;
    if (counts) ordinary.push_back(decision);
  }
  if (!ordinary.empty()) {
    const LoadedSnapshot& newest = *ordinary.front().snapshot;
    KeepLast(ordinary, policy.last);
    for (const Rule& rule : kRules) {
      KeepBuckets(ordinary, rule, policy.*rule.count, std::nullopt);
      const CivilSpan& within = policy.*rule.within;
      if (!within.IsZero()) KeepBuckets(ordinary, rule, RetentionPolicy::kUnlimited, Before(newest, within));
    }
    if (!policy.within.IsZero()) {
      const int64_t not_before = Before(newest, policy.within);
      for (RetentionDecision& decision : ordinary) {
        if (decision.snapshot->inner.start.seconds >= not_before) decision.reasons.emplace_back("within");
      }
    }
  }
  std::map<SnapshotId, std::vector<std::string>> reasons;
  for (RetentionDecision& decision : ordinary) reasons[decision.snapshot->id] = std::move(decision.reasons);
  for (RetentionDecision& decision : decisions) {
    const LoadedSnapshot& snapshot = *decision.snapshot;
    decision.reasons = std::move(reasons[snapshot.id]);
    for (const auto& tags : policy.keep_tags) {
      if (HasAllTags(snapshot, tags)) decision.reasons.push_back("tag " + fmt::format("{}", fmt::join(tags, ",")));
    }
    if (snapshot.is_protected) decision.reasons.emplace_back("protected");
    if (snapshot.inner.snapshot_class != SnapshotClass::kOrdinary) {
      decision.reasons.push_back(fmt::format("class {}", Name(snapshot.inner.snapshot_class)));
    }
    if (snapshot.time_doubtful) decision.reasons.emplace_back("doubtful time");
    decision.keep = !decision.reasons.empty();
  }
}

// What one that stays needs is kept with it, also across groups, until nothing changes. One stays because it is kept,
// or because the filter did not let it come before the policy.
void KeepNeeded(const std::vector<LoadedSnapshot>& snapshots, std::vector<RetentionGroup>& groups) {
  std::map<SnapshotId, RetentionDecision*> by_id;
  for (RetentionGroup& group : groups) {
    for (RetentionDecision& decision : group.decisions) by_id[decision.snapshot->id] = &decision;
  }
  std::vector<const LoadedSnapshot*> open;
  for (const LoadedSnapshot& snapshot : snapshots) {
    const auto found = by_id.find(snapshot.id);
    if (found == by_id.end() || found->second->keep) open.push_back(&snapshot);
  }
  while (!open.empty()) {
    const LoadedSnapshot* snapshot = open.back();
    open.pop_back();
    for (const SnapshotId& needed : snapshot->inner.needs) {
      const auto found = by_id.find(needed);
      if (found == by_id.end() || found->second->keep) continue;
      found->second->keep = true;
      found->second->reasons.push_back("needed by " + snapshot->id.Short());
      open.push_back(found->second->snapshot);
    }
  }
}

// Of several items in one order, whichever they came in.
std::string PathsOf(const LoadedSnapshot& snapshot) {
  std::vector<std::string> paths;
  for (const SnapshotItem& item : snapshot.inner.items) {
    for (const Bytes& path : item.paths) paths.push_back(ToString(path));
  }
  if (snapshot.inner.items.size() > 1) std::ranges::sort(paths);
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : ", ") + path;
  return text;
}

}  // namespace

Result<CivilSpan> CivilSpan::Parse(std::string_view text) {
  constexpr uint32_t kYearsMax = 10'000, kOthersMax = 100'000;
  CivilSpan span;
  std::string_view rest = text;
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no span of time: write for example 1y5m7d3h", text);
  };
  if (rest.empty()) return bad();
  while (!rest.empty()) {
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error == std::errc::invalid_argument || end == rest.data() + rest.size()) return bad();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const char unit = rest.front();
    if (std::string_view("ymdh").find(unit) == std::string_view::npos) return bad();
    if (error != std::errc() || value > (unit == 'y' ? kYearsMax : kOthersMax)) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "\"{}\" is too long a span of time: years go to {}, months, days and hours to {} (a "
                       "count of \"unlimited\" keeps all)",
                       text, kYearsMax, kOthersMax);
    }
    switch (unit) {
      case 'y':
        span.years = value;
        break;
      case 'm':
        span.months = value;
        break;
      case 'd':
        span.days = value;
        break;
      default:
        span.hours = value;
        break;
    }
    rest.remove_prefix(1);
  }
  return span;
}

bool RetentionPolicy::IsEmpty() const {
  const bool counts = last != 0 || hourly != 0 || daily != 0 || weekly != 0 || monthly != 0 || yearly != 0;
  const bool spans = !within.IsZero() || !within_hourly.IsZero() || !within_daily.IsZero() || !within_weekly.IsZero() ||
                     !within_monthly.IsZero() || !within_yearly.IsZero();
  return !counts && !spans && keep_tags.empty();
}

Result<GroupBy> GroupBy::Parse(std::string_view text) {
  GroupBy group{false, false, false};
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    if (word == "host") {
      group.host = true;
    } else if (word == "paths" || word == "path") {
      group.paths = true;
    } else if (word == "tags" || word == "tag") {
      group.tags = true;
    } else {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\": snapshots are grouped by host, paths, tags", word);
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return group;
}

Result<std::vector<RetentionGroup>> ApplyRetention(const std::vector<LoadedSnapshot>& snapshots,
                                                   const RetentionPolicy& policy, const GroupBy& group_by,
                                                   const SnapshotFilter& filter, bool may_empty) {
  if (policy.IsEmpty() && !may_empty) {
    return Error(ErrorCode::kInvalidArgument, "the policy keeps nothing: give at least one --keep option");
  }
  std::map<std::tuple<std::string, std::string, std::string>, RetentionGroup> by_key;
  for (const LoadedSnapshot& snapshot : snapshots) {
    if (filter && !filter(snapshot)) continue;
    const std::string host = group_by.host ? ToString(snapshot.inner.host) : "";
    const std::string paths = group_by.paths ? PathsOf(snapshot) : "";
    const std::string tags = group_by.tags ? fmt::format("{}", fmt::join(snapshot.tags, ",")) : "";
    RetentionGroup& group = by_key[{host, paths, tags}];
    group.host = host;
    group.paths = paths;
    group.tags = tags;
    group.decisions.push_back({&snapshot, false, {}});
  }
  std::vector<RetentionGroup> groups;
  for (auto& [key, group] : by_key) {
    std::ranges::sort(group.decisions, std::greater<>(), RankOf);
    Decide(group.decisions, policy);
    groups.push_back(std::move(group));
  }
  KeepNeeded(snapshots, groups);
  for (const RetentionGroup& group : groups) {
    if (may_empty || std::ranges::any_of(group.decisions, &RetentionDecision::keep)) continue;
    return MakeError(
        ErrorCode::kInvalidArgument,
        "the policy would forget all {} snapshots of host \"{}\" and paths \"{}\"; name them by id if that "
        "is meant",
        group.decisions.size(), group.host, group.paths);
  }
  return groups;
}

}  // namespace cairn
