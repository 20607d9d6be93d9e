#include "frontends/cli/scratch_store.h"

#include <array>
#include <filesystem>

#include "engine/env/random.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

void TellOfOld(const std::string& parent, const std::string& prefix, Log& log) {
  const auto tell = [&](const FileInfo& info) {
    if (!info.is_folder || !info.name.starts_with(prefix)) return;
    log.Warning("{}/{}: a benchmark was killed, or runs at the same time; if none does, remove this folder",
                parent == "/" ? "" : parent, info.name);
  };
  IgnoreError(PosixFileSystem().List(parent, tell), "best effort: nothing depends on it");
}

}  // namespace

Result<std::unique_ptr<ScratchStore>> ScratchStore::MakeBeside(const std::string& repository, uint64_t bytes,
                                                               Log& log) {
  FileSystem& files = PosixFileSystem();
  ASSIGN_OR_RETURN(const FileInfo of_repository, files.Stat(repository));
  const std::filesystem::path path(repository);
  const std::string parent = path.parent_path().string();
  if (!path.has_filename()) {
    return MakeError(ErrorCode::kUnsupported, "there is nothing beside the repository {}", repository);
  }
  TellOfOld(parent, path.filename().string() + ".benchmark-", log);

  ASSIGN_OR_RETURN(const FileInfo of_parent, files.Stat(parent));
  if (of_parent.identity.first != of_repository.identity.first) {
    return MakeError(ErrorCode::kUnsupported, "{} is the root of its disk: what is put beside it goes to another one",
                     repository);
  }
  ASSIGN_OR_RETURN(const FileSystem::Space space, files.FreeSpace(parent));
  if (space.free / 2 < bytes) {
    return MakeError(ErrorCode::kNoSpace, "{} of {} are free beside the repository, too little to try it with {}",
                     HumanBytes(space.free), HumanBytes(space.total), HumanBytes(bytes));
  }
  std::array<uint8_t, 8> id{};
  SystemRandom().Fill(id);
  std::unique_ptr<ScratchStore> scratch(new ScratchStore(repository + ".benchmark-" + ToHex(id)));
  ASSIGN_OR_RETURN(scratch->store_, LocalStore::Create(files, SystemRandom(), scratch->folder_));
  return scratch;
}

ScratchStore::~ScratchStore() {
  store_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace cairn
