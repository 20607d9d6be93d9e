// Repair of the index. Declared in repair.h.
#include <algorithm>
#include <map>
#include <set>

#include "engine/env/version.h"
#include "engine/jobs/pack_check.h"
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
    RETURN_IF_ERROR(ListPacks());
    RETURN_IF_ERROR(JudgeSegments());
    RETURN_IF_ERROR(ListPacks());  // again: a pack is put before the segment that names it
    IndexSegment removal;
    for (const auto& [name, kind] : named_) {
      if (there_.contains(name) || gone_.contains(name)) continue;
      removal.removed.push_back(name);
      Tell(Finding::Severity::kDamage,
           MakeError(ErrorCode::kNotFound,
                     "the index names it, and it is not there; it is "
                     "taken out of the index"),
           PackObjectName(kind, name).text());
    }
    report_.packs_removed_from_index = removal.removed.size();
    // What a wrong segment says of packs that are gone stays said.
    removal.removed.insert(removal.removed.end(), carried_.begin(), carried_.end());
    std::ranges::sort(removal.removed);
    const auto [first, last] = std::ranges::unique(removal.removed);
    removal.removed.erase(first, last);
    for (const auto& [name, pack] : there_) {
      if (!named_.contains(name) && !gone_.contains(name)) RETURN_IF_ERROR(AddUnindexed(name, pack));
    }
    RETURN_IF_ERROR(PutOpenSegment());
    if (dry_run_) return {};
    if (!removal.removed.empty()) {
      RETURN_IF_ERROR(protocol_.PutSegment(removal));
      ++report_.segments_written;
    }
    // All that the bad ones said of packs that are there stands in new segments now.
    for (const SegmentId& id : bad_) RETURN_IF_ERROR(protocol_.SetAside(SegmentName(id)));
    return {};
  }

  struct StoredPack {
    BlobKind kind = BlobKind::kData;
    uint64_t size = 0;
  };

  Result<void> ListPacks() {
    there_.clear();
    for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
      RETURN_IF_ERROR(repository_.store().List(kind == BlobKind::kData ? kDataPrefix : kMetaPrefix,
                                               [&](const ObjectInfo& info) -> Result<void> {
                                                 const ParsedName parsed = ParseObjectName(info.name.text());
                                                 if (parsed.kind != ParsedName::Kind::kPack) return {};
                                                 there_[parsed.pack] = {kind, info.size};
                                                 return {};
                                               }));
    }
    return {};
  }

  // Each segment against the directories of the packs that it names: a wrong entry hides blobs, and in an index that
  // is put together from segments the first entry of a pack counts.
  Result<void> JudgeSegments() {
    ASSIGN_OR_RETURN(const std::vector<SegmentId> ids, protocol_.ListSegments());
    for (const SegmentId& id : ids) {
      RETURN_IF_ERROR(CheckStop());
      auto segment = repository_.LoadSegment(id);
      if (!segment) {
        const ErrorCode code = segment.error().code();
        if (code == ErrorCode::kNotFound) continue;  // merged meanwhile
        if (code != ErrorCode::kUnsupported && !IsLoss(code)) return std::move(segment).error();
        Tell(Finding::Severity::kDamage, segment.error(), SegmentName(id).text());
        if (IsLoss(code)) bad_.push_back(id);  // what is not understood is left alone
        continue;
      }
      gone_.insert(segment->removed.begin(), segment->removed.end());
      ASSIGN_OR_RETURN(const bool right, IsRight(id, *segment));
      if (right) {
        for (const SegmentPack& pack : segment->packs) named_.emplace(pack.name, pack.kind);
      } else {
        bad_.push_back(id);
        carried_.insert(carried_.end(), segment->removed.begin(), segment->removed.end());
      }
    }
    return {};
  }

  Result<bool> IsRight(const SegmentId& id, const IndexSegment& segment) {
    for (const SegmentPack& pack : segment.packs) {
      RETURN_IF_ERROR(CheckStop());
      const auto stored = there_.find(pack.name);
      if (stored == there_.end()) continue;
      auto opened =
          ReadDirectory(repository_.store(), repository_.sealer(), stored->second.kind, pack.name, stored->second.size);
      if (!opened && !IsLoss(opened.error().code())) {
        return std::move(opened).error().While(PackObjectName(pack.kind, pack.name).text());
      }
      if (!opened) continue;  // damaged: check and repair packs have the say
      auto compared = CompareEntry(opened->directory, FramesOf(segment, pack));
      if (compared && pack.kind == stored->second.kind && pack.size == stored->second.size) continue;
      Tell(Finding::Severity::kDamage,
           compared ? Corrupt("it says that pack {} has {} bytes and kind {}, it has {} and {}", pack.name.ToString(),
                              pack.size, Name(pack.kind), stored->second.size, Name(stored->second.kind))
                    : std::move(compared).error().While("pack " + pack.name.ToString()),
           SegmentName(id).text());
      return false;
    }
    return true;
  }

  static std::vector<IndexedFrame> FramesOf(const IndexSegment& segment, const SegmentPack& pack) {
    std::vector<IndexedFrame> frames;
    for (const FrameEntry& entry : pack.frames) {
      IndexedFrame frame;
      frame.entry = std::make_shared<const FrameEntry>(entry);
      if (entry.codec != Codec::kPadding) {
        const SegmentSession& session = segment.sessions.at(entry.session);
        const auto& envelope = pack.kind == BlobKind::kData ? session.content : session.metadata;
        frame.session = {session.session, session.epoch, session.suite, envelope.value_or(Envelope())};
      }
      frames.push_back(std::move(frame));
    }
    return frames;
  }

  Result<void> AddUnindexed(const PackName& name, const StoredPack& pack) {
    RETURN_IF_ERROR(CheckStop());
    auto opened = ReadDirectory(repository_.store(), repository_.sealer(), pack.kind, name, pack.size);
    if (opened) return AddPack(pack.kind, name, pack.size, *std::move(opened));
    if (!IsLoss(opened.error().code())) return std::move(opened).error().While(PackObjectName(pack.kind, name).text());
    if (opened.error().code() != ErrorCode::kNotFound) {
      Tell(Finding::Severity::kDamage, opened.error(), PackObjectName(pack.kind, name).text());
    }
    return {};
  }

  Result<void> CheckStop() const {
    if (!context_.stop.stop_requested()) return {};
    return Error(ErrorCode::kInterrupted, "interrupted while repairing the index");
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
  std::map<PackName, StoredPack> there_;
  std::map<PackName, BlobKind> named_;  // by segments that are right
  std::set<PackName> gone_;             // by the `removed` lists of all
  std::vector<PackName> carried_;       // by those of wrong segments
  std::vector<SegmentId> bad_;
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
