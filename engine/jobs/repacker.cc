#include "engine/jobs/repacker.h"

#include "engine/pack/pack_reader.h"

namespace cairn {

Repacker::Repacker(const JobContext& context, Repository& repository, Index& index, WriteSession& session,
                   const PackUsage& usage, bool can_rewrite_data, FindingSink findings)
    : context_(context),
      repository_(repository),
      index_(index),
      session_(session),
      usage_(usage),
      can_rewrite_data_(can_rewrite_data),
      findings_(std::move(findings)),
      reader_(repository, index, context, 0, findings_),
      writer_(session.NewBlobWriter(context.limits.frame_bytes_files)) {}

Result<bool> Repacker::Move(BlobKind kind, const PackName& name) {
  if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while repacking");
  auto moved = MoveAll(kind, name);
  if (moved) return true;
  const bool is_archived = moved.error().code() == ErrorCode::kArchived;
  if (!IsLoss(moved.error().code()) && !is_archived) return std::move(moved).error();
  if (moved.error().code() == ErrorCode::kNotFound) {  // another run may have moved it meanwhile
    RETURN_IF_ERROR(repository_.SyncIndex(index_, context_));
    if (!index_.FindPack(name)) return false;
  }
  // A pack that cannot be read stays as it is: check and repair have the say.
  if (findings_) {
    findings_({SeverityOf(moved.error()), moved.error().code(), PackObjectName(kind, name).text(),
               moved.error().message() + "; it is not repacked"});
  }
  return false;
}

Result<void> Repacker::Finish() {
  RETURN_IF_ERROR(writer_->Finish());
  return session_.Flush();
}

Result<void> Repacker::MoveAll(BlobKind kind, const PackName& name) {
  const auto pack = index_.FindPack(name);
  if (!pack) return MakeError(ErrorCode::kNotFound, "pack {} left the index meanwhile", name.ToString());
  ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index_.Frames(pack->number));
  std::vector<size_t> begins(1, 0);  // of each frame's blobs, and their end
  for (const IndexedFrame& frame : frames) begins.push_back(begins.back() + frame.entry->blobs.size());
  const auto found = usage_.live.find(pack->number);
  if (found == usage_.live.end() || found->second.size() != begins.back()) {
    return MakeError(ErrorCode::kBusy, "what the index says of pack {} changed meanwhile: run it again",
                     name.ToString());
  }
  const std::vector<bool>& live = found->second;
  const auto live_in = [&](size_t frame) {
    size_t count = 0;
    for (size_t b = begins[frame]; b < begins[frame + 1]; ++b) count += live[b] ? 1 : 0;
    return count;
  };
  // Everything is read and verified before anything of it is added: a damaged pack is left as it is.
  std::vector<std::pair<size_t, Bytes>> sealed;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (live_in(i) == 0) continue;
    ASSIGN_OR_RETURN(Bytes bytes, ReadFrame(repository_.store(), kind, name, frames[i].offset, *frames[i].entry));
    sealed.emplace_back(i, std::move(bytes));
  }
  for (const auto& [i, bytes] : sealed) {
    const IndexedFrame& frame = frames[i];
    const bool all_live = live_in(i) == frame.entry->blobs.size();
    const bool rewrite = !all_live && (kind == BlobKind::kMetadata || can_rewrite_data_);
    if (!rewrite) {
      RETURN_IF_ERROR(session_.AddSealedFrame(kind, frame.session, *frame.entry, bytes));
      continue;
    }
    BlobLocation location;
    location.pack = *pack;
    location.frame_number = static_cast<uint32_t>(i);
    location.frame_offset = frame.offset;
    location.frame = frame.entry;
    location.session = frame.session;
    ASSIGN_OR_RETURN(const Bytes plain, reader_.OpenSealed(location, bytes));
    uint64_t offset = 0;
    for (size_t b = 0; b < frame.entry->blobs.size(); ++b) {
      const uint32_t length = frame.entry->blobs[b].length;
      if (live[begins[i] + b]) RETURN_IF_ERROR(writer_->AddAnew(kind, ByteSpan(plain).subspan(offset, length)));
      offset += length;
    }
  }
  return {};
}

}  // namespace cairn
