#include "engine/jobs/check.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/env/byte_budget.h"
#include "engine/jobs/lock_extension.h"
#include "engine/jobs/needed_places.h"
#include "engine/jobs/object_check.h"
#include "engine/jobs/pack_buffers.h"
#include "engine/jobs/pack_check.h"
#include "engine/jobs/reachability.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/tree_walker.h"

namespace cairn {
namespace {

class CheckRun {
 public:
  CheckRun(const JobContext& context, Repository& repository, const CheckOptions& options, FindingSink findings)
      : context_(context), repository_(repository), options_(options), findings_(std::move(findings)) {}

  Result<CheckReport> Run() {
    auto report = RunAll();
    if (report || report.error().code() != ErrorCode::kStoreAway) return report;
    std::string phase = context_.progress.phase();
    const uint64_t done = context_.progress.items_done, total = context_.progress.items_total;
    if (total > 0) phase += fmt::format(", {} of {}", done, total);
    return MakeError(ErrorCode::kStoreAway, "{}; the check ended while {}: of what comes after that it says nothing{}",
                     report.error().message(), phase,
                     report_.damages > 0 ? fmt::format(" ({} findings of damage were told before)", report_.damages)
                                         : std::string());
  }

 private:
  Result<CheckReport> RunAll() {
    SetPhase("checking objects");
    const FindingSink tell = [this](const Finding& finding) { Tell(finding); };
    ASSIGN_OR_RETURN(const ObjectCounts counts, CheckObjects(context_, repository_, tell));
    report_.configs = counts.configs;
    report_.keys = counts.keys;
    report_.keys_opened = counts.keys_opened;
    report_.segments = counts.segments;
    // Snapshots before the index: what a snapshot needs was indexed before it was committed.
    ASSIGN_OR_RETURN(set_, LoadSnapshotsAndDeleted(repository_, context_, tell, SnapshotsFrom::kTheStore));
    for (const std::string& text : set_.unexplained) {
      Tell({Finding::Severity::kDamage, ErrorCode::kNotFound, "snapshots/", text});
    }
    ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_, [this](const SegmentId&, const Error& error) {
      index_is_whole_ = false;
      has_newer_segment_ = has_newer_segment_ || error.code() == ErrorCode::kUnsupported;
    }));
    RETURN_IF_ERROR(ChooseSnapshots());
    RETURN_IF_ERROR(ComparePacks());
    if (repository_.keyring().rights().Has(Rights::kMetadataKey)) {
      RETURN_IF_ERROR(CheckReachable());
    } else {
      report_.trees_followed = false;
      Tell({Finding::Severity::kNote, ErrorCode::kNoRight, "snapshots/",
            "this key's role cannot open trees: what the snapshots need was not followed"});
    }
    if (options_.data != CheckOptions::Data::kNone) RETURN_IF_ERROR(CheckData());
    if (!bad_.empty()) RETURN_IF_ERROR(NameFiles());
    if (options_.locker != nullptr) RETURN_IF_ERROR(ExtendAllLocks());
    return std::move(report_);
  }

  void SetPhase(std::string_view phase) {
    context_.progress.SetPhase(std::string(phase));
    context_.progress.items_total = context_.progress.items_done = 0;
  }

  void Tell(const Finding& finding) {
    const std::lock_guard lock(mutex_);
    if (held_) {
      held_->push_back(finding);
      return;
    }
    switch (finding.severity) {
      case Finding::Severity::kDamage:
        ++report_.damages;
        CountByKind(finding);
        break;
      case Finding::Severity::kUnread:
        ++report_.unread;
        break;
      case Finding::Severity::kWarning:
        ++report_.warnings;
        break;
      case Finding::Severity::kNote:
        ++report_.notes;
        break;
    }
    if (findings_) findings_(finding);
  }

