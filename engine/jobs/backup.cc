#include "engine/jobs/backup.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "engine/env/run_both.h"
#include "engine/jobs/item_backup.h"
#include "engine/repo/blob_reader.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr unsigned kFencedTriesMax = 5;

using Sources = std::vector<std::unique_ptr<Source>>;

// Of a time that a user may have given: what 64 bits of nanoseconds do not hold is the nearest that they do.
UnixNs NearUnixNs(const WireTime& time) {
  constexpr int64_t kSecond = 1'000'000'000;
  constexpr int64_t kSecondsMax = INT64_MAX / kSecond - 1;
  return std::clamp(time.seconds, -kSecondsMax, kSecondsMax) * kSecond + time.nanoseconds;
}

Result<void> CheckNames(const Sources& sources) {
  if (sources.size() > limits::kItemsMax) {
    return MakeError(ErrorCode::kInvalidArgument, "{} items, a snapshot has at most {}", sources.size(),
                     limits::kItemsMax);
  }
  std::set<std::string> names;
  for (const auto& source : sources) {
    const std::string shown = PathForPeople(AsBytes(source->name()));
    if (!IsItemName(source->name())) {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no name of an item", shown);
    }
    if (!names.insert(source->name()).second) {
      return MakeError(ErrorCode::kInvalidArgument, "two items have the name \"{}\"", shown);
    }
  }
  return {};
}

bool IsOf(const SnapshotItem& item, const Source& source) {
  return item.kind == source.kind() && item.paths == source.paths();
}

// The newest snapshot of the same host and paths, as restic and borg users expect a parent to be found. Of several
// items each has its own, in whatever order.
const LoadedSnapshot* FindParent(const SnapshotSet& set, const BackupOptions& options, const Sources& sources) {
  const LoadedSnapshot* parent = nullptr;
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    if (!snapshot.opened) continue;
    if (options.parent) {
      if (snapshot.id == *options.parent) return &snapshot;
      continue;
    }
    const std::vector<SnapshotItem>& items = snapshot.inner.items;
    if (snapshot.inner.host != options.host || items.size() != sources.size()) continue;
    const bool same = std::ranges::all_of(sources, [&](const auto& source) {
      return std::ranges::any_of(items, [&](const SnapshotItem& item) { return IsOf(item, *source); });
    });
    if (same) parent = &snapshot;  // ascending by time
  }
  return parent;
}

std::optional<ChunkerSettings> SettingsFor(const Keyring& keyring, SourceKind kind) {
  for (const ChunkerSettings& settings : keyring.sealed_part().chunkers) {
    if (settings.source == kind) return settings;
  }
  return std::nullopt;
}

ContentCuts CutsFor(const Keyring& keyring, const Source& source) {
  const SourceKind kind = source.chunking();
  ContentCuts cuts;
  if (kind == SourceKind::kPages) {  // SPEC 12.3
    cuts.of_item = {kind, 1, source.page_bytes(), source.page_bytes(), source.page_bytes()};
    return cuts;
  }
  cuts.of_item =
      SettingsFor(keyring, kind).value_or(ChunkerSettings{kind, 2, 512 * kKiB, 1024 * kKiB, 8 * 1024 * kKiB});
  if (kind == SourceKind::kFiles || kind == SourceKind::kStream) cuts.of_text = SettingsFor(keyring, SourceKind::kRows);
  return cuts;
}

// One try: a session from its first put to its commit.
class BackupRun {
 public:
  BackupRun(const JobContext& context, Repository& repository, Sources& sources, const BackupOptions& options,
            const FindingSink& findings, FileSystem& files)
      : context_(context),
        repository_(repository),
        sources_(sources),
        options_(options),
        findings_(findings),
        files_(files) {}

  Result<BackupReport> Run() {
    const WireTime start = options_.begun.value_or(ToWireTime(context_.clock.Now()));
    RETURN_IF_ERROR(repository_.NeedHost(options_.host));  // before anything is read
    context_.progress.SetPhase("loading the index");
    RETURN_IF_ERROR(BeginAndLoad());
    if (parent_ != nullptr) report_.parent = parent_->id;
    if (session_ != nullptr) {
      target_ = MakeSessionTarget(*session_);
    } else {
      target_ = MakeDryRunTarget(repository_, *index_, dry_totals_);
    }
    generation_ = index_->generation();
    context_.progress.SetPhase("backing up");
    auto committed = RunItems(start);
    if (committed) return std::move(report_);
    if (committed.error().code() != ErrorCode::kFenced) Abandon();
    return std::move(committed).error();
  }

