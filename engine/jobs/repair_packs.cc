// Repair of packs: what can be read of damaged ones goes to new ones. Declared in repair.h.
#include <algorithm>
#include <map>
#include <set>

#include "engine/jobs/pack_check.h"
#include "engine/jobs/repair.h"
#include "engine/pack/pack_reader.h"
#include "engine/repo/write_session.h"

namespace cairn {
namespace {

class PackRepair {
 public:
  PackRepair(const JobContext& context, Repository& repository, bool dry_run, FindingSink findings)
      : context_(context), repository_(repository), dry_run_(dry_run), findings_(std::move(findings)) {}

  Result<RepairReport> Run(const std::vector<PackName>& wanted) {
    RETURN_IF_ERROR(repository_.NeedWrite(Rights::kMaintain, "repairing packs"));
    ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_));
    if (!dry_run_) {
      ASSIGN_OR_RETURN(session_,
                       WriteSession::Begin(repository_, *index_, context_,
                                           {.purpose = SessionPurpose::kMaintenance, .compression = {}}, findings_));
    }
    auto done = RepairAll(wanted);
    if (session_ != nullptr) {
      auto ended = done ? session_->End() : session_->Abandon();
      if (done) RETURN_IF_ERROR(std::move(ended));
    }
    RETURN_IF_ERROR(std::move(done));
    if (undecided_) return *std::move(undecided_);
    return std::move(report_);
  }

 private:
  Result<void> RepairAll(const std::vector<PackName>& wanted) {
    const std::set<PackName> only(wanted.begin(), wanted.end());
    for (const PackName& name : only) {
      if (index_->FindPack(name)) continue;
      return MakeError(ErrorCode::kNotFound, "pack {} is not in the index of {}", name.ToString(),
                       repository_.store().description());
    }
    BlobReader reader(repository_, *index_, context_, 0, FindingSink(), BlobReader::Metadata::kOfTheStore);
    IndexSegment removal;
    for (const IndexedPack& listed : index_->Packs()) {
      if (listed.tombstoned || (!only.empty() && !only.contains(listed.name))) continue;
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while repairing packs");
      ASSIGN_OR_RETURN(const std::optional<BadPack> bad, Judge(listed, reader));
      if (!bad) continue;
      Tell(*bad->verdict.error, PackObjectName(bad->pack.kind, bad->pack.name).text());
      RETURN_IF_ERROR(Salvage(*bad));
      removal.removed.push_back(bad->pack.name);
    }
    for (const auto& [id, kind] : suspects_) RETURN_IF_ERROR(CountLost(id, kind));
    if (removal.removed.empty() || dry_run_) return {};
    RETURN_IF_ERROR(session_->Flush());
    std::ranges::sort(removal.removed);
    RETURN_IF_ERROR(session_->protocol().PutSegment(removal));
    return {};
  }

  struct BadPack {
    IndexedPack pack;
    std::vector<IndexedFrame> frames;
    PackVerdict verdict;
  };

  // Nothing: it is good, or stays as it is (and that is told).
  Result<std::optional<BadPack>> Judge(const IndexedPack& listed, BlobReader& reader) {
    for (bool again = false;; again = true) {
      const std::optional<IndexedPack> pack = index_->FindPack(listed.name);
      if (!pack) return std::optional<BadPack>();  // a prune beside this repair has removed it
      ASSIGN_OR_RETURN(const auto frames, index_->Frames(pack->number));
      bool ids_checked = false;
      Bytes buffer;
      PackVerdict verdict = CheckPack(repository_, *pack, frames, reader, &ids_checked, buffer);
      if (!verdict.error) return std::optional<BadPack>();
      const std::string object = PackObjectName(pack->kind, pack->name).text();
      const ErrorCode code = verdict.error->code();
      if (EndsJob(code)) return *verdict.error;
      if (!IsLoss(code)) {  // it may be good: nothing is decided about it
        Tell(*verdict.error, object);
        if (!undecided_) undecided_ = Error(*verdict.error).While(object + " is left as it is");
        return std::optional<BadPack>();
      }
      // What a prune beside this repair has moved is not lost, and one bad read is no proof.
      if (!again) {
        RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_));
        continue;
      }
      if (verdict.entry_is_wrong) return Error(*verdict.error).While(object + " (cairn repair index mends it)");
      if (code == ErrorCode::kNotFound) {
        ++report_.packs_missing;
        Tell(MakeError(code,
                       "it is missing, and stays in the index: it may come back (cairn repair index "
                       "--drop-missing gives it up)"),
             object);
        return std::optional<BadPack>();
      }
      return std::optional<BadPack>({*pack, frames, std::move(verdict)});
    }
  }

  // The good frames move as they are; what was in the bad ones, and nowhere else, is lost and named.
  Result<void> Salvage(const BadPack& one) {
    const auto& [pack, frames, verdict] = one;
    const std::set<uint32_t> bad(verdict.bad_frames.begin(), verdict.bad_frames.end());
    ++report_.packs_salvaged;
    for (uint32_t i = 0; i < frames.size(); ++i) {
      const FrameEntry& entry = *frames[i].entry;
      if (entry.codec == Codec::kPadding) continue;
      if (bad.contains(i)) {
        bad_frames_.emplace(pack.name, i);
        for (const BlobEntry& blob : entry.blobs) suspects_.emplace(blob.id, pack.kind);
        continue;
      }
      report_.blobs_salvaged += entry.blobs.size();
      if (dry_run_) continue;
      ASSIGN_OR_RETURN(const Bytes sealed,
                       ReadFrame(repository_.store(), pack.kind, pack.name, frames[i].offset, entry));
      RETURN_IF_ERROR(session_->AddSealedFrame(pack.kind, frames[i].session, entry, sealed));
    }
    return {};
  }

  // After all packs were read: two damaged ones are no refuge for each other.
  Result<void> CountLost(const BlobId& id, BlobKind kind) {
    ASSIGN_OR_RETURN(const auto locations, index_->Find(id));
    const bool elsewhere = std::ranges::any_of(locations, [&](const BlobLocation& location) {
      return !bad_frames_.contains({location.pack.name, location.frame_number});
    });
    if (elsewhere) return {};
    ++report_.blobs_lost;
    Tell(MakeError(ErrorCode::kCorrupt, "it was in a damaged part of a pack, and is in no other"),
         fmt::format("{} blob {}", Name(kind), id.ToHex()));
    return {};
  }

  void Tell(const Error& error, const std::string& object) {
    if (findings_) findings_({SeverityOf(error), error.code(), object, error.message()});
  }

  const JobContext& context_;
  Repository& repository_;
  const bool dry_run_;
  const FindingSink findings_;
  RepairReport report_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<WriteSession> session_;
  std::optional<Error> undecided_;  // of the first pack that could not be read, and may be good
  std::set<std::pair<PackName, uint32_t>> bad_frames_;
  std::map<BlobId, BlobKind> suspects_;  // blobs of bad frames
};

}  // namespace

Result<RepairReport> RepairPacks(const JobContext& context, Repository& repository, const std::vector<PackName>& packs,
                                 bool dry_run, FindingSink findings) {
  return PackRepair(context, repository, dry_run, std::move(findings)).Run(packs);
}

}  // namespace cairn
