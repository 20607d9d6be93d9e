#include "engine/jobs/legal_hold.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "engine/jobs/at_once.h"
#include "engine/jobs/needed_places.h"

namespace cairn {
namespace {

using Snapshots = std::vector<const LoadedSnapshot*>;

std::string NotePrefixOf(const SnapshotId& id) { return fmt::format("{}{}/", kNotePrefix, id.ToHex()); }

// What a restore of snapshots takes.
class NeededObjects {
 public:
  NeededObjects(const JobContext& context, Repository& repository) : context_(context), repository_(repository) {}

  Result<std::set<ObjectName>> Find(const Snapshots& snapshots) {
    names_.clear();
    if (snapshots.empty()) return names_;
    for (const std::string_view prefix : {kConfigPrefix, kKeyPrefix, kIndexPrefix}) RETURN_IF_ERROR(AddAll(prefix));
    for (const LoadedSnapshot* snapshot : snapshots) {
      names_.insert(SnapshotName(snapshot->id));
      RETURN_IF_ERROR(AddAll(NotePrefixOf(snapshot->id)));
    }
    RETURN_IF_ERROR(AddPacks(snapshots));
    return names_;
  }

 private:
  Result<void> AddAll(std::string_view prefix) {
    return repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      if (ParseObjectName(info.name.text()).kind != ParsedName::Kind::kUnknown) names_.insert(info.name);
      return {};
    });
  }

  Result<void> AddPacks(const Snapshots& snapshots) {
    ASSIGN_OR_RETURN(const auto index, repository_.LoadIndex(context_));
    IdSorter needed(repository_.cache().folder(), context_.limits.memory_bytes / 8);
    BlobReader reader(repository_, *index, context_, context_.limits.memory_bytes / 8, FindingSink());
    RETURN_IF_ERROR(MarkReachable(
        context_, reader, snapshots, needed,
        [](const LoadedSnapshot& snapshot, const std::string& path, const Error& error) -> Result<void> {
          return Error(error).While(fmt::format("looking for what snapshot {} needs: /{}", snapshot.id.Short(), path));
        }));
    std::set<uint32_t> packs;
    RETURN_IF_ERROR(ForEachNeeded(
        context_, *index, needed, [&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
          if (places.empty()) {
            return Corrupt("blob {} is in no pack of the index (cairn check says more)", id.ToHex());
          }
          for (const BlobPlace& place : places) packs.insert(place.pack);
          return {};
        }));
    for (const IndexedPack& pack : index->Packs()) {
      if (packs.contains(pack.number)) names_.insert(PackObjectName(pack.kind, pack.name));
    }
    return {};
  }

  const JobContext& context_;
  Repository& repository_;
  std::set<ObjectName> names_;
};

bool IsPack(const ObjectName& name) { return ParseObjectName(name.text()).kind == ParsedName::Kind::kPack; }

Result<HoldReport> HoldAll(const JobContext& context, ObjectHolder& holder, const std::set<ObjectName>& needed,
                           bool* is_stale) {
  const std::vector<ObjectName> names(needed.begin(), needed.end());
  std::atomic<uint64_t> objects = 0, packs = 0;
  std::atomic<bool> any_gone = false;
  context.progress.SetPhase("holding");
  RETURN_IF_ERROR(AtOnce(context, names.size(), [&](size_t number) -> Result<void> {
    const auto held = holder.Hold(names[number]);
    if (!held && held.error().code() != ErrorCode::kNotFound) return held.error();
    if (!held) any_gone = true;
    if (held) ++objects;
    if (held && IsPack(names[number])) ++packs;
    return {};
  }));
  *is_stale = any_gone;
  return HoldReport{.objects = objects, .packs = packs};
}

Result<Snapshots> OthersHeld(const JobContext& context, const SnapshotSet& set, const Snapshots& snapshots,
                             ObjectHolder& holder) {
  Snapshots others;
  for (const LoadedSnapshot& one : set.snapshots) {
    const bool is_other = std::ranges::none_of(snapshots, [&](const auto* going) { return going->id == one.id; });
    if (is_other) others.push_back(&one);
  }
  std::mutex mutex;
  Snapshots held;
  RETURN_IF_ERROR(AtOnce(context, others.size(), [&](size_t number) -> Result<void> {
    const auto is_held = holder.IsHeld(SnapshotName(others[number]->id));
    if (!is_held && is_held.error().code() == ErrorCode::kNotFound) return {};  // forgotten meanwhile
    RETURN_IF_ERROR(is_held);
    const std::lock_guard lock(mutex);
    if (*is_held) held.push_back(others[number]);
    return {};
  }));
  return held;
}

Result<void> ReleaseAll(const JobContext& context, const std::vector<ObjectVersion>& versions, ObjectHolder& holder,
                        HoldReport& report) {
  std::atomic<uint64_t> objects = 0, packs = 0;
  RETURN_IF_ERROR(AtOnce(context, versions.size(), [&](size_t number) -> Result<void> {
    const auto released = holder.Release(versions[number]);
    if (!released && released.error().code() != ErrorCode::kNotFound) return released.error();
    if (!released || !*released) return {};
    ++objects;
    if (IsPack(versions[number].name)) ++packs;
    return {};
  }));
  report.versions += versions.size();
  report.objects += objects;
  report.packs += packs;
  return {};
}

}  // namespace

Result<HoldReport> HoldSnapshots(const JobContext& context, Repository& repository, const Snapshots& snapshots,
                                 ObjectHolder& holder) {
  constexpr int kTriesMax = 5;
  for (int tries = 1;; ++tries) {
    ASSIGN_OR_RETURN(const auto needed, NeededObjects(context, repository).Find(snapshots));
    bool is_stale = false;
    ASSIGN_OR_RETURN(const HoldReport report, HoldAll(context, holder, needed, &is_stale));
    if (!is_stale) return report;
    if (tries == kTriesMax) {
      return Error(ErrorCode::kBusy, "objects go while they are to be held: a prune is at work");
    }
  }
}

Result<HoldReport> ReleaseSnapshots(const JobContext& context, Repository& repository, const SnapshotSet& set,
                                    const Snapshots& snapshots, ObjectHolder& holder) {
  context.progress.SetPhase("looking for what is held");
  for (const LoadedSnapshot* snapshot : snapshots) {
    ASSIGN_OR_RETURN(const bool is_held, holder.IsHeld(SnapshotName(snapshot->id)));
    if (!is_held) return MakeError(ErrorCode::kInvalidArgument, "snapshot {} is not held", snapshot->id.ToHex());
  }
  ASSIGN_OR_RETURN(const Snapshots others, OthersHeld(context, set, snapshots, holder));
  ASSIGN_OR_RETURN(const std::set<ObjectName> kept, NeededObjects(context, repository).Find(others));
  std::set<ObjectName> own;
  for (const LoadedSnapshot* snapshot : snapshots) own.insert(SnapshotName(snapshot->id));
  std::vector<ObjectVersion> versions, last;
  RETURN_IF_ERROR(holder.ListVersions([&](const ObjectVersion& version) -> Result<void> {
    if (!kept.contains(version.name)) (own.contains(version.name) ? last : versions).push_back(version);
    return {};
  }));
  context.progress.SetPhase("releasing");
  HoldReport report;
  RETURN_IF_ERROR(ReleaseAll(context, versions, holder, report));
  RETURN_IF_ERROR(ReleaseAll(context, last, holder, report));
  return report;
}

}  // namespace cairn
