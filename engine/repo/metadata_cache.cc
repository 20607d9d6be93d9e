#include "engine/repo/metadata_cache.h"

#include <algorithm>
#include <vector>

#include "engine/codec/checksum.h"
#include "engine/crypto/hash.h"

namespace cairn {

std::string MetadataCache::PathOf(const PackName& pack) const { return folder_ + "/" + pack.ToString(); }

void MetadataCache::SetState(const PackName& pack, State state) {
  const std::lock_guard lock(mutex_);
  states_[pack] = state;
}

bool MetadataCache::Verify(const PackName& pack, uint64_t pack_bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = states_.find(pack); found != states_.end()) return found->second == State::kHere;
  }
  const auto file = files_.ReadFile(PathOf(pack));
  if (!file) return false;
  const bool is_right = file->size() == pack_bytes + kChecksumBytes && TakeOffChecksum(*file);
  if (is_right) {
    SetState(pack, State::kHere);
  } else {
    IgnoreError(files_.Remove(PathOf(pack)), "it is written anew");
  }
  return is_right;
}

bool MetadataCache::TakesOver(const PackName& pack, uint64_t pack_bytes) {
  if (pack_bytes > bytes_max_ / 4) return false;
  const std::lock_guard lock(mutex_);
  const auto [place, is_first] = states_.emplace(pack, State::kMissedOnce);
  if (is_first && fetches_ == Fetches::kWholeWhenAskedAgain) return false;
  if (place->second != State::kMissedOnce) return false;
  place->second = State::kNotHere;  // until it is
  return true;
}

Result<Bytes> MetadataCache::GetRange(ObjectStore& store, const PackName& pack, uint64_t pack_bytes, uint64_t offset,
                                      uint64_t size) {
  if (Verify(pack, pack_bytes)) {
    auto bytes = files_.ReadRange(PathOf(pack), offset, size);
    if (bytes) return bytes;
    SetState(pack, State::kNotHere);  // another process has made room
  }
  const ObjectName name = PackObjectName(BlobKind::kMetadata, pack);
  const bool is_within = offset <= pack_bytes && size <= pack_bytes - offset;
  if (!is_within || !TakesOver(pack, pack_bytes)) return store.GetRange(name, offset, size);
  auto object = store.Get(name, pack_bytes);
  if (!object && !IsLoss(object.error().code())) return std::move(object).error();
  // Of a pack that is damaged, or came so, the part that is needed may be whole.
  if (!object || object->size() != pack_bytes || Sha256(*object) != pack.digest) {
    return store.GetRange(name, offset, size);
  }
  Add(pack, *object);
  return ToBytes(ByteSpan(*object).subspan(offset, size));
}

void MetadataCache::Add(const PackName& pack, ByteSpan object) {
  if (object.size() > bytes_max_ / 4) return;
  const std::string temporary = folder_ + "/tmp-" + random_.NewId<ObjectId>().ToHex();
  auto made = files_.MakeFolder(folder_);
  if (made) MakeRoom(object.size() + kChecksumBytes);
  Bytes file = ToBytes(object);
  AppendChecksum(file);
  if (made) made = files_.WriteNewFile(temporary, file);
  if (made) made = files_.Rename(temporary, PathOf(pack));
  if (!made) IgnoreError(files_.Remove(temporary), "it may not have come to be");
  SetState(pack, made ? State::kHere : State::kNotHere);
}

bool MetadataCache::Forget(const PackName& pack) {
  {
    const std::lock_guard lock(mutex_);
    State& state = states_[pack];
    if (state != State::kHere) return false;
    state = State::kNotHere;
  }
  IgnoreError(files_.Remove(PathOf(pack)), "this process does not ask it again");
  return true;
}

void MetadataCache::MakeRoom(uint64_t bytes) {
  std::vector<FileInfo> all;
  uint64_t total = bytes;
  IgnoreError(files_.List(folder_,
                          [&](const FileInfo& info) {
                            if (info.is_folder) return;
                            all.push_back(info);
                            total += info.size;
                          }),
              "then there is nothing to remove");
  std::ranges::sort(all, {}, &FileInfo::modified);
  for (const FileInfo& info : all) {
    if (total <= bytes_max_) return;
    IgnoreError(files_.Remove(folder_ + "/" + info.name), "another process was first");
    total -= info.size;
  }
}

}  // namespace cairn