  // What each asks for differs.
  void CountByKind(const Finding& finding) {
    const auto kind = ParseObjectName(finding.object).kind;
    using Kind = ParsedName::Kind;
    if (kind == Kind::kConfig || kind == Kind::kKey) ++report_.bad_openers;
    if (kind == Kind::kSession || kind == Kind::kSessionEnd || kind == Kind::kSignOfLife) ++report_.bad_sessions;
    if (kind == Kind::kSnapshot || kind == Kind::kNote || kind == Kind::kForgotten || kind == Kind::kDeleted)
      ++report_.bad_records;
  }

  Result<void> ChooseSnapshots() {
    for (const LoadedSnapshot& snapshot : set_.snapshots) {
      if (!options_.snapshot || snapshot.id == *options_.snapshot) chosen_.push_back(&snapshot);
    }
    report_.snapshots = chosen_.size();
    for (const DeletedSnapshot& one : set_.deleted) {
      if (options_.snapshot) break;
      chosen_.push_back(&one.snapshot);
      deleted_.insert(one.snapshot.id);
    }
    report_.deleted = deleted_.size();
    if (options_.snapshot && chosen_.empty()) {
      return MakeError(ErrorCode::kNotFound, "there is no snapshot {}", options_.snapshot->ToHex());
    }
    return {};
  }

  // Who cannot follow the trees to their ends, or lacks a part of the index, takes all packs that are there for needed:
  // what damage hides may be mended, as long as it is not removed.
  bool KnowsNeededPacks() const {
    return needed_ != nullptr && !options_.snapshot && index_is_whole_ && !has_unread_trees_ && !has_lost_blobs_ &&
           set_.unreadable.empty();
  }

  // What is not needed any more may go when its lock is over.
  Result<void> ExtendAllLocks() {
    ObjectStore& store = repository_.store();
    std::vector<ObjectName> names;
    std::vector<std::string_view> prefixes{kConfigPrefix, kKeyPrefix, kIndexPrefix, kSnapshotPrefix, kDeletedPrefix};
    const bool knows_needed = KnowsNeededPacks();
    if (!knows_needed) prefixes.insert(prefixes.end(), {kDataPrefix, kMetaPrefix});
    for (const std::string_view prefix : prefixes) {
      RETURN_IF_ERROR(store.List(prefix, [&](const ObjectInfo& info) -> Result<void> {
        if (ParseObjectName(info.name.text()).kind != ParsedName::Kind::kUnknown) names.push_back(info.name);
        return {};
      }));
    }
    for (const IndexedPack& pack : index_->Packs()) {
      if (knows_needed && needed_packs_.contains(pack.number)) names.push_back(PackObjectName(pack.kind, pack.name));
    }
    ASSIGN_OR_RETURN(const LockReport locks, ExtendLocks(context_, *options_.locker, names));
    report_.locks_looked_at = locks.looked_at;
    report_.locks_extended = locks.extended;
    return {};
  }

