#include "engine/repo/metadata_cache.h"

#include <algorithm>
#include <vector>

#include "engine/codec/checksum.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr size_t kChecksumBytes = 16;

Bytes ChecksumBytes(ByteSpan object) {
  const Checksum checksum = ChecksumOf(object);
  WireWriter writer;
  writer.U64(checksum.low);
  writer.U64(checksum.high);
  return std::move(writer).Take();
}

}  // namespace

std::string MetadataCache::PathOf(const ObjectName& name) const { return folder_ + "/" + std::string(name.base()); }

void MetadataCache::SetState(const ObjectName& name, State state) {
  const std::lock_guard lock(mutex_);
  states_[name] = state;
}

bool MetadataCache::Verify(const ObjectName& name, uint64_t pack_bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = states_.find(name); found != states_.end()) return found->second == State::kHere;
  }
  const auto file = files_.ReadFile(PathOf(name));
  if (!file) return false;
  const bool is_right = file->size() == pack_bytes + kChecksumBytes &&
                        Equal(ByteSpan(*file).subspan(pack_bytes), ChecksumBytes(ByteSpan(*file).first(pack_bytes)));
  if (is_right) {
    SetState(name, State::kHere);
  } else {
    IgnoreError(files_.Remove(PathOf(name)), "it is written anew");
  }
  return is_right;
}

bool MetadataCache::TakesOver(const ObjectName& name, uint64_t pack_bytes) {
  if (pack_bytes > bytes_max_ / 4) return false;
  const std::lock_guard lock(mutex_);
  const auto [place, is_first] = states_.emplace(name, State::kMissedOnce);
  if (is_first || place->second == State::kBeingFetched) return false;
  place->second = State::kBeingFetched;
  return true;
}

Result<Bytes> MetadataCache::GetRange(ObjectStore& store, const ObjectName& name, uint64_t pack_bytes, uint64_t offset,
                                      uint64_t size) {
  if (Verify(name, pack_bytes)) {
    auto bytes = files_.ReadRange(PathOf(name), offset, size);
    if (bytes) return bytes;
    SetState(name, State::kMissedOnce);  // another process has made room
  }
  const bool is_within = offset <= pack_bytes && size <= pack_bytes - offset;
  if (!is_within || !TakesOver(name, pack_bytes)) return store.GetRange(name, offset, size);
  auto object = store.Get(name, pack_bytes);
  if (!object || object->size() != pack_bytes) {
    SetState(name, State::kMissedOnce);
    if (!object && !IsLoss(object.error().code())) return std::move(object).error();
    return store.GetRange(name, offset, size);  // the part that is needed may be whole
  }
  Add(name, *object);
  return ToBytes(ByteSpan(*object).subspan(offset, size));
}

void MetadataCache::Add(const ObjectName& name, ByteSpan object) {
  if (object.size() > bytes_max_ / 4) return;
  const std::string temporary = folder_ + "/tmp-" + random_.NewId<ObjectId>().ToHex();
  const std::string path = PathOf(name);
  auto made = files_.MakeFolder(folder_);
  if (made) MakeRoom(object.size() + kChecksumBytes);
  Bytes file = ToBytes(object);
  Append(file, ChecksumBytes(object));
  if (made) made = files_.WriteNewFile(temporary, file);
  if (made) made = files_.Rename(temporary, path);
  if (!made) IgnoreError(files_.Remove(temporary), "it may not have come to be");
  SetState(name, made ? State::kHere : State::kMissedOnce);
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
