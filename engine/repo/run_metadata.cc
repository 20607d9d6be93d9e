#include "engine/repo/run_metadata.h"

#include <vector>

#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr uint64_t kBytesMax = kGiB;  // of disk; the oldest packs go

}  // namespace

std::unique_ptr<RunMetadata> RunMetadata::Begin(const LocalCache& cache, const Random& random) {
  auto lock = cache.files().TryLock(cache.CheckedFolder() + ".lock");
  if (!lock || *lock == nullptr) return nullptr;
  return std::unique_ptr<RunMetadata>(new RunMetadata(cache.files(), random, cache.CheckedFolder(), *std::move(lock)));
}

RunMetadata::RunMetadata(FileSystem& files, const Random& random, std::string folder, std::unique_ptr<FileLock> lock)
    : files_(files),
      folder_(std::move(folder)),
      lock_(std::move(lock)),
      cache_(files, random, folder_, kBytesMax, MetadataCache::Fetches::kWholeAtOnce) {
  Clear();
}

RunMetadata::~RunMetadata() { Clear(); }

void RunMetadata::Clear() {
  std::vector<std::string> names;
  IgnoreError(files_.List(folder_, [&](const FileInfo& info) { names.push_back(info.name); }), "there is none yet");
  for (const std::string& name : names) IgnoreError(files_.Remove(folder_ + "/" + name), "the next run tries again");
}

}  // namespace cairn
