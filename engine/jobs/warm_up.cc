#include "engine/jobs/warm_up.h"

#include <algorithm>
#include <map>

#include "engine/jobs/at_once.h"
#include "engine/jobs/reachability.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/snapshot_tree.h"

namespace cairn {
namespace {

// The data blobs that a restore would read.
class DataNeeded {
 public:
  DataNeeded(const JobContext& context, const Repository& repository, Index& index, const RestoreOptions& options,
             FindingSink findings)
      : context_(context),
        options_(options),
        findings_(std::move(findings)),
        blobs_(repository, index, context, context.limits.memory_bytes / 8, findings_),
        ids_(repository.cache().folder(), context.limits.memory_bytes / 8) {}

  Result<IdSorter*> Find(const LoadedSnapshot& snapshot) {
    ASSIGN_OR_RETURN(const SnapshotPlace place, FindInSnapshot(blobs_, snapshot, options_.path));
    if (!place.is_folder()) {
      const bool is_taken = !options_.take || options_.take(place.path, place.node);
      if (is_taken) RETURN_IF_ERROR(Add(place.node));
      return &ids_;
    }
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) { return Visit(path, node); };
    visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      if (EndsJob(error.code())) return error;
      if (findings_) findings_({SeverityOf(error), error.code(), "/" + PathForPeople(path), error.message()});
      return {};
    };
    RETURN_IF_ERROR(WalkSnapshot(blobs_, snapshot.inner, place, visitor));
    return &ids_;
  }

 private:
  Result<bool> Visit(const TreePath& path, const Node& node) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const bool is_taken = !options_.take || options_.take(path, node);
    const bool is_folder = node.type == NodeType::kFolder;
    if (!is_taken && !(is_folder && options_.descend && options_.descend(path))) return false;
    RETURN_IF_ERROR(is_taken ? Add(node) : AddAttributes(node));
    return true;
  }

  Result<void> AddAttributes(const Node& node) {
    for (const Attribute& attribute : node.attributes) {
      if (attribute.blob) RETURN_IF_ERROR(ids_.Add(attribute.blob->id));
    }
    return {};
  }

  Result<void> Add(const Node& node) {
    RETURN_IF_ERROR(AddAttributes(node));
    if (!node.content) return {};
    auto listed =
        ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
          return entry.type == ListEntry::Type::kHole ? Result<void>() : ids_.Add(entry.id);
        });
    RETURN_IF_ERROR(ids_.failure());
    if (listed || !IsLoss(listed.error().code())) return listed;
    if (findings_) {
      const Error& error = listed.error();
      findings_({SeverityOf(error), error.code(), PathForPeople(node.name), error.message()});
    }
    return {};
  }

  const JobContext& context_;
  const RestoreOptions& options_;
  const FindingSink findings_;
  BlobReader blobs_;
  IdSorter ids_;
};

// How they stand; nothing of one that is gone.
Result<std::vector<std::optional<Warmth>>> LookAtAll(const JobContext& context, ObjectWarmer& warmer,
                                                     const std::vector<ObjectName>& names) {
  context.progress.SetPhase("looking at packs");
  std::vector<std::optional<Warmth>> found(names.size());
  RETURN_IF_ERROR(AtOnce(context, names.size(), [&](size_t number) -> Result<void> {
    auto warmth = warmer.LookAt(names[number]);
    if (!warmth && warmth.error().code() == ErrorCode::kNotFound) return {};
    RETURN_IF_ERROR(warmth);
    found[number] = *warmth;
    return {};
  }));
  return found;
}

