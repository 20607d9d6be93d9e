#include "frontends/cli/scratch_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "engine/env/random.h"
#include "frontends/cli/text.h"
#include "frontends/files/folder_names.h"

namespace cairn {
namespace {

constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n# cairn benchmark tries a disk with what is here; it may go.\n";

void TellOfOld(const std::string& parent, const std::string& prefix, Log& log) {
  const auto tell = [&](const FileInfo& info) {
    if (!info.is_folder || !info.name.starts_with(prefix)) return;
    log.Warning("{}/{}: a benchmark was killed, or runs at the same time; if none does, remove this folder",
                parent == "/" ? "" : parent, info.name);
  };
  IgnoreError(PosixFileSystem().List(parent, tell), "best effort: nothing depends on it");
}

}  // namespace

// No link is followed.
Result<ScratchFolder::Identity> ScratchFolder::Look() const {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0) return ErrnoError(errno, "looking for the scratch folder " + path_);
  if (S_ISDIR(status.st_mode)) return Identity(status.st_dev, status.st_ino);
  return MakeError(ErrorCode::kAlreadyExists, "{} is no folder any more", path_);
}

void ScratchFolder::Set(State state, const std::optional<Identity>& identity) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  identity_ = identity;
}

Result<void> ScratchFolder::Make() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kNew) return MakeError(ErrorCode::kInterrupted, "{} shall not be made any more", path_);
    state_ = State::kMaking;
  }
  if (::mkdir(path_.c_str(), 0700) != 0) {
    const int problem = errno;
    Set(State::kGone, std::nullopt);
    return ErrnoError(problem, "making the scratch folder " + path_);
  }
  auto identity = Look();
  if (!identity) {
    ::rmdir(path_.c_str());  // best effort, and of a folder with nothing in it: the first error is the one to tell
    Set(State::kGone, std::nullopt);
    return std::move(identity).error();
  }
  Set(State::kMade, *identity);
  return {};
}

Result<void> ScratchFolder::Remove() {
  Identity made;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kMaking) return MakeError(ErrorCode::kBusy, "{} is being made", path_);
    if (state_ == State::kNew) state_ = State::kGone;
    if (state_ == State::kGone || !identity_) return {};
    made = *identity_;
  }
  ASSIGN_OR_RETURN(const Identity there, Look());
  if (there != made) return MakeError(ErrorCode::kAlreadyExists, "another folder took the place of {}", path_);
  std::error_code failed;
  std::filesystem::remove_all(path_, failed);
  if (failed) return ErrnoError(failed.value(), "removing the scratch folder " + path_);
  Set(State::kGone, std::nullopt);
  return {};
}

Result<std::unique_ptr<ScratchStore>> ScratchStore::MakeBeside(const std::string& repository, uint64_t bytes, Log& log,
                                                               const Announce& announce) {
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
  const auto folder = std::make_shared<ScratchFolder>(repository + ".benchmark-" + ToHex(id));
  announce(folder);
  RETURN_IF_ERROR(folder->Make());
  std::unique_ptr<ScratchStore> scratch(new ScratchStore(folder, log));
  RETURN_IF_ERROR(files.WriteNewFile(folder->path() + "/" + std::string(files::kCacheTagName), AsBytes(kCacheTag)));
  ASSIGN_OR_RETURN(scratch->store_, LocalStore::Open(files, SystemRandom(), folder->path()));
  return scratch;
}

Result<void> ScratchStore::Remove() {
  tried_ = true;
  store_.reset();
  auto removed = folder_->Remove();
  if (!removed) {
    log_.Warning("the benchmark's scratch folder {} is left: {}; remove it where it is, with all that is in it",
                 folder(), removed.error().message());
  }
  return removed;
}

ScratchStore::~ScratchStore() {
  if (!tried_) IgnoreError(Remove(), "the log was told");
}

}  // namespace cairn
