#include "engine/repo/object_cache.h"

#include <algorithm>
#include <set>

#include "engine/codec/checksum.h"
#include "repo-format/limits.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr uint32_t kMagic = 0x316a626f;  // "obj1"
constexpr size_t kFilesMax = 16;
constexpr size_t kNameBytesMax = 120;  // SPEC section 4

}  // namespace

ObjectCache::ObjectCache(FileSystem& files, const Random& random, std::string folder, std::string kind)
    : files_(files), random_(random), folder_(std::move(folder)), kind_(std::move(kind)) {
  std::vector<std::string> names;
  IgnoreError(files_.List(folder_,
                          [&](const FileInfo& info) {
                            if (info.name.starts_with(kind_ + "-")) names.push_back(info.name);
                          }),
              "nothing is kept yet");
  for (const std::string& name : names) ReadFile(name);
}

// A damaged file goes with the next Save.
void ObjectCache::ReadFile(const std::string& name) {
  const auto file = files_.ReadFile(folder_ + "/" + name);
  if (!file) return;  // another process has made one of many
  read_.push_back(name);
  const auto whole = TakeOffChecksum(*file);
  if (!whole) return;
  WireReader reader(*whole, "kept objects");
  if (reader.U32() != kMagic) return;
  while (reader.remaining() > 0) {
    const std::string object_name = ToString(reader.String(kNameBytesMax));
    Kept kept;
    kept.modified = static_cast<UnixNs>(reader.U64());
    kept.object = ToBytes(reader.String(limits::kSnapshotBytesMax));
    if (!reader.failed()) kept_.insert_or_assign(object_name, std::move(kept));
  }
}

const Bytes* ObjectCache::Find(const ObjectInfo& listed) const {
  if (listed.modified == 0) return nullptr;  // a store without times cannot tell a fence from what it replaced
  const auto found = kept_.find(listed.name.text());
  const bool is_same =
      found != kept_.end() && found->second.modified == listed.modified && found->second.object.size() == listed.size;
  return is_same ? &found->second.object : nullptr;
}

void ObjectCache::Add(const ObjectInfo& listed, Bytes object) {
  if (listed.modified == 0 || object.size() != listed.size) return;
  kept_.insert_or_assign(listed.name.text(), Kept{listed.modified, std::move(object)});
  added_.push_back(listed.name.text());
}

// False: nothing came of it.
bool ObjectCache::Write(const std::vector<std::string>& names) {
  WireWriter writer;
  writer.U32(kMagic);
  for (const std::string& name : names) {
    const Kept& kept = kept_.at(name);
    writer.String(AsBytes(name));
    writer.U64(static_cast<uint64_t>(kept.modified));
    writer.String(kept.object);
  }
  Bytes file = std::move(writer).Take();
  AppendChecksum(file);
  const std::string id = random_.NewId<ObjectId>().ToHex();
  const std::string temporary = folder_ + "/tmp-" + id;
  auto made = files_.MakeFolder(folder_);
  if (made) made = files_.WriteNewFile(temporary, file);
  if (made) made = files_.Rename(temporary, folder_ + "/" + kind_ + "-" + id);
  if (!made) IgnoreError(files_.Remove(temporary), "it may not have come to be");
  return made.has_value();
}

void ObjectCache::Save(const std::vector<ObjectInfo>& listed) {
  std::set<std::string> there;
  for (const ObjectInfo& info : listed) there.insert(info.name.text());
  const size_t kept_before = kept_.size();
  std::erase_if(kept_, [&](const auto& entry) { return !there.contains(entry.first); });
  std::erase_if(added_, [&](const std::string& name) { return !there.contains(name); });
  const bool joins = read_.size() >= kFilesMax || kept_before > 2 * kept_.size();
  if (!joins) {
    if (!added_.empty()) Write(added_);
    added_.clear();
    return;
  }
  std::vector<std::string> all;
  for (const auto& [name, kept] : kept_) all.push_back(name);
  if (!all.empty() && !Write(all)) return;
  for (const std::string& name : read_) IgnoreError(files_.Remove(folder_ + "/" + name), "another process was first");
  read_.clear();
  added_.clear();
}

}  // namespace cairn
