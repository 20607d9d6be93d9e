// Repair of the index. Declared in repair.h.
#include <algorithm>
#include <map>
#include <set>

#include "engine/env/object_finding.h"
#include "engine/env/version.h"
#include "engine/jobs/pack_check.h"
#include "engine/jobs/repair.h"
#include "engine/pack/pack_reader.h"
#include "engine/pack/pack_writer.h"
#include "engine/repo/other_writer.h"
#include "engine/repo/write_session.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

class IndexRepair {
 public:
  IndexRepair(const JobContext& context, Repository& repository, const RepairIndexOptions& options,
              FindingSink findings)
      : context_(context),
        repository_(repository),
        options_(options),
        dry_run_(options.dry_run),
        findings_(std::move(findings)),
        protocol_(repository, context, findings_) {}

  Result<RepairReport> Run() {
    RETURN_IF_ERROR(repository_.NeedWrite(Rights::kMaintain, "repairing the index"));
    const auto session = context_.random.NewId<SessionId>();
    std::unique_ptr<FileLock> lock;
    if (!dry_run_) {
      ASSIGN_OR_RETURN(lock, repository_.cache().LockSession(session));
      RETURN_IF_ERROR(protocol_.PutSession(session, SessionPurpose::kMaintenance, kProgram));
      RETURN_IF_ERROR(NeedNoOtherWriter(repository_, context_, protocol_, session));
    }
    auto done = Repair();
    if (!dry_run_) {
      // Where it cannot be ended, its lock file is the proof that it is dead, and a prune of this machine ends it.
      if (protocol_.EndSession(session)) repository_.cache().ForgetDead(session);
    }
    RETURN_IF_ERROR(std::move(done));
    if (undecided_) return *std::move(undecided_);
    return std::move(report_);
  }

 private:
  Result<void> Repair() {
    RETURN_IF_ERROR(ListPacks());
    RETURN_IF_ERROR(JudgeSegments());
    RETURN_IF_ERROR(ListPacks());  // again: a pack is put before the segment that names it
    RETURN_IF_ERROR(LearnRemoved());
    KeepWhatCannotBeAsked();
    IndexSegment removal;
    removal.removed = JudgeMissing();
    for (const auto& [name, pack] : there_) {
      if (!named_.contains(name) && !gone_.contains(name)) RETURN_IF_ERROR(AddUnindexed(name, pack));
    }
    RETURN_IF_ERROR(PutOpenSegment());
    for (const IndexSegment& segment : kept_) RETURN_IF_ERROR(PutSegment(segment));
    if (!removal.removed.empty()) RETURN_IF_ERROR(PutSegment(removal));
    if (!dry_run_) {
      // All that the bad ones said that is so, or cannot be asked, stands in new segments now.
      for (const SegmentId& id : bad_) RETURN_IF_ERROR(protocol_.SetAside(SegmentName(id)));
    }
    return TakeInAgain();
  }

  // What a prune beside this repair has removed is not missing: its `removed` list was put before the pack went. This
  // session keeps a merge from dropping the names that were put since.
  Result<void> LearnRemoved() {
    constexpr int kLooksMax = 3;  // a merge may take segments away between their listing and their reading
    for (int looks = 0; looks < kLooksMax; ++looks) {
      bool all = true;
      ASSIGN_OR_RETURN(const std::vector<SegmentId> ids, protocol_.ListSegments());
      for (const SegmentId& id : ids) {
        if (!seen_.insert(id).second) continue;
        RETURN_IF_ERROR(CheckStop());
        auto segment = repository_.LoadSegment(id);
        if (segment) gone_.insert(segment->removed.begin(), segment->removed.end());
        if (segment) continue;
        const ErrorCode code = segment.error().code();
        if (code != ErrorCode::kUnsupported && !IsLoss(code)) return std::move(segment).error();
        all = all && code != ErrorCode::kNotFound;  // the next repair judges what is wrong
      }
      if (all) return {};
    }
    return {};
  }

  // Packs that are named and not there; those that are to be given up, ascending.
  std::vector<PackName> JudgeMissing() {
    std::vector<PackName> dropped;
    for (const auto& [name, kind] : named_) {
      if (there_.contains(name) || gone_.contains(name)) continue;
      Tell(Finding::Severity::kDamage,
           MakeError(
               ErrorCode::kNotFound, "the index names it, and it is not there; {}",
               options_.drop_missing ? "it is taken out of the index" : "it stays in the index, for it may come back"),
           PackObjectName(kind, name).text());
      ++(options_.drop_missing ? report_.packs_removed_from_index : report_.packs_missing);
      if (options_.drop_missing) dropped.push_back(name);
    }
    return dropped;
  }

