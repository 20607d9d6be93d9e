#include "engine/jobs/segment_merge.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/index/pack_digest.h"

namespace cairn {
namespace {

constexpr uint64_t kSmallBytes = 4 * kMiB;    // segments below this are worth merging
constexpr uint64_t kMergedBytes = 24 * kMiB;  // of what one merged segment is made

struct Listed {
  SegmentId id;
  uint64_t size = 0;
};

Result<std::vector<Listed>> ListWithSizes(Repository& repository, Protocol& protocol) {
  ASSIGN_OR_RETURN(const std::vector<SegmentId> ids, protocol.ListSegments());
  std::map<SegmentId, uint64_t> sizes;
  RETURN_IF_ERROR(repository.store().List(kIndexPrefix, [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind == ParsedName::Kind::kSegment) sizes[parsed.segment] = info.size;
    return {};
  }));
  std::vector<Listed> listed;
  for (const SegmentId& id : ids) listed.push_back({id, sizes.contains(id) ? sizes[id] : 0});
  std::ranges::sort(listed, {}, [](const Listed& one) { return std::pair(one.size, one.id); });
  return listed;
}

// Adds what a segment says to the merged one.
class Merger {
 public:
  // False, and nothing is added: it says other things of a pack, or a session, than a segment before it. One of them is
  // wrong, and a merge would carry that one on, perhaps, in place of the right one.
  bool Add(const SegmentId& id, const IndexSegment& segment) {
    const std::vector<PackSession> of_data = SessionsOf(segment, BlobKind::kData);
    const std::vector<PackSession> of_metadata = SessionsOf(segment, BlobKind::kMetadata);
    std::vector<PackDigest> digests;
    digests.reserve(segment.packs.size());
    for (const SegmentPack& pack : segment.packs) {
      digests.push_back(DigestOf(pack, pack.kind == BlobKind::kData ? of_data : of_metadata));
      const auto known = packs_.find(pack.name);
      if (known != packs_.end() && known->second != digests.back()) return false;
    }
    if (!std::ranges::all_of(segment.sessions, [&](const SegmentSession& one) { return Agrees(one); })) return false;
    merged_.level = static_cast<uint8_t>(std::min(255, std::max<int>(merged_.level, segment.level + 1)));
    merged_.covers.push_back(id);
    std::vector<uint32_t> numbers;
    for (const SegmentSession& session : segment.sessions) numbers.push_back(SessionNumber(session));
    for (size_t i = 0; i < segment.packs.size(); ++i) {
      if (!packs_.emplace(segment.packs[i].name, digests[i]).second) continue;
      SegmentPack pack = segment.packs[i];
      for (FrameEntry& frame : pack.frames) {
        if (frame.codec != Codec::kPadding) frame.session = numbers.at(frame.session);
      }
      merged_.packs.push_back(std::move(pack));
    }
    removed_.insert(segment.removed.begin(), segment.removed.end());
    retired_.insert(segment.retired.begin(), segment.retired.end());
    return true;
  }

  // `gone` are all removed names of the listing: entries for them are left out. `dropped` of them are not carried on.
  IndexSegment Finish(const std::set<PackName>& gone, const std::set<PackName>& dropped) {
    std::erase_if(merged_.packs, [&](const SegmentPack& pack) { return gone.contains(pack.name); });
    for (const PackName& name : removed_) {
      if (!dropped.contains(name)) merged_.removed.push_back(name);
    }
    for (const RetiredFrame& frame : retired_) {
      if (!gone.contains(frame.pack)) merged_.retired.push_back(frame);
    }
    std::ranges::sort(merged_.covers);
    DropUnusedSessions();
    return std::move(merged_);
  }

 private:
  // The merged segment has one entry for a session: with another's envelope its packs could not be opened.
  bool Agrees(const SegmentSession& session) const {
    const auto place = sessions_.find(session.session);
    if (place == sessions_.end()) return true;
    const SegmentSession& known = merged_.sessions[place->second];
    const auto same = [](const std::optional<Envelope>& a, const std::optional<Envelope>& b) {
      return !a || !b || *a == *b;
    };
    return known.epoch == session.epoch && known.suite == session.suite && same(known.content, session.content) &&
           same(known.metadata, session.metadata);
  }

