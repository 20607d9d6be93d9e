#include "engine/jobs/pack_check.h"

#include <algorithm>

#include "engine/codec/frame_codec.h"
#include "engine/pack/pack_reader.h"
#include "repo-format/limits.h"

namespace cairn {

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
                      BlobReader& reader, bool* ids_checked) {
  PackVerdict verdict;
  const auto fail = [&](Error error) {
    if (!verdict.error) verdict.error = std::move(error);
  };
  const auto all_bad = [&] {
    for (uint32_t i = 0; i < frames.size(); ++i) verdict.bad_frames.push_back(i);
  };
  auto object = repository.store().Get(PackObjectName(pack.kind, pack.name), limits::kPackBytesMax);
  if (!object) {
    fail(std::move(object).error());
    all_bad();
    return verdict;
  }
  auto verified = VerifyPack(repository.sealer(), pack.kind, pack.name, *object);
  if (verified) {
    auto compared = CompareEntry(verified->directory, frames);
    verdict.entry_is_wrong = !compared;
    if (!compared) fail(std::move(compared).error());
  } else {
    fail(verified.error());
  }
  const bool can_open =
      repository.keyring().rights().Has(pack.kind == BlobKind::kData ? Rights::kContentKey | Rights::kDataIdKey
                                                                     : Rights::kMetadataKey | Rights::kMetadataIdKey);
  *ids_checked = can_open;
  for (uint32_t i = 0; i < frames.size(); ++i) {
    const FrameEntry& entry = *frames[i].entry;
    if (entry.codec == Codec::kPadding) continue;
    if (frames[i].offset + entry.sealed_length > object->size()) {
      verdict.bad_frames.push_back(i);
      continue;
    }
    const ByteSpan sealed = ByteSpan(*object).subspan(frames[i].offset, entry.sealed_length);
    Result<void> good;
    if (can_open) {
      BlobLocation location;
      location.pack = pack;
      location.frame_number = i;
      location.frame_offset = frames[i].offset;
      location.frame = frames[i].entry;
      location.session = frames[i].session;
      auto plain = reader.OpenSealed(location, sealed);
      if (!plain) good = plain.error();
    } else if (CheckOfFrame(sealed) != entry.check) {
      good = Corrupt("frame {} differs from its check", i);
    }
    if (good) continue;
    verdict.bad_frames.push_back(i);
    fail(std::move(good).error());
  }
  return verdict;
}

}  // namespace cairn
