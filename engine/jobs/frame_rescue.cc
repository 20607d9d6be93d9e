#include "engine/jobs/frame_rescue.h"

#include <algorithm>

#include "engine/pack/pack_reader.h"

namespace cairn {

FrameRescue::FrameRescue(const JobContext& context, Repository& repository, Index& index, WriteSession& session,
                         FindingSink findings)
    : context_(context),
      repository_(repository),
      index_(index),
      session_(session),
      findings_(std::move(findings)),
      reader_(repository, index, context, 0) {}

Result<bool> FrameRescue::Move(const RescueNeed& need) {
  std::map<uint32_t, Frames> by_pack;
  for (const auto& [key, blobs] : need.frames) {
    if (!settled_.contains(key)) by_pack[key.pack].emplace(key.frame, blobs);
  }
  bool all = true;
  for (const IndexedPack& pack : index_.Packs()) {
    const auto found = by_pack.find(pack.number);
    if (found == by_pack.end()) continue;
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const bool moved, MovePack(pack, found->second));
    all = all && moved;
  }
  return all;
}

// All of a pack is read before any of it is added: one that is gone, or goes meanwhile, leaves no garbage.
Result<bool> FrameRescue::MovePack(const IndexedPack& pack, const Frames& needed) {
  ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index_.Frames(pack.number));
  std::vector<std::pair<uint32_t, Bytes>> sealed;
  for (const auto& [number, blobs] : needed) {
    const IndexedFrame& frame = frames.at(number);
    auto read = ReadFrame(repository_.store(), pack.kind, pack.name, frame.offset, *frame.entry);
    if (read) {
      sealed.emplace_back(number, *std::move(read));
      continue;
    }
    if (read.error().code() == ErrorCode::kArchived) return LeaveArchived(pack, needed, read.error());
    if (!IsLoss(read.error().code())) return std::move(read).error();
    if (read.error().code() == ErrorCode::kNotFound) {
      // Another pruner may have removed it: then the index says so at the next look.
      if (not_found_.insert(pack.name).second) return false;
      auto there = repository_.store().Stat(PackObjectName(pack.kind, pack.name));
      if (there) return false;
      if (there.error().code() != ErrorCode::kNotFound) return std::move(there).error();
    }
    RETURN_IF_ERROR(GiveUpFrame(pack, number, frame, blobs, read.error()));
  }
  for (const auto& [number, bytes] : sealed) {
    const IndexedFrame& frame = frames.at(number);
    RETURN_IF_ERROR(session_.AddSealedFrame(pack.kind, frame.session, *frame.entry, bytes));
    settled_.insert({pack.number, number});
    blobs_rescued_ += frame.entry->blobs.size();
  }
  return true;
}

// It is good, for all that is known; so it stays, with its tombstone, until it can be read.
bool FrameRescue::LeaveArchived(const IndexedPack& pack, const Frames& needed, const Error& error) {
  if (stuck_.insert(pack.name).second && findings_) {
    findings_({SeverityOf(error), error.code(), PackObjectName(pack.kind, pack.name).text(),
               error.message() + "; snapshots need what is in it: it is not removed"});
  }
  for (const auto& [number, blobs] : needed) settled_.insert({pack.number, number});
  return true;
}

Result<void> FrameRescue::GiveUpFrame(const IndexedPack& pack, uint32_t number, const IndexedFrame& frame,
                                      const std::vector<uint32_t>& blobs, const Error& error) {
  const std::string what = PackObjectName(pack.kind, pack.name).text();
  for (const uint32_t blob : blobs) {
    ASSIGN_OR_RETURN(const bool elsewhere, IsElsewhere(pack, number, frame, blob));
    if (elsewhere) continue;
    const std::string id = frame.entry->blobs.at(blob).id.ToHex();
    if (error.code() == ErrorCode::kNotFound) {
      return MakeError(ErrorCode::kCorrupt,
                       "{} is in the index and not there, and snapshots need blob {} of it, which no other pack has: "
                       "nothing more is removed (bring it back, or cairn repair index --drop-missing gives it up)",
                       what, id);
    }
    if (findings_ && stuck_.insert(pack.name).second) {
      findings_({Finding::Severity::kDamage, error.code(), what,
                 fmt::format("{}; snapshots need blob {} of it, and no other copy is known to be good: it is not "
                             "removed (a backup that finds the files stores them anew; cairn repair packs gives up "
                             "what is lost)",
                             error.message(), id)});
    }
    stuck_.insert(pack.name);
    break;
  }
  settled_.insert({pack.number, number});
  return {};
}

// Is this blob in a frame that reads and opens, and that stays or is rescued itself?
Result<bool> FrameRescue::IsElsewhere(const IndexedPack& pack, uint32_t number, const IndexedFrame& frame,
                                      uint32_t blob) {
  // Those without a tombstone come first.
  ASSIGN_OR_RETURN(std::vector<BlobLocation> others, index_.Find(frame.entry->blobs.at(blob).id));
  std::erase_if(others, [&](const BlobLocation& other) {
    return other.pack.kind != pack.kind || (other.pack.number == pack.number && other.frame_number == number);
  });
  for (const BlobLocation& other : others) {
    const FrameKey key{other.pack.number, other.frame_number};
    if (!known_good_.contains(key)) {
      ASSIGN_OR_RETURN(known_good_[key], IsGood(other, *frame.entry));
    }
    if (known_good_.at(key)) return true;
  }
  return false;
}

Result<bool> FrameRescue::IsGood(const BlobLocation& other, const FrameEntry& broken) {
  auto sealed = ReadFrame(repository_.store(), other.pack.kind, other.pack.name, other.frame_offset, *other.frame);
  if (!sealed && (IsLoss(sealed.error().code()) || sealed.error().code() == ErrorCode::kArchived)) return false;
  RETURN_IF_ERROR(sealed);
  // The very bytes that were to be rescued, in a pack that goes too: they are rescued in place of the broken ones.
  const bool is_same_frame = other.frame->check == broken.check;
  if (!is_same_frame) {
    const auto opened = reader_.OpenSealed(other, *sealed);
    const bool unproved = !opened && (IsLoss(opened.error().code()) || opened.error().code() == ErrorCode::kNoRight ||
                                      opened.error().code() == ErrorCode::kUnsupported);
    if (unproved) return false;
    RETURN_IF_ERROR(opened);
  }
  if (is_same_frame && other.pack.tombstoned) {
    RETURN_IF_ERROR(session_.AddSealedFrame(other.pack.kind, other.session, *other.frame, *sealed));
    blobs_rescued_ += other.frame->blobs.size();
  }
  return true;
}

}  // namespace cairn