// Until all of these are warm, or the time is over. What was asked for at the same time comes at about the same time:
// one that is not warm yet stands for the others. Gives back how many of them, from the first, are warm.
Result<size_t> WaitFor(const JobContext& context, ObjectWarmer& warmer, const std::vector<ObjectName>& names,
                       std::chrono::nanoseconds wait) {
  context.progress.SetPhase("waiting for the store's archive");
  const auto pause =
      std::clamp<std::chrono::nanoseconds>(wait / 100, std::chrono::milliseconds(100), std::chrono::seconds(60));
  const auto begin = context.clock.Steady();
  size_t warm = 0;
  for (;;) {
    while (warm < names.size()) {
      if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      auto warmth = warmer.LookAt(names[warm]);
      if (!warmth && warmth.error().code() == ErrorCode::kNotFound) warmth = Warmth::kWarm;  // repacked meanwhile
      if (warmth && *warmth == Warmth::kCold) warmth = warmer.WarmUp(names[warm]);  // its time was over already
      RETURN_IF_ERROR(warmth);
      if (*warmth != Warmth::kWarm) break;
      ++warm;
    }
    if (warm == names.size() || context.clock.Steady() - begin >= wait) return warm;
    context.clock.Sleep(pause, context.stop);
  }
}

}  // namespace

Result<std::vector<IndexedPack>> FindDataPacks(const JobContext& context, const Repository& repository, Index& index,
                                               const LoadedSnapshot& snapshot, const RestoreOptions& options,
                                               FindingSink findings) {
  RETURN_IF_ERROR(repository.keyring().Need(Rights::kMetadataKey, "finding what a restore needs"));
  if (!snapshot.opened) return MakeError(ErrorCode::kNoRight, "snapshot {} cannot be opened", snapshot.id.ToHex());
  context.progress.SetPhase("finding the packs that are needed");
  DataNeeded needed(context, repository, index, options, std::move(findings));
  ASSIGN_OR_RETURN(IdSorter * ids, needed.Find(snapshot));
  RETURN_IF_ERROR(ids->StartReading());
  std::map<PackName, IndexedPack> packs;
  for (;;) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const std::optional<BlobId> id, ids->Next());
    if (!id) break;
    ASSIGN_OR_RETURN(const auto locations, index.Find(*id));
    // The first one is where a restore reads it.
    const auto first = std::ranges::find(locations, BlobKind::kData, [](const auto& one) { return one.pack.kind; });
    if (first != locations.end()) packs.emplace(first->pack.name, first->pack);
  }
  std::vector<IndexedPack> result;
  for (auto& [name, pack] : packs) result.push_back(std::move(pack));
  return result;
}

Result<WarmUpReport> RunWarmUp(const JobContext& context, ObjectWarmer& warmer, const std::vector<IndexedPack>& packs,
                               const WarmUpOptions& options) {
  std::vector<ObjectName> names;
  for (const IndexedPack& pack : packs) names.push_back(PackObjectName(pack.kind, pack.name));
  ASSIGN_OR_RETURN(auto warmth, LookAtAll(context, warmer, names));
  WarmUpReport report;
  std::vector<size_t> cold;
  for (size_t i = 0; i < packs.size(); ++i) {
    if (!warmth[i]) continue;
    ++report.packs;
    report.bytes += packs[i].size;
    if (*warmth[i] != Warmth::kCold) continue;
    cold.push_back(i);
    ++report.asked;
    report.bytes_asked += packs[i].size;
  }
  if (options.ask) {
    context.progress.SetPhase("asking for packs");
    RETURN_IF_ERROR(AtOnce(context, cold.size(), [&](size_t number) -> Result<void> {
      auto now = warmer.WarmUp(names[cold[number]]);
      if (!now && now.error().code() == ErrorCode::kNotFound) return {};
      RETURN_IF_ERROR(now);
      warmth[cold[number]] = *now;
      return {};
    }));
  }
  std::vector<size_t> later;
  for (size_t i = 0; i < packs.size(); ++i) {
    if (warmth[i] && *warmth[i] != Warmth::kWarm) later.push_back(i);
  }
  size_t warm = 0;
  if (options.ask && options.wait.count() > 0 && !later.empty()) {
    std::vector<ObjectName> waited_for;
    for (const size_t i : later) waited_for.push_back(names[i]);
    ASSIGN_OR_RETURN(warm, WaitFor(context, warmer, waited_for, options.wait));
  }
  for (size_t i = warm; i < later.size(); ++i) {
    ++report.cold;
    report.bytes_cold += packs[later[i]].size;
  }
  return report;
}

}  // namespace cairn