  // Every pack of the index is on the store, with its size.
  Result<void> ComparePacks() {
    SetPhase("comparing packs with the index");
    std::map<PackName, uint64_t> there;
    for (const std::string_view prefix : {kDataPrefix, kMetaPrefix}) {
      RETURN_IF_ERROR(repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
        const ParsedName parsed = ParseObjectName(info.name.text());
        if (parsed.kind == ParsedName::Kind::kPack) there.emplace(parsed.pack, info.size);
        return {};
      }));
    }
    std::vector<IndexedPack> missing;
    for (const IndexedPack& pack : index_->Packs()) {
      ++report_.packs;
      const auto found = there.find(pack.name);
      if (found == there.end()) {
        missing.push_back(pack);
        continue;
      }
      if (found->second != pack.size) {
        SetBad(pack, Corrupt("it has {} bytes, the index says {}", found->second, pack.size));
      }
      there.erase(found);
    }
    if (!missing.empty()) {
      // A prune beside this check may have removed them since the index was read.
      RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_, [](const SegmentId&, const Error&) {}));
      for (const IndexedPack& pack : missing) {
        const auto now = index_->FindPack(pack.name);
        if (!now) continue;
        const auto looked = repository_.store().Stat(PackObjectName(pack.kind, pack.name));
        if (looked) continue;
        if (looked.error().code() != ErrorCode::kNotFound) return looked.error();
        ++report_.missing_packs;
        SetBad(*now, MakeError(ErrorCode::kNotFound, "the index names it, and it is not there"));
      }
    }
    std::set<PackName> removed;
    for (const auto& [name, segment] : index_->Removed()) removed.insert(name);
    for (const auto& [name, size] : there) {
      if (index_->FindPack(name)) continue;
      ++(removed.contains(name) ? report_.taken_out_packs : report_.unused_packs);
    }
    return {};
  }

  void SetBad(const IndexedPack& pack, const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!bad_packs_.insert(pack.name).second) return;
    }
    Tell({Finding::Severity::kDamage, error.code(), PackObjectName(pack.kind, pack.name).text(), error.message()});
  }

  // Everything that the snapshots need is in the index; metadata is read on the way. What a snapshot lacks that was
  // forgotten meanwhile, and pruned, is no damage: it is done once more, without that.
  Result<void> CheckReachable() {
    SetPhase("following what the snapshots need");
    constexpr int kTriesMax = 5;
    for (int tries = 1;; ++tries) {
      held_.emplace();
      auto followed = FollowSnapshots();
      const std::vector<Finding> found = *std::exchange(held_, std::nullopt);
      const bool any_loss = std::ranges::any_of(found, [](const Finding& one) { return IsLoss(one.code); });
      if (followed && any_loss && tries < kTriesMax) {
        ASSIGN_OR_RETURN(const bool gone, DropForgotten());
        if (gone) continue;
      }
      for (const Finding& one : found) Tell(one);
      return followed;
    }
  }

  // Of those that are followed. The index is brought into step.
  Result<bool> DropForgotten() {
    Protocol protocol(repository_, context_, [](const Finding&) {});
    std::set<SnapshotId> there;
    ASSIGN_OR_RETURN(const auto snapshots, protocol.ListSnapshots());
    ASSIGN_OR_RETURN(const auto deleted, protocol.ListDeleted());
    for (const ListedSnapshot& one : deleted) there.insert(one.id);
    for (const ListedSnapshot& one : snapshots) {
      auto slot = protocol.LookAtSlot(one.id);
      if (!slot || *slot == SnapshotSlot::kSnapshot) there.insert(one.id);
    }
    const size_t before = chosen_.size();
    std::erase_if(chosen_, [&](const LoadedSnapshot* one) { return !there.contains(one->id); });
    if (chosen_.size() == before) return false;
    report_.snapshots = static_cast<uint64_t>(
        std::ranges::count_if(chosen_, [&](const LoadedSnapshot* one) { return !deleted_.contains(one->id); }));
    report_.blobs_needed = 0;
    needed_packs_.clear();
    has_unread_trees_ = has_lost_blobs_ = false;
    bad_.Clear();
    RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_, [](const SegmentId&, const Error&) {}));
    return true;
  }

  Result<void> FollowSnapshots() {
    needed_ = std::make_unique<IdSorter>(repository_.cache().folder(), context_.limits.memory_bytes / 8);
    BlobReader reader(
        repository_, *index_, context_, context_.limits.memory_bytes / 8,
        [this](const Finding& finding) { Tell(finding); }, BlobReader::Metadata::kOfTheStore);
    RETURN_IF_ERROR(MarkReachable(
        context_, reader, chosen_, *needed_,
        [this](const LoadedSnapshot& snapshot, const std::string& path, const Error& error) -> Result<void> {
          has_unread_trees_ = true;
          const std::string where = fmt::format("{}:/{}", TextOf(snapshot), path);
          const bool may_be_there = has_newer_segment_ && error.code() == ErrorCode::kNotFound;
          Tell(may_be_there ? UnderNewerSegment(where)
                            : Finding{SeverityOf(error), error.code(), where, error.message()});
          return {};
        }));
    std::set<uint32_t> bad_numbers;
    for (const PackName& name : bad_packs_) {
      if (const auto pack = index_->FindPack(name)) bad_numbers.insert(pack->number);
    }
    return FindNeeded([&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
      ++report_.blobs_needed;
      for (const BlobPlace& place : places) needed_packs_.insert(place.pack);
      const auto is_bad = [&](const BlobPlace& place) { return bad_numbers.contains(place.pack); };
      if (!std::ranges::all_of(places, is_bad)) return {};
      if (places.empty() && has_newer_segment_) {
        has_lost_blobs_ = true;
        Tell(UnderNewerSegment("blob " + id.ToHex()));
        return {};
      }
      bad_.Add(id);
      // Where a pack is missing or short, the pack was told already.
      if (places.empty()) {
        has_lost_blobs_ = true;
        Tell({Finding::Severity::kDamage, ErrorCode::kNotFound, "blob " + id.ToHex(),
              "a snapshot needs it, and no pack of the index has it"});
      }
      return {};
    });
  }

  // Of what no pack of the index has, where a segment of a later version may name one.
  static Finding UnderNewerSegment(std::string object) {
    return {Finding::Severity::kUnread, ErrorCode::kUnsupported, std::move(object),
            "no pack of the index has it, as far as this version reads the index (upgrade cairn)"};
  }

  std::string TextOf(const LoadedSnapshot& snapshot) const {
    return (deleted_.contains(snapshot.id) ? "forgotten snapshot " : "snapshot ") + snapshot.id.Short();
  }

  // Few blobs of a large index are looked up one by one.
  Result<void> FindNeeded(const EachNeeded& each) {
    constexpr uint64_t kLookUpCost = 16;  // in steps of a walk, about
    if (needed_->added() >= index_->blob_count() / kLookUpCost) {
      return ForEachNeeded(context_, *index_, *needed_, each);
    }
    RETURN_IF_ERROR(needed_->StartReading());
    std::vector<BlobPlace> places;
    for (;;) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading the index");
      ASSIGN_OR_RETURN(const std::optional<BlobId> id, needed_->Next());
      if (!id) return {};
      ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index_->Find(*id));
      places.clear();
      for (const BlobLocation& location : locations) {
        places.push_back({location.pack.number, location.frame_number, location.blob_number, location.length});
      }
      RETURN_IF_ERROR(each(*id, places));
    }
  }

  // --- data ---

  // By its name alone: by its place in a list, a backup beside the round would move packs from a part that is still to
  // come into one that was read.
  uint32_t PartOf(const PackName& name) const {
    uint64_t number = 0;
    for (size_t i = 0; i < 8; ++i) number = number << 8 | name.digest.bytes()[i];
    return static_cast<uint32_t>(number % options_.parts) + 1;
  }

  std::vector<IndexedPack> ChoosePacks() {
    std::vector<IndexedPack> packs;
    for (const IndexedPack& pack : index_->Packs()) {
      if (!options_.snapshot || needed_packs_.contains(pack.number)) packs.push_back(pack);
    }
    using Data = CheckOptions::Data;
    if (options_.data == Data::kPart) {
      std::erase_if(packs, [&](const IndexedPack& pack) { return PartOf(pack.name) != options_.part; });
      return packs;
    }
    if (options_.data == Data::kAll) return packs;
    uint64_t bytes = options_.bytes;
    if (options_.data == Data::kPercent) {
      uint64_t all = 0;
      for (const IndexedPack& pack : packs) all += pack.size;
      bytes = static_cast<uint64_t>(static_cast<double>(all) * options_.percent / 100);
    }
    for (size_t i = packs.size(); i > 1; --i) std::swap(packs[i - 1], packs[context_.random.Below(i)]);
    std::vector<IndexedPack> sample;
    for (uint64_t taken = 0; taken < bytes && sample.size() < packs.size();) {
      taken += packs[sample.size()].size;
      sample.push_back(packs[sample.size()]);
    }
    return sample;
  }

  Result<void> CheckData() {
    SetPhase("reading packs");
    const std::vector<IndexedPack> packs = ChoosePacks();
    context_.progress.items_total = packs.size();
    for (const IndexedPack& pack : packs) context_.progress.bytes_total += pack.size;
    BlobReader reader(repository_, *index_, context_, 0, FindingSink(), BlobReader::Metadata::kOfTheStore);
    ByteBudget budget(context_.limits.memory_bytes / 4);
    std::condition_variable done;
    // A far store brings its own memory.
    PackBuffers buffers(repository_.store().is_far() ? 0 : context_.limits.memory_bytes / 8);
    size_t running = 0;  // guarded by mutex_
    Result<void> result;
    for (const IndexedPack& pack : packs) {
      result = budget.Acquire(pack.size, context_.stop);
      if (!result) break;
      {
        const std::lock_guard lock(mutex_);
        if (end_) break;
        ++running;
      }
      context_.executor.Submit([&, pack] {
        Bytes object = buffers.Take(pack.size);
        CheckOnePack(pack, reader, object);
        buffers.Give(std::move(object), pack.size);
        budget.Release(pack.size);
        const std::lock_guard lock(mutex_);
        --running;
        done.notify_all();
      });
    }
    std::unique_lock lock(mutex_);
    done.wait(lock, [&] { return running == 0; });
    // Packs that were handed out and not begun are not checked.
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading packs");
    RETURN_IF_ERROR(std::move(result));
    if (end_) return *end_;
    lock.unlock();
    return CheckSuspects(reader);
  }

  // What seemed lost, once more and by the index of now: a prune beside this check may have moved what was in it.
  Result<void> CheckSuspects(BlobReader& reader) {
    if (suspects_.empty()) return {};
    RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_, [](const SegmentId&, const Error&) {}));
    for (const PackName& name : suspects_) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading packs");
      const auto pack = index_->FindPack(name);
      if (!pack) continue;
      ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index_->Frames(pack->number));
      bool ids_checked = false;
      Bytes object;
      const PackVerdict verdict = CheckPack(repository_, *pack, frames, reader, &ids_checked, object);
      if (verdict.error && EndsJob(verdict.error->code())) return *verdict.error;
      if (verdict.error) TellBadPack(*pack, frames, verdict);
    }
    return {};
  }

  void TellBadPack(const IndexedPack& pack, const std::vector<IndexedFrame>& frames, const PackVerdict& verdict) {
    if (!bad_packs_.contains(pack.name)) {
      Tell({SeverityOf(*verdict.error), verdict.error->code(), PackObjectName(pack.kind, pack.name).text(),
            verdict.error->message()});
    }
    std::vector<uint32_t> numbers = verdict.bad_frames;
    // Whose bytes a later version, or another role or time, can read are not damaged.
    if (SeverityOf(*verdict.error) == Finding::Severity::kDamage) {
      numbers.insert(numbers.end(), verdict.unread_frames.begin(), verdict.unread_frames.end());
    }
    for (const uint32_t number : numbers) {
      for (const BlobEntry& blob : frames[number].entry->blobs) bad_.Add(blob.id);
    }
  }

  void CheckOnePack(const IndexedPack& pack, BlobReader& reader, Bytes& object) {
    if (context_.stop.stop_requested()) return;
    auto frames = index_->Frames(pack.number);
    if (!frames) {
      Tell({Finding::Severity::kDamage, frames.error().code(), "index", frames.error().message()});
      return;
    }
    bool ids_checked = false;
    const PackVerdict verdict = CheckPack(repository_, pack, *frames, reader, &ids_checked, object);
    const bool is_suspect = verdict.error && IsLoss(verdict.error->code());
    const bool is_archived = verdict.error && verdict.error->code() == ErrorCode::kArchived;
    const bool is_unread = verdict.error && SeverityOf(*verdict.error) == Finding::Severity::kUnread;
    {
      const std::lock_guard lock(mutex_);
      if (is_unread && EndsJob(verdict.error->code())) {
        if (!end_) end_ = verdict.error;
        return;
      }
      if (!is_unread) {
        ++(is_archived ? report_.packs_archived : report_.packs_read);
        (is_archived ? report_.bytes_archived : report_.bytes_read) += pack.size;
      }
      if (pack.kind == BlobKind::kData && !is_archived && !is_unread) report_.ids_checked = ids_checked;
      if (is_suspect) suspects_.insert(pack.name);
    }
    if (verdict.error && !is_suspect && !is_archived) TellBadPack(pack, *frames, verdict);
    ++context_.progress.items_done;
    context_.progress.bytes_done += pack.size;
  }

  // Which files does the damage hit? A walk through the trees, only when there is some.
  Result<void> NameFiles() {
    if (!repository_.keyring().rights().Has(Rights::kMetadataKey)) return {};
    SetPhase("naming the files that are hit");
    BlobReader reader(repository_, *index_, context_, context_.limits.memory_bytes / 8, FindingSink(),
                      BlobReader::Metadata::kOfTheStore);
    for (const LoadedSnapshot* snapshot : chosen_) {
      TreeVisitor visitor;
      visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
        if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
        ASSIGN_OR_RETURN(const bool is_hit, IsHit(reader, node));
        if (is_hit) {
          Tell({Finding::Severity::kWarning, ErrorCode::kCorrupt,
                fmt::format("{}:/{}", TextOf(*snapshot), PathForPeople(path)), "bytes of it are in damaged packs"});
        }
        return true;
      };
      visitor.failed = [](const TreePath&, const Error&) -> Result<void> { return {}; };  // told before
      for (const SnapshotItem& item : snapshot->inner.items) {
        RETURN_IF_ERROR(WalkTree(reader, item.root, snapshot->inner.PlaceOf(item), visitor));
      }
    }
    return {};
  }

  Result<bool> IsHit(BlobReader& reader, const Node& node) const {
    const bool attribute_hit = std::ranges::any_of(
        node.attributes, [&](const Attribute& attribute) { return attribute.blob && bad_.Has(attribute.blob->id); });
    if (attribute_hit) return true;
    if (!node.content) return false;
    bool hit = false;
    auto walked =
        ForEachEntry(reader, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) -> Result<void> {
          hit = hit || (entry.type != ListEntry::Type::kHole && bad_.Has(entry.id));
          return {};
        });
    if (!walked && EndsJob(walked.error().code())) return std::move(walked).error();
    // A list that could not be read, and may be whole, was told as that.
    return hit || (!walked && IsLoss(walked.error().code()));
  }

  const JobContext& context_;
  Repository& repository_;
  const CheckOptions options_;
  const FindingSink findings_;
  std::mutex mutex_;
  CheckReport report_;                        // guarded by mutex_ while packs are read
  std::optional<std::vector<Finding>> held_;  // findings that are not told yet; guarded by mutex_
  SnapshotSet set_;
  std::vector<const LoadedSnapshot*> chosen_;
  std::set<SnapshotId> deleted_;  // of these
  std::unique_ptr<Index> index_;
  std::set<PackName> bad_packs_;  // told before any pack is read
  std::optional<Error> end_;      // guarded by mutex_ while packs are read: what ends the check
  std::set<PackName> suspects_;   // guarded by mutex_ while packs are read: which seemed lost at the first read
  std::set<uint32_t> needed_packs_;
  // What these may lack: below trees that could not be read, in packs of which the index does not know.
  bool has_unread_trees_ = false, has_lost_blobs_ = false, index_is_whole_ = true;
  bool has_newer_segment_ = false;  // which this version does not read
  BadBlobs bad_;
  std::unique_ptr<IdSorter> needed_;
};

}  // namespace

Result<CheckReport> RunCheck(const JobContext& context, Repository& repository, const CheckOptions& options,
                             FindingSink findings) {
  return CheckRun(context, repository, options, std::move(findings)).Run();
}

}  // namespace cairn
