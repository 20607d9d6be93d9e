#include "engine/index/copy_folder.h"

#include <filesystem>
#include <vector>

namespace cairn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrivatePrefix = "private-";

Result<void> RemoveTree(const std::string& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (failure) return ErrnoError(failure.value(), fmt::format("removing {}", path));
  return {};
}

// Names in a folder that begin or end so; none where it cannot be read.
std::vector<std::string> NamesWith(const std::string& folder, std::string_view prefix, std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

CopyFolder::CopyFolder(std::string folder, FileSystem& files) : folder_(std::move(folder)), files_(files) {}

Result<std::unique_ptr<CopyFolder>> CopyFolder::Take(const std::string& folder) {
  std::unique_ptr<CopyFolder> taken(new CopyFolder(folder, PosixFileSystem()));
  RETURN_IF_ERROR(MakeFolders(taken->files_, folder));
  taken->RemoveDead();
  ASSIGN_OR_RETURN(taken->lock_, taken->files_.TryLock(folder + "/lock"));
  if (taken->lock_ == nullptr) {
    RETURN_IF_ERROR(taken->MakePrivate());
    return taken;
  }
  taken->table_ = folder + "/shared";
  std::error_code ignored;
  if (fs::exists(folder + "/damaged", ignored)) RETURN_IF_ERROR(taken->EmptyDamaged());
  RETURN_IF_ERROR(taken->files_.MakeFolder(taken->table_));
  return taken;
}

CopyFolder::~CopyFolder() {
  if (is_private()) IgnoreError(RemoveTree(private_), "the next process removes what is left of it");
}

void CopyFolder::RemoveDead() {
  for (const std::string& name : NamesWith(folder_, kPrivatePrefix, "")) {
    const std::string path = folder_ + "/" + name;
    const auto lock = files_.TryLock(path + "/lock");
    if (!lock || *lock == nullptr) continue;  // alive, or being removed by somebody else
    IgnoreError(RemoveTree(path), "the next process tries again");
  }
}

Result<void> CopyFolder::MakePrivate() {
  // A process that looks for the dead may take a folder whose lock is not yet held for one of them, and remove it: then
  // the lock fails, or it is on a file that has no name any more.
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::array<uint8_t, 8> random{};
    SystemRandom().Fill(random);
    const std::string path = fmt::format("{}/{}{}", folder_, kPrivatePrefix, ToHex(random));
    RETURN_IF_ERROR(files_.MakeFolder(path));
    auto lock = files_.TryLock(path + "/lock");
    std::error_code ignored;
    if (!lock || *lock == nullptr || !fs::exists(path + "/lock", ignored)) continue;
    lock_ = std::move(*lock);
    private_ = path;
    table_ = path + "/table";
    return files_.MakeFolder(table_);
  }
  return MakeError(ErrorCode::kIo, "no private folder could be made and locked in {}", folder_);
}

Result<void> CopyFolder::Empty() {
  RETURN_IF_ERROR(RemoveTree(table_));
  return files_.MakeFolder(table_);
}

Result<void> CopyFolder::LinkTables() {
  const std::string shared = folder_ + "/shared";
  for (const std::string& name : NamesWith(shared, "", ".sst")) {
    std::error_code failure;
    fs::create_hard_link(shared + "/" + name, table_ + "/" + name, failure);
    const bool is_there = failure == std::errc::file_exists || failure == std::errc::no_such_file_or_directory;
    if (failure && !is_there) return ErrnoError(failure.value(), fmt::format("linking {}/{}", shared, name));
  }
  return {};
}

Result<void> CopyFolder::CopyShared() {
  const std::string shared = folder_ + "/shared";
  RETURN_IF_ERROR(Empty());
  // The identity is new whenever the shared copy was made anew: then its files' names may mean other files.
  ASSIGN_OR_RETURN(const Bytes identity, files_.ReadFile(shared + "/IDENTITY"));
  // Table files never change. The manifest names those that count; it only grows, and may be cut anywhere. Files that
  // were made before it was read are linked after it, and those that were removed since, before.
  RETURN_IF_ERROR(LinkTables());
  ASSIGN_OR_RETURN(const Bytes current, files_.ReadFile(shared + "/CURRENT"));
  std::string manifest = ToString(current);
  while (manifest.ends_with('\n')) manifest.pop_back();
  if (!manifest.starts_with("MANIFEST-") || manifest.find('/') != std::string::npos) {
    return Corrupt("{}/CURRENT does not name a manifest", shared);
  }
  ASSIGN_OR_RETURN(const Bytes edits, files_.ReadFile(shared + "/" + manifest));
  RETURN_IF_ERROR(LinkTables());
  ASSIGN_OR_RETURN(const Bytes identity_after, files_.ReadFile(shared + "/IDENTITY"));
  if (!Equal(identity, identity_after)) return MakeError(ErrorCode::kBusy, "{} was made anew meanwhile", shared);
  RETURN_IF_ERROR(files_.WriteNewFile(table_ + "/IDENTITY", identity));
  RETURN_IF_ERROR(files_.WriteNewFile(table_ + "/" + manifest, edits));
  return files_.WriteNewFile(table_ + "/CURRENT", current);
}

void CopyFolder::MarkDamaged() {
  IgnoreError(files_.WriteNewFile(folder_ + "/damaged", {}), "only a hint to the next process");
}

Result<void> CopyFolder::EmptyDamaged() {
  RETURN_IF_ERROR(Empty());
  // A private copy's damage may be that of the shared files it began with: the mark stays for who holds those.
  if (is_private()) return {};
  std::error_code failure;
  std::filesystem::remove(folder_ + "/damaged", failure);
  if (failure) return ErrnoError(failure.value(), fmt::format("removing {}/damaged", folder_));
  return {};
}

}  // namespace cairn
