// Which snapshots a policy keeps, and why. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/repo/snapshot_store.h"

namespace cairn {

// A span of civil time: "1y5m7d3h". Parsed from text: at most 10000 years and 100000 of the others; kInvalidArgument
// names what is wrong.
struct CivilSpan {
  uint32_t years = 0, months = 0, days = 0, hours = 0;
  static Result<CivilSpan> Parse(std::string_view text);
  bool IsZero() const { return years == 0 && months == 0 && days == 0 && hours == 0; }
  friend bool operator==(const CivilSpan&, const CivilSpan&) = default;
};

struct RetentionPolicy {
  static constexpr uint32_t kUnlimited = UINT32_MAX;
  uint32_t last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
  CivilSpan within, within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
  std::vector<std::vector<std::string>> keep_tags;  // each inner list: all of these tags
  bool IsEmpty() const;
};

// By what snapshots are told apart before the policy is applied to each group.
struct GroupBy {
  bool host = true, paths = true, tags = false;
  static Result<GroupBy> Parse(std::string_view text);  // "host,paths,tags", "" = all one group
};

struct RetentionDecision {
  const LoadedSnapshot* snapshot = nullptr;
  bool keep = false;
  std::vector<std::string> reasons;  // "last 3", "daily 2026-11-20", "protected", "tag x", "needed by 3fa2..."
};
struct RetentionGroup {
  std::string host, paths, tags;  // "" where not grouped by it
  // Newest first. Of one time of start: whole ones, then those that were made of no other, then by id: what a repair or
  // a rewrite left has its whole's time, and must not take its place.
  std::vector<RetentionDecision> decisions;
};

// Applies the policy to each group; "now" for `within` is the newest snapshot's time of the group. Civil time is each
// snapshot's own offset. Kept besides: protected ones, those needed by one that is kept or that does not pass the
// filter (it stays), safety snapshots and other classes than ordinary, and snapshots whose time disagrees with the
// store's by more than a day (these displace none either). kInvalidArgument where the policy would keep nothing of a
// group unless `may_empty`.
Result<std::vector<RetentionGroup>> ApplyRetention(const std::vector<LoadedSnapshot>& snapshots,
                                                   const RetentionPolicy& policy, const GroupBy& group_by,
                                                   const SnapshotFilter& filter, bool may_empty);

}  // namespace cairn
