#include "engine/pack/pack_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "engine/crypto/hash.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

// Bytes of `value` as a varint.
constexpr uint64_t VarintSize(uint64_t value) { return (static_cast<uint64_t>(std::bit_width(value | 1)) + 6) / 7; }

// Counts and lengths of the directory take at most five bytes each.
constexpr uint64_t kDirectoryFixedMax = 2 * 5 + 1;
uint64_t EntryBytesMax(const FrameEntry& entry) {
  return 4 * 5 + 1 + std::tuple_size_v<FrameCheck> + entry.blobs.size() * (BlobId::kSize + 5);
}
uint64_t EntryBytesMax(const PackSession& session) {
  return SessionId::kSize + 4 + 1 + 2 + 2 + session.envelope.sealed.size();
}

// Room for one session more, as a pack that is asked does not know the next frame's session.
constexpr uint64_t kSessionBytesMax = SessionId::kSize + 4 + 1 + 2 + 2 + limits::kEnvelopeBytesMax;

// How long the padding frame has to be, so that the pack has a Padme size; 0 where none fits the format's limits.
// Its entry in the directory grows with its length, so a size may be one that no length reaches: the next is taken.
uint32_t PaddingLength(uint64_t object_bytes_max, const std::function<uint64_t(uint32_t)>& size_with_padding_of) {
  const uint64_t size_max = std::min(object_bytes_max, limits::kPackBytesMax);
  const uint64_t size_min = size_with_padding_of(limits::kFrameSealedBytesMin);
  for (uint64_t next = PadmeSize(size_min), target = 0; size_min <= size_max && target < size_max;
       next = PadmeSize(target + 1)) {
    target = std::min(next, size_max);
    const uint64_t room = target - size_min + limits::kFrameSealedBytesMin;
    for (uint64_t length = room; length + 4 > room && length >= limits::kFrameSealedBytesMin; --length) {
      if (length > limits::kFrameSealedBytesMax) return 0;
      if (size_with_padding_of(static_cast<uint32_t>(length)) == target) return static_cast<uint32_t>(length);
    }
  }
  return 0;
}

}  // namespace

uint64_t PadmeSize(uint64_t size) {
  if (size <= 1) return size;
  const auto e = static_cast<unsigned>(std::bit_width(size) - 1);
  const auto s = static_cast<unsigned>(std::bit_width(e));  // floor(log2 E) + 1; 0 for E = 0, which is size 1
  const uint64_t mask = (uint64_t{1} << (e - s)) - 1;
  return (size + mask) & ~mask;
}

PackWriter::PackWriter(BlobKind kind, const ObjectSealer& sealer, const Random& random, ObjectStore& store,
                       uint64_t bytes_expected)
    : kind_(kind), sealer_(sealer), random_(random), store_(store), bytes_expected_(bytes_expected) {}

bool PackWriter::Fits(const FrameEntry& entry, uint64_t object_bytes_max) const {
  // Both bounds leave room for a padding frame, which has no blobs.
  const uint64_t directory =
      directory_bytes_ + kDirectoryFixedMax + kSessionBytesMax + EntryBytesMax(entry) + EntryBytesMax(FrameEntry());
  const uint64_t sealed = ObjectSealer::SealedSize(directory);
  return sealed <= limits::kDirectoryBytesMax && ObjectHeader::kSize + frame_bytes_ + entry.sealed_length + sealed <=
                                                     std::min(object_bytes_max, limits::kPackBytesMax);
}

uint32_t PackWriter::SessionNumber(const PackSession& session) {
  auto& sessions = directory_.sessions;
  const auto found = std::find(sessions.begin(), sessions.end(), session);
  if (found != sessions.end()) return static_cast<uint32_t>(found - sessions.begin());
  directory_bytes_ += EntryBytesMax(session);
  sessions.push_back(session);
  return static_cast<uint32_t>(sessions.size() - 1);
}

Result<void> PackWriter::AddFrame(const PackSession& session, FrameEntry entry, ByteSpan sealed) {
  CHECK(sealed.size() == entry.sealed_length);
  CHECK(sealed.size() >= limits::kFrameSealedBytesMin && sealed.size() <= limits::kFrameSealedBytesMax);
  CHECK(entry.codec != Codec::kPadding && !entry.blobs.empty() && entry.blobs.size() <= limits::kFrameBlobsMax);
  CHECK(entry.plain_length <= limits::kFramePlainBytesMax);
  CHECK(Fits(entry));
  for (const BlobEntry& blob : entry.blobs) CHECK(ids_.insert(blob.id).second);
  entry.session = SessionNumber(session);
  return AppendFrame(std::move(entry), sealed);
}