  // Of wrong segments: the entries of packs whose directories cannot be read, which nothing else may describe, and the
  // lists.
  void KeepWhatCannotBeAsked() {
    for (IndexSegment& segment : kept_) {
      std::erase_if(segment.packs,
                    [&](const SegmentPack& pack) { return named_.contains(pack.name) || gone_.contains(pack.name); });
    }
    std::erase_if(kept_, [](const IndexSegment& segment) {
      return segment.packs.empty() && segment.removed.empty() && segment.retired.empty();
    });
    for (const IndexSegment& segment : kept_) {
      for (const SegmentPack& pack : segment.packs) named_.emplace(pack.name, pack.kind);
    }
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
      seen_.insert(id);
      if (!segment) {
        const ErrorCode code = segment.error().code();
        if (code == ErrorCode::kNotFound) continue;  // merged meanwhile
        if (code != ErrorCode::kUnsupported && !IsLoss(code)) return std::move(segment).error();
        Tell(DamageOrUnread(segment.error()), segment.error(), SegmentName(id).text());
        if (IsLoss(code)) bad_.push_back(id);  // what is not understood is left alone
        continue;
      }
      gone_.insert(segment->removed.begin(), segment->removed.end());
      ASSIGN_OR_RETURN(const JudgedSegment judged, Judge(id, *segment));
      if (judged.is_right) {
        for (const SegmentPack& pack : segment->packs) named_.emplace(pack.name, pack.kind);
      } else {
        bad_.push_back(id);
        segment->level = 0;
        segment->covers.clear();
        std::erase_if(segment->packs, [&](const SegmentPack& pack) { return !judged.unasked.contains(pack.name); });
        kept_.push_back(*std::move(segment));
      }
    }
    return {};
  }

  struct JudgedSegment {
    bool is_right = true;
    std::set<PackName> unasked;  // packs that are not there, or whose directories cannot be read, now or ever
  };

  Result<JudgedSegment> Judge(const SegmentId& id, const IndexSegment& segment) {
    JudgedSegment judged;
    for (const SegmentPack& pack : segment.packs) {
      RETURN_IF_ERROR(CheckStop());
      const auto stored = there_.find(pack.name);
      auto opened = stored == there_.end() ? Result<OpenedDirectory>(Error(ErrorCode::kNotFound, "it is not there"))
                                           : ReadDirectory(repository_.store(), repository_.sealer(),
                                                           stored->second.kind, pack.name, stored->second.size);
      if (!opened) RETURN_IF_ERROR(PassOver(opened.error(), pack.kind, pack.name));
      if (!opened) {  // damaged or missing: check and repair packs have the say
        judged.unasked.insert(pack.name);
        continue;
      }
      auto compared = CompareEntry(opened->directory, FramesOf(segment, pack));
      if (compared && pack.kind == stored->second.kind && pack.size == stored->second.size) continue;
      Tell(Finding::Severity::kDamage,
           compared ? Corrupt("it says that pack {} has {} bytes and kind {}, it has {} and {}", pack.name.ToString(),
                              pack.size, Name(pack.kind), stored->second.size, Name(stored->second.kind))
                    : std::move(compared).error().While("pack " + pack.name.ToString()),
           SegmentName(id).text());
      judged.is_right = false;
    }
    return judged;
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
    RETURN_IF_ERROR(PassOver(opened.error(), pack.kind, name));
    if (IsLoss(opened.error().code()) && opened.error().code() != ErrorCode::kNotFound) {
      Tell(Finding::Severity::kDamage, opened.error(), PackObjectName(pack.kind, name).text());
    }
    return {};
  }

  // A pack that could not be read, and may be good, ends the repair after all others: nothing is decided about it.
  Result<void> PassOver(const Error& error, BlobKind kind, const PackName& name) {
    if (IsLoss(error.code())) return {};
    if (EndsJob(error.code())) return error;
    const std::string object = PackObjectName(kind, name).text();
    Tell(SeverityOf(error), error, object);
    if (!undecided_) undecided_ = Error(error).While(object + " is left as it is");
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
    RETURN_IF_ERROR(PutSegment(segment_));
    segment_ = IndexSegment();
    sessions_.clear();
    blobs_ = 0;
    return {};
  }

  Result<void> PutSegment(const IndexSegment& segment) {
    ++report_.segments_written;
    if (!dry_run_) RETURN_IF_ERROR(protocol_.PutSegment(segment));
    return {};
  }

  // --- packs that were taken out, and are there ---

  // A name in a `removed` list is spent, and what a prune is about to remove has a tombstone. Any other was given up
  // while it was away, or when it did not read well: where it is whole now, its frames move on.
  Result<void> TakeInAgain() {
    std::vector<PackName> back;
    for (const auto& [name, pack] : there_) {
      if (gone_.contains(name)) back.push_back(name);
    }
    if (back.empty()) return {};
    ASSIGN_OR_RETURN(const std::vector<TombstoneSeen> tombstones, protocol_.ListTombstones());
    for (const TombstoneSeen& tombstone : tombstones) std::erase(back, tombstone.pack);
    if (back.empty()) return {};
    ASSIGN_OR_RETURN(const auto index, repository_.LoadIndex(context_, [](const SegmentId&, const Error&) {}));
    std::unique_ptr<WriteSession> session;
    if (!dry_run_) {
      ASSIGN_OR_RETURN(session,
                       WriteSession::Begin(repository_, *index, context_,
                                           {.purpose = SessionPurpose::kMaintenance, .compression = {}}, findings_));
    }
    auto moved = MoveAll(back, *index, session.get());
    if (session == nullptr) return moved;
    auto ended = moved ? session->End() : session->Abandon();
    return moved ? std::move(ended) : std::move(moved);
  }

  Result<void> MoveAll(const std::vector<PackName>& back, Index& index, WriteSession* session) {
    for (const PackName& name : back) {
      RETURN_IF_ERROR(CheckStop());
      const BlobKind kind = there_.at(name).kind;
      auto object = repository_.store().Get(PackObjectName(kind, name), limits::kPackBytesMax);
      auto verified =
          object ? VerifyPack(repository_.sealer(), kind, name, *object) : Result<OpenedDirectory>(object.error());
      if (!verified) {
        // Damaged, as it was when it was taken out, or removed by a prune meanwhile.
        RETURN_IF_ERROR(PassOver(verified.error(), kind, name));
        continue;
      }
      ASSIGN_OR_RETURN(const bool any, MovePack(kind, verified->directory, *object, index, session));
      report_.packs_taken_in += any ? 1 : 0;
    }
    return {};
  }

  // False: all of it is elsewhere in the index.
  Result<bool> MovePack(BlobKind kind, const PackDirectory& directory, ByteSpan object, Index& index,
                        WriteSession* session) const {
    const std::vector<uint64_t> offsets = FrameOffsets(directory.frames);
    bool any = false;
    for (size_t i = 0; i < directory.frames.size(); ++i) {
      const FrameEntry& frame = directory.frames[i];
      if (frame.codec == Codec::kPadding) continue;
      ASSIGN_OR_RETURN(const bool elsewhere, IsElsewhere(frame, index));
      if (elsewhere) continue;
      any = true;
      if (session == nullptr) continue;
      RETURN_IF_ERROR(session->AddSealedFrame(kind, directory.sessions.at(frame.session), frame,
                                              object.subspan(offsets[i], frame.sealed_length)));
    }
    return any;
  }

  // The same frame, in a pack that is there: an earlier repair has moved it, or a prune.
  Result<bool> IsElsewhere(const FrameEntry& frame, Index& index) const {
    ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index.Find(frame.blobs.front().id));
    return std::ranges::any_of(locations, [&](const BlobLocation& location) {
      return location.frame->check == frame.check && !location.pack.tombstoned && there_.contains(location.pack.name);
    });
  }

  void Tell(Finding::Severity severity, const Error& error, const std::string& object) {
    if (findings_) findings_({severity, error.code(), object, error.message()});
  }

  const JobContext& context_;
  Repository& repository_;
  const RepairIndexOptions options_;
  const bool dry_run_;
  const FindingSink findings_;
  Protocol protocol_;
  RepairReport report_;
  std::map<PackName, StoredPack> there_;
  std::map<PackName, BlobKind> named_;  // by segments that are right, and by what is kept of others
  std::set<PackName> gone_;             // by the `removed` lists of all
  std::vector<IndexSegment> kept_;      // what of wrong segments stays said
  std::vector<SegmentId> bad_;
  std::set<SegmentId> seen_;        // segments that were read, or are gone
  std::optional<Error> undecided_;  // of the first pack that could not be read, and may be good
  IndexSegment segment_;
  std::map<SessionId, uint32_t> sessions_;
  uint64_t blobs_ = 0;
};

}  // namespace

Result<RepairReport> RepairIndex(const JobContext& context, Repository& repository, const RepairIndexOptions& options,
                                 FindingSink findings) {
  return IndexRepair(context, repository, options, std::move(findings)).Run();
}

}  // namespace cairn