  uint32_t SessionNumber(const SegmentSession& session) {
    const auto [place, is_new] = sessions_.emplace(session.session, static_cast<uint32_t>(merged_.sessions.size()));
    if (is_new) {
      merged_.sessions.push_back(session);
    } else {
      SegmentSession& known = merged_.sessions[place->second];
      if (!known.content) known.content = session.content;
      if (!known.metadata) known.metadata = session.metadata;
    }
    return place->second;
  }

  void DropUnusedSessions() {
    std::map<uint32_t, uint32_t> numbers;
    std::vector<SegmentSession> used;
    for (SegmentPack& pack : merged_.packs) {
      for (FrameEntry& frame : pack.frames) {
        if (frame.codec == Codec::kPadding) continue;
        const auto [place, is_new] = numbers.emplace(frame.session, static_cast<uint32_t>(used.size()));
        if (is_new) used.push_back(merged_.sessions[frame.session]);
        frame.session = place->second;
      }
    }
    merged_.sessions = std::move(used);
  }

  IndexSegment merged_;
  std::map<SessionId, uint32_t> sessions_;
  std::map<PackName, PackDigest> packs_;
  std::set<PackName> removed_;
  std::set<RetiredFrame> retired_;
};

}  // namespace

Result<MergeReport> MergeSegments(const JobContext& context, Repository& repository, Protocol& protocol,
                                  const SessionId& self, const std::vector<PackName>& removed_before,
                                  const std::vector<SessionId>& sessions_before) {
  MergeReport report;
  // Have all sessions ended that were there when the names were seen? Asked before the listing that is merged.
  ASSIGN_OR_RETURN(const std::vector<SessionSeen> now, protocol.ListSessions());
  const bool all_ended = std::ranges::none_of(now, [&](const SessionSeen& seen) {
    return seen.id != self && !seen.ended && std::ranges::find(sessions_before, seen.id) != sessions_before.end();
  });
  ASSIGN_OR_RETURN(const std::vector<Listed> listed, ListWithSizes(repository, protocol));
  const auto small =
      static_cast<size_t>(std::ranges::count_if(listed, [](const Listed& one) { return one.size < kSmallBytes; }));
  if (small < context.limits.merge_fan_in) return report;

  Merger merger;
  std::set<PackName> gone, named;
  std::set<SegmentId> covered;
  std::set<SegmentId> carriers;  // of removed names
  uint64_t bytes = 0;
  for (const Listed& one : listed) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while merging segments");
    if (bytes + one.size > std::min(kMergedBytes, repository.store().object_bytes_max())) break;
    auto segment = repository.LoadSegment(one.id);
    if (!segment && segment.error().code() == ErrorCode::kNotFound) return report;  // another merger is at work
    RETURN_IF_ERROR(segment);
    if (!merger.Add(one.id, *segment)) {
      context.log.Warning(
          "segment {} says other things of a pack than another segment does: it is not merged (cairn check --read-data "
          "names the pack, cairn repair index mends it)",
          one.id.ToHex());
      continue;
    }
    gone.insert(segment->removed.begin(), segment->removed.end());
    for (const SegmentPack& pack : segment->packs) named.insert(pack.name);
    if (!segment->removed.empty()) carriers.insert(one.id);
    covered.insert(one.id);
    bytes += one.size;
  }
  if (covered.size() < 2) return report;
  std::set<PackName> dropped;
  if (all_ended && covered.size() == listed.size()) {
    dropped.insert(removed_before.begin(), removed_before.end());
    for (const PackName& name : named) dropped.erase(name);
    report.names_dropped = dropped.size();
  }
  const IndexSegment merged = merger.Finish(gone, dropped);
  RETURN_IF_ERROR(protocol.PutSegment(merged));
  ++report.written;
  for (const SegmentId& id : covered) {  // those that carry the dropped names go last
    if (!carriers.contains(id)) RETURN_IF_ERROR(protocol.RemoveSegment(id));
  }
  for (const SegmentId& id : carriers) RETURN_IF_ERROR(protocol.RemoveSegment(id));
  report.covered = covered.size();
  return report;
}

}  // namespace cairn
