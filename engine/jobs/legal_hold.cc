#include "engine/jobs/legal_hold.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <set>

#include "engine/jobs/at_once.h"
#include "engine/jobs/needed_places.h"

namespace cairn {
namespace {

using Snapshots = std::vector<const LoadedSnapshot*>;
using Names = std::set<ObjectName>;
using Versions = std::vector<ObjectVersion>;

constexpr int kTriesMax = 5;

std::string NotePrefixOf(const SnapshotId& id) { return fmt::format("{}{}/", kNotePrefix, id.ToHex()); }

// What a restore of snapshots takes.
class NeededObjects {
 public:
  NeededObjects(const JobContext& context, Repository& repository) : context_(context), repository_(repository) {}

  Result<Names> Find(const Snapshots& snapshots) {
    names_.clear();
    if (snapshots.empty()) return names_;
    for (const LoadedSnapshot* snapshot : snapshots) {
      if (!snapshot->opened) {
        return MakeError(ErrorCode::kNoRight, "snapshot {} cannot be opened: what it needs is not known",
                         snapshot->id.ToHex());
      }
      names_.insert(SnapshotName(snapshot->id));
      RETURN_IF_ERROR(AddAll(NotePrefixOf(snapshot->id)));
    }
    for (const std::string_view prefix : {kConfigPrefix, kKeyPrefix}) RETURN_IF_ERROR(AddAll(prefix));
    RETURN_IF_ERROR(AddPacks(snapshots));
    return names_;
  }

 private:
  Result<Names> List(std::string_view prefix) {
    Names listed;
    RETURN_IF_ERROR(repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      if (ParseObjectName(info.name.text()).kind != ParsedName::Kind::kUnknown) listed.insert(info.name);
      return {};
    }));
    return listed;
  }

  Result<void> AddAll(std::string_view prefix) {
    ASSIGN_OR_RETURN(const Names listed, List(prefix));
    names_.insert(listed.begin(), listed.end());
    return {};
  }

  // The segments of which it is then: one that comes in between may be the only one that says where a blob is.
  Result<void> SyncWithSegments(Index& index) {
    for (int tries = 0; tries < kTriesMax; ++tries) {
      ASSIGN_OR_RETURN(const Names before, List(kIndexPrefix));
      RETURN_IF_ERROR(repository_.SyncIndex(index, context_));
      ASSIGN_OR_RETURN(const Names after, List(kIndexPrefix));
      if (before != after) continue;
      names_.insert(after.begin(), after.end());
      return {};
    }
    return Error(ErrorCode::kBusy, "the index changes each time that it is read: others are at work");
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
    RETURN_IF_ERROR(SyncWithSegments(*index));  // who reads brings it into step, too
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
  Names names_;
};

bool IsPack(const ObjectName& name) { return ParseObjectName(name.text()).kind == ParsedName::Kind::kPack; }

bool IsSnapshot(const ObjectName& name) { return ParseObjectName(name.text()).kind == ParsedName::Kind::kSnapshot; }

// False: it is not there.
Result<bool> HoldOne(ObjectHolder& holder, const ObjectName& name) {
  const auto hold = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(bool is_held, holder.IsHeld(name));
    if (is_held) return {};
    RETURN_IF_ERROR(holder.Hold(name));
    ASSIGN_OR_RETURN(is_held, holder.IsHeld(name));
    if (is_held) return {};
    return MakeError(ErrorCode::kIo, "{}: the store says that it holds it, and then that it does not", name.text());
  };
  auto held = hold();
  if (held) return true;
  if (held.error().code() == ErrorCode::kNotFound) return false;
  return std::move(held).error();
}

// Whether all of them are there.
Result<bool> HoldEach(const JobContext& context, ObjectHolder& holder, const Names& wanted) {
  const std::vector<ObjectName> names(wanted.begin(), wanted.end());
  std::atomic<bool> any_gone = false;
  RETURN_IF_ERROR(AtOnce(context, names.size(), [&](size_t number) -> Result<void> {
    ASSIGN_OR_RETURN(const bool is_there, HoldOne(holder, names[number]));
    if (!is_there) any_gone = true;
    return {};
  }));
  return !any_gone;
}

// What these need, and is held on return.
Result<Names> HoldNeeded(const JobContext& context, Repository& repository, const Snapshots& snapshots,
                         ObjectHolder& holder) {
  Names own;
  for (const LoadedSnapshot* snapshot : snapshots) own.insert(SnapshotName(snapshot->id));
  for (int tries = 0; tries < kTriesMax; ++tries) {
    // Before what they need: who releases others meanwhile sees them, or has ended before they come to need it.
    context.progress.SetPhase("holding");
    ASSIGN_OR_RETURN(bool is_whole, HoldEach(context, holder, own));
    ASSIGN_OR_RETURN(Names needed, NeededObjects(context, repository).Find(snapshots));
    context.progress.SetPhase("holding");
    if (is_whole) {
      ASSIGN_OR_RETURN(is_whole, HoldEach(context, holder, needed));
    }
    if (is_whole) return needed;
  }
  return Error(ErrorCode::kBusy,
               "objects that are to be held are not there: a prune is at work, or they are lost (cairn check tells)");
}

