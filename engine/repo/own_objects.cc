#include "engine/repo/own_objects.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/codec/checksum.h"
#include "engine/repo/repository.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr std::string_view kBeginning = "own-";
constexpr size_t kFilesMax = 16;
constexpr uint64_t kObjectBytesMax = 16 * kMiB;

}  // namespace

std::string OwnObjects::PathOf(const ObjectName& name) const {
  std::string text = name.text();
  std::ranges::replace(text, '/', '-');
  return folder_ + "/" + std::string(kBeginning) + text;
}

void OwnObjects::Keep(const ObjectName& name, ByteSpan object) {
  if (object.size() > kObjectBytesMax) return;
  auto made = files_.MakeFolder(folder_);
  if (made) MakeRoom();
  Bytes file = ToBytes(object);
  AppendChecksum(file);
  const std::string temporary = folder_ + "/tmp-" + random_.NewId<ObjectId>().ToHex();
  if (made) made = files_.WriteNewFile(temporary, file);
  if (made) made = files_.Rename(temporary, PathOf(name));
  if (!made) IgnoreError(files_.Remove(temporary), "it may not have come to be");
}

std::optional<Bytes> OwnObjects::Take(const ObjectName& name) {
  auto file = files_.ReadFile(PathOf(name));
  if (!file) return std::nullopt;
  IgnoreError(files_.Remove(PathOf(name)), "another process was first");
  const auto whole = TakeOffChecksum(*file);
  if (!whole) return std::nullopt;
  return ToBytes(*whole);
}

void OwnObjects::MakeRoom() {
  std::vector<FileInfo> all;
  IgnoreError(files_.List(folder_,
                          [&](const FileInfo& info) {
                            if (info.name.starts_with(kBeginning)) all.push_back(info);
                          }),
              "then there is nothing to remove");
  if (all.size() < kFilesMax) return;
  std::ranges::sort(all, {}, &FileInfo::modified);
  for (size_t i = 0; i + kFilesMax <= all.size(); ++i) {
    IgnoreError(files_.Remove(folder_ + "/" + all[i].name), "another process was first");
  }
}

std::optional<OwnObjects> OwnObjectsOf(const Repository& repository, const Random& random) {
  if (!repository.keeps_objects()) return std::nullopt;
  return std::optional<OwnObjects>(std::in_place, repository.cache().files(), random,
                                   repository.cache().ObjectFolder());
}

}  // namespace cairn