 private:
  // The session begins while snapshots are loaded: neither needs the other.
  Result<void> BeginAndLoad() {
    const auto begin = [&]() -> Result<void> {
      if (options_.dry_run) {
        ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_));
        return {};
      }
      ASSIGN_OR_RETURN(index_, repository_.OpenIndex(context_));
      ASSIGN_OR_RETURN(
          session_,
          WriteSession::Begin(repository_, *index_, context_,
                              {.purpose = SessionPurpose::kBackup, .compression = options_.compression}, findings_));
      return {};
    };
    auto [begun, set] = RunBoth(repository_.store().is_far(), begin,
                                [&] { return LoadSnapshotsForBackup(repository_, context_, findings_); });
    if (!begun) return std::move(begun).error();
    auto found = [&]() -> Result<void> {
      ASSIGN_OR_RETURN(set_, std::move(set));
      parent_ = FindParent(set_, options_, sources_);
      if (parent_ != nullptr && context_.progress.bytes_total == 0) {
        context_.progress.bytes_total = parent_->inner.totals.bytes;  // about
      }
      if (!options_.parent || parent_ != nullptr) return {};
      return MakeError(ErrorCode::kNotFound, "there is no parent snapshot {}", options_.parent->ToHex());
    }();
    if (!found) Abandon();
    return found;
  }

  // What was put stays, and the next run finds it.
  void Abandon() {
    if (session_ != nullptr) IgnoreError(session_->Abandon(), "the first error is the one to tell");
  }

  Result<void> RunItems(const WireTime& start) {
    SnapshotInner snapshot;
    for (auto& source : sources_) {
      auto result = RunItem(*source);
      if (result) {
        // Before hours go into the next one.
        if (auto finished = source->Finish(); !finished) result = std::move(finished).error();
      }
      if (!result && sources_.size() > 1) {
        return std::move(result).error().While("item " + PathForPeople(AsBytes(source->name())));
      }
      RETURN_IF_ERROR(result);
      AddToReport(*result);
      snapshot.items.push_back(std::move(result->item));
    }
    const SnapshotTotals& totals = report_.totals;
    if (totals.files + totals.folders + totals.others == 0 && report_.items_unread > 0) {
      return MakeError(ErrorCode::kNotFound, "nothing could be read: there is no snapshot");
    }
    if (options_.dry_run) {
      report_.totals.bytes_new = dry_totals_.bytes_new;
      report_.blobs_new = dry_totals_.blobs_new;
      report_.data_blobs_new = dry_totals_.data_blobs_new;
      return {};
    }
    return Commit(std::move(snapshot), start);
  }

  Result<ItemResult> RunItem(Source& source) {
    const std::string key =
        FileCacheKey(options_.host, source.kind(), source.paths(), IsAlone(source) ? std::string() : source.name());
    auto cache = FileCacheReader::Open(files_, repository_.cache(), key);
    KnownEntries known;
    std::unique_ptr<BlobReader> reader;
    if (repository_.keyring().rights().Has(Rights::kMetadataKey)) {
      reader = std::make_unique<BlobReader>(repository_, *index_, context_, context_.limits.memory_bytes / 16,
                                            FindingSink());
      known.blobs = reader.get();
    }
    if (cache != nullptr && !options_.parent) {
      known.cache = cache.get();
      ASSIGN_OR_RETURN(known.cache_is_trusted, Trusts(*cache));
    } else if (parent_ != nullptr && reader != nullptr) {
      known.parent_root = ParentRoot(source);
    }
    std::unique_ptr<FileCacheWriter> next;
    if (!options_.dry_run && source.kind() == ItemKind::kFiles) {
      next = std::make_unique<FileCacheWriter>(files_, repository_.cache(), context_.random, key);
    }
    ASSIGN_OR_RETURN(const Secret32* chunking_key, repository_.keyring().chunking_key());
    ItemBackup item(
        context_, *target_, source, CutsFor(repository_.keyring(), source), chunking_key->bytes(), known, next.get(),
        {.place = sources_.size() > 1 ? ToBytes(AsBytes(source.name())) : TreePath(), .force = options_.force},
        findings_);
    ASSIGN_OR_RETURN(ItemResult result, item.Run());
    if (const auto command = source.command_line()) {
      auto sink = target_->NewSink(context_.limits.frame_bytes_files);
      ASSIGN_OR_RETURN(const BlobId id, sink->AddBlob(BlobKind::kData, *command));
      RETURN_IF_ERROR(sink->Finish());
      result.item.command_line = BlobReference{id, static_cast<uint32_t>(command->size())};
    }
    if (next != nullptr) next_caches_.push_back(std::move(next));
    return result;
  }

  // Nothing has left the index since all that the cache tells of was known to be there, and nothing is about to.
  Result<bool> Trusts(const FileCacheReader& cache) {
    if (cache.generation() != generation_) return false;
    if (session_ == nullptr) return true;  // a dry run commits nothing
    return session_->ParentIsTrusted(cache.snapshot());
  }

  // No other item of this snapshot has the same paths.
  bool IsAlone(const Source& source) const {
    return std::ranges::none_of(sources_, [&](const auto& other) {
      return other.get() != &source && other->kind() == source.kind() && other->paths() == source.paths();
    });
  }

  // The item that tells most of this one: the same paths and name, or the same paths, or the same name alone.
  std::optional<BlobId> ParentRoot(const Source& source) const {
    const SnapshotItem* best = nullptr;
    int best_rank = 0;
    for (const SnapshotItem& item : parent_->inner.items) {
      if (item.kind != source.kind()) continue;
      const int rank = (item.paths == source.paths() ? 2 : 0) + (item.name == source.name() ? 1 : 0);
      if (rank <= best_rank) continue;
      best = &item;
      best_rank = rank;
    }
    return best != nullptr ? std::optional(best->root) : std::nullopt;
  }

  void AddToReport(const ItemResult& result) {
    report_.totals.files += result.totals.files;
    report_.totals.folders += result.totals.folders;
    report_.totals.others += result.totals.others;
    report_.totals.bytes += result.totals.bytes;
    report_.files_new += result.files_new;
    report_.files_changed += result.files_changed;
    report_.files_unchanged += result.files_unchanged;
    report_.bytes_read += result.bytes_read;
    report_.items_unread += result.item.unread_nodes;
  }

  Result<void> Commit(SnapshotInner snapshot, const WireTime& start) {
    context_.progress.SetPhase("committing");
    RETURN_IF_ERROR(session_->Flush());
    const WriteTotals& written = session_->totals();
    report_.blobs_new = written.blobs_new;
    report_.data_blobs_new = written.data_blobs_new;
    report_.resumed_bytes = written.bytes_adopted;
    report_.totals.bytes_new = written.bytes_new;
    report_.totals.bytes_stored = written.bytes_stored;
    snapshot.host = options_.host;
    snapshot.user = options_.user;
    snapshot.program = options_.program;
    snapshot.start = options_.time.value_or(start);
    snapshot.end = options_.time ? *options_.time : ToWireTime(context_.clock.Now());
    snapshot.offset_minutes = context_.clock.OffsetMinutes(NearUnixNs(snapshot.start));
    snapshot.zone = context_.clock.ZoneName();
    snapshot.snapshot_class = options_.snapshot_class;
    snapshot.parent = report_.parent;
    snapshot.description = options_.description;
    snapshot.tags = options_.tags;
    std::ranges::sort(snapshot.tags);
    const auto repeated = std::ranges::unique(snapshot.tags);
    snapshot.tags.erase(repeated.begin(), repeated.end());
    snapshot.totals = report_.totals;
    const SlotHeads heads = HeadsOfSlot(set_, repository_.keyring().slot());
    ASSIGN_OR_RETURN(report_.id, session_->Commit(snapshot, heads.heads, heads.counter_next));
    // The next run must be able to miss what this one has put. What only a private copy knew, or did not get onto the
    // disk, it could not: then it looks everything up.
    const bool is_known = !index_->is_private() && !session_->index_lacks_packs() && index_->Flush().has_value();
    if (!is_known) context_.random.Fill(generation_);
    for (auto& cache : next_caches_) cache->Commit(*report_.id, generation_);
    return {};
  }

  const JobContext& context_;
  Repository& repository_;
  Sources& sources_;
  const BackupOptions& options_;
  const FindingSink& findings_;
  FileSystem& files_;
  BackupReport report_;
  std::unique_ptr<Index> index_;
  IndexGeneration generation_{};  // of the index when the run began
  SnapshotSet set_;
  const LoadedSnapshot* parent_ = nullptr;
  std::unique_ptr<WriteSession> session_;
  DryRunTotals dry_totals_;
  std::unique_ptr<BlobTarget> target_;
  std::vector<std::unique_ptr<FileCacheWriter>> next_caches_;
};

}  // namespace

