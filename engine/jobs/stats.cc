#include "engine/jobs/stats.h"

#include <algorithm>
#include <atomic>

#include "engine/jobs/needed_places.h"
#include "engine/jobs/pack_usage.h"
#include "engine/jobs/reachability.h"

namespace cairn {
namespace {

// Sealed bytes of the frames in which one of the needed blobs is, and the needed blobs themselves.
Result<void> CountNeeded(const JobContext& context, Index& index, IdSorter& needed, StatsReport& report) {
  std::set<FrameKey> frames;
  RETURN_IF_ERROR(
      ForEachNeeded(context, index, needed, [&](const BlobId&, std::span<const BlobPlace> places) -> Result<void> {
        if (places.empty()) return {};  // check tells of it
        ++report.blobs;
        report.blob_bytes += places[0].length;
        frames.insert({places[0].pack, places[0].frame});
        return {};
      }));
  std::vector<IndexedFrame> entries;
  std::optional<uint32_t> pack;
  for (const FrameKey& key : frames) {
    if (pack != key.pack) {
      ASSIGN_OR_RETURN(entries, index.Frames(key.pack));
      pack = key.pack;
    }
    report.stored_bytes += entries.at(key.frame).entry->sealed_length;
  }
  return {};
}

}  // namespace

Result<StatsReport> RunStats(const JobContext& context, Repository& repository,
                             const std::vector<const LoadedSnapshot*>& snapshots, FindingSink findings) {
  RETURN_IF_ERROR(repository.keyring().Need(Rights::kMetadataKey, "reading trees"));
  StatsReport report;
  std::atomic<uint64_t> unread = 0;
  const auto tell = [&](const Error& error, std::string object) {
    ++unread;
    if (findings) findings({SeverityOf(error), error.code(), std::move(object), error.message()});
  };
  ASSIGN_OR_RETURN(const auto index, repository.LoadIndex(context, [&](const SegmentId& id, const Error& error) {
    tell(error, SegmentName(id).text());
  }));
  report.snapshots = snapshots.size();
  for (const LoadedSnapshot* snapshot : snapshots) {
    report.restore_bytes += snapshot->inner.totals.bytes;
    report.restore_files += snapshot->inner.totals.files;
  }
  IdSorter needed(repository.cache().folder(), context.limits.memory_bytes / 8);
  BlobReader reader(repository, *index, context, context.limits.memory_bytes / 8, findings);
  RETURN_IF_ERROR(MarkReachable(context, reader, snapshots, needed,
                                [&](const LoadedSnapshot& snapshot, const std::string& path, const Error& error) {
                                  tell(error, fmt::format("snapshot {}:/{}", snapshot.id.Short(), path));
                                  return Result<void>();
                                }));
  report.unread = unread;
  RETURN_IF_ERROR(CountNeeded(context, *index, needed, report));
  RETURN_IF_ERROR(repository.store().List("", [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    report.objects_bytes += info.size;
    if (parsed.kind == ParsedName::Kind::kPack) {
      ++report.packs;
      report.pack_bytes += info.size;
    }
    if (parsed.kind == ParsedName::Kind::kSegment) ++report.segments;
    return {};
  }));
  return report;
}

}  // namespace cairn