// Of this repository: what else is below the prefix is not its own to release.
Result<Versions> ListVersions(ObjectHolder& holder) {
  Versions versions;
  RETURN_IF_ERROR(holder.ListVersions([&](const ObjectVersion& version) -> Result<void> {
    if (ParseObjectName(version.name.text()).kind != ParsedName::Kind::kUnknown) versions.push_back(version);
    return {};
  }));
  return versions;
}

// Hidden ones too.
Result<std::set<SnapshotId>> HeldSnapshots(const JobContext& context, const Versions& versions, ObjectHolder& holder) {
  Versions asked;
  std::ranges::copy_if(versions, std::back_inserter(asked), IsSnapshot, &ObjectVersion::name);
  std::mutex mutex;
  std::set<SnapshotId> held;
  RETURN_IF_ERROR(AtOnce(context, asked.size(), [&](size_t number) -> Result<void> {
    const auto is_held = holder.IsVersionHeld(asked[number]);
    if (!is_held && is_held.error().code() == ErrorCode::kNotFound) return {};
    RETURN_IF_ERROR(is_held);
    const std::lock_guard lock(mutex);
    if (*is_held) held.insert(ParseObjectName(asked[number].name.text()).session);
    return {};
  }));
  return held;
}

Result<Snapshots> FindAll(const SnapshotSet& set, const std::set<SnapshotId>& ids) {
  Snapshots found;
  for (const SnapshotId& id : ids) {
    const auto one = std::ranges::find(set.snapshots, id, &LoadedSnapshot::id);
    if (one == set.snapshots.end()) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "snapshot {} is held too, and is hidden (it was forgotten, or removed) or cannot be read, so "
                       "nobody knows what it needs: nothing is released (cairn tag {} --release-hold gives it up; the "
                       "store brings back what is hidden by removing its delete markers)",
                       id.ToHex(), id.ToHex());
    }
    found.push_back(&*one);
  }
  return found;
}

Result<void> ReleaseAll(const JobContext& context, const Versions& versions, ObjectHolder& holder, HoldReport& report) {
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

// Those that another began to hold while this run released: it may have released what was held for them.
Result<void> HoldNewOnes(const JobContext& context, Repository& repository, const std::set<SnapshotId>& known,
                         ObjectHolder& holder) {
  ASSIGN_OR_RETURN(const Versions versions, ListVersions(holder));
  ASSIGN_OR_RETURN(std::set<SnapshotId> held, HeldSnapshots(context, versions, holder));
  std::erase_if(held, [&](const SnapshotId& id) { return known.contains(id); });
  if (held.empty()) return {};
  ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(repository, context, {}));
  ASSIGN_OR_RETURN(const Snapshots snapshots, FindAll(set, held));
  RETURN_IF_ERROR(HoldNeeded(context, repository, snapshots, holder));
  return {};
}

}  // namespace

Result<HoldReport> HoldSnapshots(const JobContext& context, Repository& repository, const Snapshots& snapshots,
                                 ObjectHolder& holder) {
  ASSIGN_OR_RETURN(const Names held, HoldNeeded(context, repository, snapshots, holder));
  return HoldReport{.objects = held.size(), .packs = static_cast<uint64_t>(std::ranges::count_if(held, IsPack))};
}

Result<HoldReport> ReleaseSnapshots(const JobContext& context, Repository& repository, const SnapshotSet& set,
                                    const std::vector<SnapshotId>& snapshots, ObjectHolder& holder) {
  context.progress.SetPhase("looking for what is held");
  ASSIGN_OR_RETURN(const Versions all, ListVersions(holder));
  ASSIGN_OR_RETURN(const std::set<SnapshotId> held, HeldSnapshots(context, all, holder));
  std::set<SnapshotId> others = held;
  for (const SnapshotId& id : snapshots) {
    if (!held.contains(id)) return MakeError(ErrorCode::kInvalidArgument, "snapshot {} is not held", id.ToHex());
    others.erase(id);
  }
  ASSIGN_OR_RETURN(const Snapshots staying, FindAll(set, others));
  Names kept;
  if (!staying.empty()) {
    ASSIGN_OR_RETURN(kept, HoldNeeded(context, repository, staying, holder));
  }
  const std::set<SnapshotId> own(snapshots.begin(), snapshots.end());
  Versions versions, last;
  for (const ObjectVersion& version : all) {
    if (kept.contains(version.name)) continue;
    if (!IsSnapshot(version.name)) {
      versions.push_back(version);
    } else if (own.contains(ParseObjectName(version.name.text()).session)) {
      last.push_back(version);
    }  // else it is not held, or another has begun to hold it since
  }
  context.progress.SetPhase("releasing");
  HoldReport report;
  RETURN_IF_ERROR(ReleaseAll(context, versions, holder, report));
  RETURN_IF_ERROR(HoldNewOnes(context, repository, held, holder));
  RETURN_IF_ERROR(ReleaseAll(context, last, holder, report));
  return report;
}

}  // namespace cairn
