// Repair of the index. Declared in repair.h.
#include <algorithm>
#include <map>
#include <set>

#include "engine/env/version.h"
#include "engine/jobs/repair.h"
#include "engine/pack/pack_reader.h"
#include "engine/pack/pack_writer.h"
#include "engine/repo/protocol.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

class IndexRepair {
 public:
  IndexRepair(const JobContext& context, Repository& repository, bool dry_run, FindingSink findings)
      : context_(context),
        repository_(repository),
        dry_run_(dry_run),
        findings_(std::move(findings)),
        protocol_(repository, context, findings_) {}

  Result<RepairReport> Run() {
    RETURN_IF_ERROR(repository_.NeedWrite(Rights::kMaintain, "repairing the index"));
    const auto session = context_.random.NewId<SessionId>();
    std::unique_ptr<FileLock> lock;
    if (!dry_run_) {
      ASSIGN_OR_RETURN(lock, repository_.cache().LockSession(session));
      RETURN_IF_ERROR(protocol_.PutSession(session, SessionPurpose::kMaintenance, kProgram));
    }
    auto done = Repair();
    if (!dry_run_) {
      IgnoreError(protocol_.EndSession(session), "a prune ends it");
      repository_.cache().ForgetDead(session);
    }
    RETURN_IF_ERROR(std::move(done));
    return std::move(report_);
  }

 private:
  Result<void> Repair() {
    ASSIGN_OR_RETURN(const auto tombstones, protocol_.ListTombstones());
    for (const TombstoneSeen& tombstone : tombstones) leave_.insert(tombstone.pack);
    ASSIGN_OR_RETURN(const auto index, repository_.LoadIndex(context_, [&](const SegmentId& id, const Error& error) {
      Tell(Finding::Severity::kDamage, error, SegmentName(id).text());
      if (error.code() == ErrorCode::kCorrupt) damaged_.push_back(id);  // what is not understood is left alone
    }));
    for (const auto& [name, segment] : index->Removed()) leave_.insert(name);
    std::set<PackName> there;
    for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata})
      RETURN_IF_ERROR(AddUnindexed(*index, kind, there));
    IndexSegment removal;
    for (const IndexedPack& pack : index->Packs()) {
      if (there.contains(pack.name)) continue;
      removal.removed.push_back(pack.name);
      Tell(Finding::Severity::kDamage,
           MakeError(ErrorCode::kNotFound,
                     "the index names it, and it is not there; it is "
                     "taken out of the index"),
           PackObjectName(pack.kind, pack.name).text());
    }
    std::ranges::sort(removal.removed);
    report_.packs_removed_from_index = removal.removed.size();
    RETURN_IF_ERROR(PutOpenSegment());
    if (dry_run_) return {};
    if (!removal.removed.empty()) {
      RETURN_IF_ERROR(protocol_.PutSegment(removal));
      ++report_.segments_written;
    }
    // All that the damaged ones said of packs that are there stands in new segments now.
    for (const SegmentId& id : damaged_) RETURN_IF_ERROR(protocol_.SetAside(SegmentName(id)));
    return {};
  }

  Result<void> AddUnindexed(Index& index, BlobKind kind, std::set<PackName>& there) {
    std::vector<std::pair<PackName, uint64_t>> unknown;
    RETURN_IF_ERROR(repository_.store().List(kind == BlobKind::kData ? kDataPrefix : kMetaPrefix,
                                             [&](const ObjectInfo& info) -> Result<void> {
                                               const ParsedName parsed = ParseObjectName(info.name.text());
                                               if (parsed.kind != ParsedName::Kind::kPack) return {};
                                               there.insert(parsed.pack);
                                               const bool known = index.FindPack(parsed.pack).has_value();
                                               if (!known && !leave_.contains(parsed.pack)) {
                                                 unknown.emplace_back(parsed.pack, info.size);
                                               }
                                               return {};
                                             }));
    for (const auto& [name, size] : unknown) {
      if (context_.stop.stop_requested())
        return Error(ErrorCode::kInterrupted, "interrupted while repairing the index");
      auto opened = ReadDirectory(repository_.store(), repository_.sealer(), kind, name, size);
      if (opened) {
        RETURN_IF_ERROR(AddPack(kind, name, size, *std::move(opened)));
      } else if (!IsLoss(opened.error().code())) {
        return std::move(opened).error().While(PackObjectName(kind, name).text());
      } else if (opened.error().code() != ErrorCode::kNotFound) {
        Tell(Finding::Severity::kDamage, opened.error(), PackObjectName(kind, name).text());
      }
    }
    return {};
  }

  Result<void> AddPack(BlobKind kind, const PackName& name, uint64_t size, OpenedDirectory opened) {
    SegmentPack pack;
    pack.name = name;
    pack.kind = kind;
    pack.size = size;
    pack.frames = std::move(opened.directory.frames);
    std::vector<uint32_t> numbers;
    for (const PackSession& session : opened.directory.sessions) {
      const auto [place, is_new] = sessions_.emplace(session.session, static_cast<uint32_t>(segment_.sessions.size()));
      if (is_new) segment_.sessions.push_back({session.session, session.epoch, session.suite, {}, {}});
      SegmentSession& target = segment_.sessions[place->second];
      (kind == BlobKind::kData ? target.content : target.metadata) = session.envelope;
      numbers.push_back(place->second);
    }
    for (FrameEntry& frame : pack.frames) {
      if (frame.codec != Codec::kPadding) frame.session = numbers.at(frame.session);
      blobs_ += frame.blobs.size();
    }
    segment_.packs.push_back(std::move(pack));
    ++report_.packs_added;
    return blobs_ >= context_.limits.segment_blobs_max ? PutOpenSegment() : Result<void>();
  }

  Result<void> PutOpenSegment() {
    if (segment_.packs.empty()) return {};
    ++report_.segments_written;
    if (!dry_run_) RETURN_IF_ERROR(protocol_.PutSegment(segment_));
    segment_ = IndexSegment();
    sessions_.clear();
    blobs_ = 0;
    return {};
  }

  void Tell(Finding::Severity severity, const Error& error, const std::string& object) {
    if (findings_) findings_({severity, error.code(), object, error.message()});
  }

  const JobContext& context_;
  Repository& repository_;
  const bool dry_run_;
  const FindingSink findings_;
  Protocol protocol_;
  RepairReport report_;
  std::set<PackName> leave_;
  std::vector<SegmentId> damaged_;
  IndexSegment segment_;
  std::map<SessionId, uint32_t> sessions_;
  uint64_t blobs_ = 0;
};

}  // namespace

Result<RepairReport> RepairIndex(const JobContext& context, Repository& repository, bool dry_run,
                                 FindingSink findings) {
  return IndexRepair(context, repository, dry_run, std::move(findings)).Run();
}

}  // namespace cairn