Result<BackupReport> RunBackup(const JobContext& context, Repository& repository,
                               std::vector<std::unique_ptr<Source>> sources, BackupOptions options,
                               FindingSink findings) {
  RETURN_IF_ERROR(CheckNames(sources));
  // Snapshots are loaded beside the session's beginning: findings come from both, one at a time.
  auto mutex = std::make_shared<std::mutex>();
  const FindingSink one_at_a_time = [mutex, findings = std::move(findings)](const Finding& finding) {
    const std::lock_guard lock(*mutex);
    if (findings) findings(finding);
  };
  const bool can_read_again =
      std::ranges::all_of(sources, [](const auto& source) { return source->kind() != ItemKind::kStream; });
  for (unsigned fenced = 0;; ++fenced) {
    auto report = BackupRun(context, repository, sources, options, one_at_a_time, repository.cache().files()).Run();
    if (report) {
      report->fenced_times = fenced;
      return report;
    }
    if (report.error().code() != ErrorCode::kFenced) return report;
    if (!can_read_again) {
      return std::move(report).While(
          "what came through the stream cannot be read again, so there is no snapshot of it "
          "(nothing that was there before is lost; run it again)");
    }
    if (fenced + 1 == kFencedTriesMax) return report;
    context.log.Warning("{}; beginning anew", report.error().message());
    options.begun.reset();  // all is read again
  }
}

}  // namespace cairn