Result<void> PackWriter::AppendFrame(FrameEntry entry, ByteSpan sealed) {
  CHECK(!is_lost_);
  is_lost_ = true;  // from an Error on: it may hold half a frame
  if (draft_ == nullptr) {
    ASSIGN_OR_RETURN(draft_, store_.NewDraft(bytes_expected_));
    RETURN_IF_ERROR(draft_->Append(std::array<uint8_t, ObjectHeader::kSize>{}));
  }
  RETURN_IF_ERROR(AppendBytes(sealed));
  is_lost_ = false;
  frame_bytes_ += sealed.size();
  directory_bytes_ += EntryBytesMax(entry);
  directory_.frames.push_back(std::move(entry));
  return {};
}

Result<void> PackWriter::AppendBytes(ByteSpan bytes) {
  written_.Update(bytes);
  return draft_->Append(bytes);
}

Result<void> PackWriter::AppendPadding(uint64_t object_bytes_max) {
  const uint64_t encoded =
      directory_.Encode().size() + VarintSize(directory_.frames.size() + 1) - VarintSize(directory_.frames.size());
  const uint32_t length = PaddingLength(object_bytes_max, [&](uint32_t sealed_length) {
    // The padding's entry: its length, plain length 0, session 0, codec, check, 0 blobs.
    const uint64_t entry = VarintSize(sealed_length) + 1 + 1 + 1 + std::tuple_size_v<FrameCheck> + 1;
    return ObjectHeader::kSize + frame_bytes_ + sealed_length + ObjectSealer::SealedSize(encoded + entry);
  });
  if (length == 0) return {};  // within bytes of the largest pack there is: nothing to hide its size among
  Bytes noise(length);
  random_.Fill(noise);
  FrameEntry entry{.sealed_length = length, .codec = Codec::kPadding, .check = CheckOfFrame(noise)};
  return AppendFrame(std::move(entry), noise);
}

// Of what comes back from the draft, which is what was given to it: a name made of what a disk has spoiled would be
// right for ever.
Result<Digest> PackWriter::HashDraft(ByteSpan header, uint64_t size) {
  Sha256Stream hash;
  ChecksumStream read;
  Bytes start;
  uint64_t bytes = 0;
  RETURN_IF_ERROR(draft_->ForEachPiece([&](ByteSpan piece) -> Result<void> {
    hash.Update(piece);
    bytes += piece.size();
    const size_t of_start = std::min(piece.size(), header.size() - start.size());
    Append(start, piece.first(of_start));
    read.Update(piece.subspan(of_start));
    return {};
  }));
  if (bytes == size && Equal(start, header) && read.Finish() == written_.Finish()) return hash.Finish();
  return MakeError(ErrorCode::kIo,
                   "a {} pack of {} bytes was written, and {} bytes that are not all the same were read back (this "
                   "machine's memory, or the store's disk, is broken)",
                   Name(kind_), size, bytes);
}

Result<FinishedPack> PackWriter::Seal() {
  RawId no_name{};
  const ObjectKind kind = kind_ == BlobKind::kData ? ObjectKind::kDataPack : ObjectKind::kMetadataPack;
  ASSIGN_OR_RETURN(const SealedObject sealed, sealer_.Seal(kind, no_name, directory_.Encode()));
  RETURN_IF_ERROR(draft_->WriteStart(sealed.header));
  RETURN_IF_ERROR(AppendBytes(sealed.body));
  FinishedPack finished{.kind = kind_, .blobs = ids_.size()};
  finished.size = ObjectHeader::kSize + frame_bytes_ + sealed.body.size();
  ASSIGN_OR_RETURN(finished.name.digest, HashDraft(sealed.header, finished.size));
  random_.Fill(finished.name.put);
  finished.draft = std::move(draft_);
  finished.directory = std::move(directory_);
  return finished;
}

Result<FinishedPack> PackWriter::PadAndSeal(bool pad, uint64_t object_bytes_max) {
  if (pad) RETURN_IF_ERROR(AppendPadding(object_bytes_max));
  return Seal();
}

Result<FinishedPack> PackWriter::Finish(bool pad, uint64_t object_bytes_max) {
  CHECK(!empty() && !is_lost_);
  auto finished = PadAndSeal(pad, object_bytes_max);
  is_lost_ = false;
  draft_ = nullptr;
  written_ = ChecksumStream();
  directory_ = PackDirectory();
  ids_.clear();
  frame_bytes_ = directory_bytes_ = 0;
  return finished;
}

SegmentPack ToSegmentPack(const FinishedPack& pack, const std::vector<uint32_t>& session_numbers) {
  CHECK(session_numbers.size() == pack.directory.sessions.size());
  SegmentPack entry{.name = pack.name, .kind = pack.kind, .size = pack.size, .frames = pack.directory.frames};
  for (FrameEntry& frame : entry.frames) {
    // A padding frame belongs to no session: SPEC 8.2 asks for number 0, here too.
    if (frame.codec != Codec::kPadding) frame.session = session_numbers[frame.session];
  }
  return entry;
}

}  // namespace cairn
