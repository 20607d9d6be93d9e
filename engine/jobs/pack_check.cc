#include "engine/jobs/pack_check.h"

#include <algorithm>

#include "engine/codec/frame_codec.h"
#include "engine/pack/pack_reader.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

// By the prefix under which it stands: where the index names the wrong kind, that is the other one, and it is not gone.
Result<BlobKind> FetchPack(ObjectStore& store, const IndexedPack& pack, Bytes& object) {
  auto fetched = store.GetInto(PackObjectName(pack.kind, pack.name), limits::kPackBytesMax, object);
  if (fetched) return pack.kind;
  if (fetched.error().code() != ErrorCode::kNotFound) return std::move(fetched).error();
  const BlobKind other = pack.kind == BlobKind::kData ? BlobKind::kMetadata : BlobKind::kData;
  auto elsewhere = store.GetInto(PackObjectName(other, pack.name), limits::kPackBytesMax, object);
  if (elsewhere) return other;
  return elsewhere.error().code() == ErrorCode::kNotFound ? std::move(fetched).error() : std::move(elsewhere).error();
}

BlobLocation LocationOf(const IndexedPack& pack, BlobKind kind, const std::vector<IndexedFrame>& frames,
                        uint32_t number) {
  BlobLocation location;
  location.pack = pack;
  location.pack.kind = kind;
  location.frame_number = number;
  location.frame_offset = frames[number].offset;
  location.frame = frames[number].entry;
  location.session = frames[number].session;
  return location;
}

// What is no loss comes before what is: nothing may be decided about a pack that may be good.
void Note(PackVerdict& verdict, Error error) {
  const bool decides = !verdict.error || (IsLoss(verdict.error->code()) && !IsLoss(error.code()));
  if (decides) verdict.error = std::move(error);
}

}  // namespace

Result<void> CompareEntry(const PackDirectory& directory, const std::vector<IndexedFrame>& frames) {
  if (directory.frames.size() != frames.size()) {
    return Corrupt("its directory has {} frames, the index says {}", directory.frames.size(), frames.size());
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    const FrameEntry& there = directory.frames[i];
    const FrameEntry& said = *frames[i].entry;
    const bool same = there.sealed_length == said.sealed_length && there.plain_length == said.plain_length &&
                      there.codec == said.codec && there.check == said.check && there.blobs == said.blobs &&
                      (there.codec == Codec::kPadding || directory.sessions.at(there.session) == frames[i].session);
    if (!same) return Corrupt("the index describes its frame {} otherwise than its directory does", i);
  }
  return {};
}

PackVerdict CheckPack(Repository& repository, const IndexedPack& pack, const std::vector<IndexedFrame>& frames,
                      BlobReader& reader, bool* ids_checked, Bytes& object) {
  PackVerdict verdict;
  auto fetched = FetchPack(repository.store(), pack, object);
  if (!fetched) {
    auto& doubtful = IsLoss(fetched.error().code()) ? verdict.bad_frames : verdict.unread_frames;
    for (uint32_t i = 0; i < frames.size(); ++i) doubtful.push_back(i);
    verdict.error = std::move(fetched).error();
    return verdict;
  }
  const BlobKind kind = *fetched;
  auto verified = VerifyPack(repository.sealer(), kind, pack.name, object);
  if (verified) {
    auto compared = kind == pack.kind
                        ? CompareEntry(verified->directory, frames)
                        : Corrupt("the index says that it is a {} pack, it is a {} pack", Name(pack.kind), Name(kind));
    verdict.entry_is_wrong = !compared;
    if (!compared) Note(verdict, std::move(compared).error());
    if (kind != pack.kind) return verdict;  // it is whole, and what the index says of its frames says nothing
  } else {
    Note(verdict, verified.error());
    if (kind != pack.kind) {  // and neither says how its frames are opened
      for (uint32_t i = 0; i < frames.size(); ++i) verdict.unread_frames.push_back(i);
      Note(verdict,
           MakeError(ErrorCode::kInvalidArgument, "the index says that it is a {} pack, it is a damaged {} pack",
                     Name(pack.kind), Name(kind)));
      return verdict;
    }
  }
  const bool can_open =
      repository.keyring().rights().Has(kind == BlobKind::kData ? Rights::kContentKey | Rights::kDataIdKey
                                                                : Rights::kMetadataKey | Rights::kMetadataIdKey);
  *ids_checked = can_open;
  std::vector<Result<void>> good(frames.size());
  std::vector<uint32_t> numbers;
  std::vector<BlobReader::Sealed> to_open;  // of these numbers
  for (uint32_t i = 0; i < frames.size(); ++i) {
    const IndexedFrame& frame = frames[i];
    const FrameEntry& entry = *frame.entry;
    if (entry.codec == Codec::kPadding) continue;
    if (frame.offset + entry.sealed_length > object.size()) {
      good[i] = Corrupt("frame {} would end behind the pack's {} bytes", i, object.size());
      continue;
    }
    const ByteSpan sealed = ByteSpan(object).subspan(frame.offset, entry.sealed_length);
    // VerifyPack has compared those of a pack whose entry is right.
    if ((!verified || verdict.entry_is_wrong) && CheckOfFrame(sealed) != entry.check) {
      good[i] = Corrupt("frame {} differs from its check", i);
    } else if (can_open) {
      numbers.push_back(i);
      to_open.push_back({LocationOf(pack, kind, frames, i), sealed, std::nullopt});
    }
  }
  reader.OpenSealedEach(to_open, [&](size_t i, const Result<Bytes>& plain) {
    if (!plain) good[numbers[i]] = plain.error();
    return true;
  });
  for (uint32_t i = 0; i < frames.size(); ++i) {
    if (good[i]) continue;
    (IsLoss(good[i].error().code()) ? verdict.bad_frames : verdict.unread_frames).push_back(i);
    Note(verdict, std::move(good[i]).error());
  }
  return verdict;
}

}  // namespace cairn
