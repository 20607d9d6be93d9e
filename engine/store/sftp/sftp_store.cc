#include "engine/store/sftp/sftp_store.h"

#include <algorithm>
#include <vector>

#include "engine/env/run_both.h"
#include "engine/store/sftp/ssh_program.h"

namespace cairn {
namespace {

using sftp::RemoteFiles;

constexpr std::string_view kTemporary = "tmp";
constexpr std::string_view kLostAndFound = "lost+found";  // made by some file systems in their root
constexpr std::string_view kConfig = "config";            // the folder that no repository is without
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;
constexpr size_t kFoldersAtOnce = 16;
constexpr uint64_t kSpaceOfAFile = 64 * kKiB;  // beside its bytes

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool IsOutside(std::string_view relative) {
  const std::string_view first = relative.substr(0, relative.find('/'));
  return first == kTemporary || first == kLostAndFound;
}

template <class T>
bool IsNotFound(const Result<T>& result) {
  return !result && result.error().code() == ErrorCode::kNotFound;
}

// What is long under way is worth a connection of its own.
constexpr uint64_t kManyBytes = 256 * kKiB;
sftp::Traffic TrafficOf(uint64_t bytes) { return bytes >= kManyBytes ? sftp::Traffic::kMany : sftp::Traffic::kFew; }
bool IsPack(const ObjectName& name) { return ParseObjectName(name.text()).kind == ParsedName::Kind::kPack; }

// Not "the object is there": a folder could not be made.
Result<void> NotAlreadyThere(Result<void> made) {
  if (made || made.error().code() != ErrorCode::kAlreadyExists) return made;
  return Error(ErrorCode::kIo, made.error().message());
}

}  // namespace

SftpStore::SftpStore(const SftpPlace& place, const SftpOptions& options, const Random& random, const Clock& clock,
                     std::stop_token stop)
    : place_(place), random_(random), pool_(place, options, clock, std::move(stop)) {}

Result<std::unique_ptr<SftpStore>> SftpStore::Connect(const SftpPlace& place, const SftpOptions& options,
                                                      const Random& random, const Clock& clock, std::stop_token stop) {
  std::unique_ptr<SftpStore> store(new SftpStore(place, options, random, clock, std::move(stop)));
  RETURN_IF_ERROR(store->Files());
  return store;
}

Result<std::unique_ptr<SftpStore>> SftpStore::Open(const SftpPlace& place, const SftpOptions& options,
                                                   const Random& random, const Clock& clock, std::stop_token stop) {
  ASSIGN_OR_RETURN(auto store, Connect(place, options, random, clock, std::move(stop)));
  ASSIGN_OR_RETURN(RemoteFiles files, store->Files());
  auto found = files.StatAll({place.path(), store->PathOf(std::string(kConfig))});
  const auto& root = found[0];
  const auto& config = found[1];
  if (IsNotFound(root)) {
    return MakeError(ErrorCode::kNotFound, "there is no repository at {}: the folder is missing", place.Text());
  }
  RETURN_IF_ERROR(root);
  if (!root->is_folder) {
    return MakeError(ErrorCode::kInvalidArgument, "{} is a file, expected a folder", place.Text());
  }
  if (!config && !IsNotFound(config)) return config.error();
  if (config) store->NoteFolder(std::string(kConfig));
  return store;
}

Result<std::unique_ptr<SftpStore>> SftpStore::Create(const SftpPlace& place, const SftpOptions& options,
                                                     const Random& random, const Clock& clock, std::stop_token stop) {
  ASSIGN_OR_RETURN(auto store, Connect(place, options, random, clock, stop));
  ASSIGN_OR_RETURN(RemoteFiles files, store->Files());
  RETURN_IF_ERROR(store->MakeRoot(files, place.path()).While("making a repository"));
  const auto config = files.Stat(store->PathOf(ConfigName(1).text()));
  if (config) {  // a repository: what it holds is its own business
    store->NoteFolder(std::string(kConfig));
    return store;
  }
  if (!IsNotFound(config)) return config.error();
  RETURN_IF_ERROR(store->RefuseForeign(files));
  RETURN_IF_ERROR(store->EnsureFolder(files, std::string(kTemporary)).While("making a repository"));
  RETURN_IF_ERROR(store->ProbeFill(files).While("making a repository"));
  return store;
}

Result<void> SftpStore::MakeRoot(RemoteFiles& files, const std::string& path) {
  auto info = files.Stat(path);
  if (info && info->is_folder) return {};
  if (info) return MakeError(ErrorCode::kInvalidArgument, "{}:{} is a file, expected a folder", place_.host(), path);
  if (!IsNotFound(info)) return std::move(info).error();
  const std::string parent = FolderOf(path);
  if (!parent.empty()) RETURN_IF_ERROR(MakeRoot(files, parent));
  auto made = files.MakeFolder(path);
  if (made) return {};
  info = files.Stat(path);  // somebody else was faster
  if (info && info->is_folder) return {};
  return Explained(files, std::move(made).error(), 0, parent.empty() ? (path.starts_with('/') ? "/" : ".") : parent);
}

Result<void> SftpStore::RefuseForeign(RemoteFiles& files) {
  ASSIGN_OR_RETURN(const auto listed, files.List({place_.path()}));
  for (const sftp::RemoteInfo& info : listed[0].entries) {
    // What an interrupted creation leaves.
    const bool is_ours = info.is_folder && (info.name == "keys" || info.name == kConfig);
    if (is_ours || IsOutside(info.name)) continue;
    return MakeError(ErrorCode::kAlreadyExists, "{} holds {} and is no repository: give an empty or a new folder",
                     place_.Text(), sftp::OneLine(info.name));
  }
  return {};
}

Result<RemoteFiles> SftpStore::Files(sftp::Traffic traffic) {
  ASSIGN_OR_RETURN(sftp::Lease lease, pool_.Get(traffic));
  return RemoteFiles(std::move(lease), place_.host());
}

std::string SftpStore::PathOf(const std::string& relative) const {
  if (relative.empty()) return place_.path();
  return place_.path() == "/" ? "/" + relative : place_.path() + "/" + relative;
}

std::string SftpStore::NewTemporary() const {
  return PathOf(fmt::format("{}/{}", kTemporary, random_.NewId<ObjectId>().ToHex()));
}

std::vector<std::string> SftpStore::RootPaths() const {
  std::vector<std::string> paths = {place_.path()};
  if (is_repository_) paths.push_back(PathOf(std::string(kConfig)));
  return paths;
}

Result<void> SftpStore::JudgeRoot(const std::vector<Result<sftp::RemoteInfo>>& found) const {
  if (IsNotFound(found[0])) {
    return MakeError(ErrorCode::kIo, "{}: the folder of the repository is gone", place_.Text());
  }
  RETURN_IF_ERROR(found[0]);
  if (found.size() < 2 || !IsNotFound(found[1])) return found.back() ? Result<void>() : found.back().error();
  return MakeError(ErrorCode::kIo,
                   "{}: the folder is there, but no longer the repository in it (is the server's disk still mounted?)",
                   place_.Text());
}

Result<void> SftpStore::CheckRoot(RemoteFiles& files) { return JudgeRoot(files.StatAll(RootPaths())); }

template <class T>
Result<T> SftpStore::Missing(RemoteFiles& files, Result<T> result) {
  if (IsNotFound(result)) RETURN_IF_ERROR(CheckRoot(files));
  return result;
}

bool SftpStore::IsKnown(const std::string& relative) {
  const std::lock_guard lock(mutex_);
  return known_folders_.contains(relative);
}

void SftpStore::NoteFolder(const std::string& relative) {
  if (relative == kConfig) is_repository_ = true;
  const std::lock_guard lock(mutex_);
  known_folders_.insert(relative);
}

Result<void> SftpStore::EnsureFolders(RemoteFiles& files, const std::vector<std::string>& relative) {
  std::vector<std::string> unknown, paths;
  for (const std::string& folder : relative) {
    if (folder.empty() || IsKnown(folder)) continue;
    unknown.push_back(folder);
    paths.push_back(PathOf(folder));
  }
  const auto found = files.StatAll(paths);
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (IsNotFound(found[i])) {
      RETURN_IF_ERROR(MakeFolder(files, unknown[i]));
      continue;
    }
    RETURN_IF_ERROR(found[i]);
    if (!found[i]->is_folder) {
      return MakeError(ErrorCode::kIo, "{}:{} is a file, expected a folder", place_.host(), paths[i]);
    }
    NoteFolder(unknown[i]);
  }
  return {};
}

Result<void> SftpStore::MakeFolder(RemoteFiles& files, const std::string& relative) {
  RETURN_IF_ERROR(CheckRoot(files));
  const std::string parent = FolderOf(relative);
  RETURN_IF_ERROR(EnsureFolder(files, parent));
  const std::string path = PathOf(relative);
  RETURN_IF_ERROR(ChangeAndSync(files, parent, [&]() -> Result<void> {
    auto made = files.MakeFolder(path);
    if (made) return {};
    const auto info = files.Stat(path);  // another thread or process was faster
    if (info && info->is_folder) return {};
    return Explained(files, std::move(made).error(), 0);
  }));
  NoteFolder(relative);
  return {};
}

Result<void> SftpStore::ChangeAndSync(RemoteFiles& files, const std::string& relative,
                                      const std::function<Result<void>()>& change) {
  if (folder_syncs_ == FolderSyncs::kRefused) return change();
  ASSIGN_OR_RETURN(const sftp::FolderSync done, files.ChangeAndSync(PathOf(relative), change));
  if (done == sftp::FolderSync::kDone) folder_syncs_ = FolderSyncs::kDone;
  if (done != sftp::FolderSync::kRefused) return {};
  // What has worked and does not now is a disk that fails.
  if (folder_syncs_ == FolderSyncs::kDone) {
    return MakeError(ErrorCode::kIo, "{}:{}: the server could not sync the folder", place_.host(), PathOf(relative));
  }
  folder_syncs_ = FolderSyncs::kRefused;
  return {};
}

Error SftpStore::Explained(RemoteFiles& files, Error error, uint64_t size, const std::string& folder) {
  if (error.transient() || error.code() != ErrorCode::kIo) return error;
  const auto space = files.FreeSpace(folder.empty() ? place_.path() : folder);
  if (!space) return error;
  if (space->is_read_only) return MakeError(ErrorCode::kPermission, "{}: its disk is read-only", error.message());
  if (space->free_files == 0 || space->free_bytes < size + kSpaceOfAFile) {
    return MakeError(ErrorCode::kNoSpace, "{}: its disk is full: {} bytes and {} files are free", error.message(),
                     space->free_bytes, space->free_files);
  }
  return MakeError(ErrorCode::kIo, "{}: its disk has {} bytes free (is there a quota, or does the disk fail?)",
                   error.message(), space->free_bytes);
}

Result<void> SftpStore::PutBy(RemoteFiles& files, const ObjectName& name, ByteSpan bytes,
                              const std::function<Result<void>(const std::string& temporary)>& place) {
  if (IsOutside(name.text())) {
    return MakeError(ErrorCode::kInvalidArgument, "{}/ is for temporary files", kTemporary);
  }
  const std::string folder = FolderOf(name.text());
  // To make a folder takes four ways to the server and back: a large object is written meanwhile.
  const bool at_once = TrafficOf(bytes.size()) == sftp::Traffic::kMany && !folder.empty() && !IsKnown(folder);
  std::vector<std::string> needed = {std::string(kTemporary)};
  if (!at_once) needed.insert(needed.begin(), folder);
  RETURN_IF_ERROR(NotAlreadyThere(EnsureFolders(files, needed)));
  const std::string temporary = NewTemporary();
  const auto make_folder = [&]() -> Result<void> {
    if (!at_once) return {};
    ASSIGN_OR_RETURN(RemoteFiles others, Files());
    return NotAlreadyThere(EnsureFolder(others, folder));
  };
  auto [put, made] = RunBoth(at_once, [&] { return files.WriteNew(temporary, bytes); }, make_folder);
  if (!put) put = Explained(files, std::move(put).error(), bytes.size());
  if (!made) put = std::move(made);
  if (put) put = place(temporary);
  if (put) return {};
  files.RemoveLater(temporary);
  if (!IsNotFound(put)) return put;
  // Each folder on the way was there.
  RETURN_IF_ERROR(CheckRoot(files));
  return MakeError(ErrorCode::kIo, "a folder that was there is gone (is its disk still mounted?): {}",
                   put.error().message());
}

Result<void> SftpStore::Replace(RemoteFiles& files, const ObjectName& name, const std::string& temporary) {
  const std::string path = PathOf(name.text());
  return ChangeAndSync(files, FolderOf(name.text()), [&]() -> Result<void> {
    const bool replaces = files.Offers("posix-rename@openssh.com");
    auto renamed = replaces ? files.Replace(temporary, path) : files.Rename(temporary, path);
    if (renamed || renamed.error().transient() || IsNotFound(renamed)) return renamed;
    if (!replaces && files.Stat(path)) {
      return MakeError(ErrorCode::kUnsupported,
                       "{}:{} is there, and this server cannot replace a file in one step (it lacks "
                       "posix-rename@openssh.com, which OpenSSH has)",
                       place_.host(), path);
    }
    return Explained(files, std::move(renamed).error(), 0);
  });
}

Result<void> SftpStore::Put(const ObjectName& name, ByteSpan bytes) {
  const std::string context = "putting " + name.text();
  auto files = Files(TrafficOf(bytes.size()));
  if (!files) return std::move(files).While(context).error();
  auto put = PutBy(*files, name, bytes, [&](const std::string& path) { return Replace(*files, name, path); });
  if (put && FolderOf(name.text()) == kConfig) is_repository_ = true;
  return std::move(put).While(context);
}

Result<bool> SftpStore::Fill(RemoteFiles& files, const ObjectName& name, const std::string& temporary) {
  const std::string path = PathOf(name.text());
  const bool links = files.Offers("hardlink@openssh.com");
  if (!links && plain_rename_ != PlainRename::kRefusesFilled) RETURN_IF_ERROR(ProbeRename(files));
  bool is_filled = false;
  RETURN_IF_ERROR(ChangeAndSync(files, FolderOf(name.text()), [&]() -> Result<void> {
    auto filled = links ? files.LinkAndRemove(temporary, path) : files.Rename(temporary, path);
    if (filled || filled.error().transient() || IsNotFound(filled)) return filled;
    // Most servers have one word for all that goes wrong.
    auto there = files.Stat(path);
    if (there) {
      is_filled = true;
      if (!links) files.RemoveLater(temporary);
      return {};
    }
    if (!IsNotFound(there)) return std::move(there).error();
    if (links) RETURN_IF_ERROR(ProbeLink(files));
    return Explained(files, std::move(filled).error(), 0);
  }));
  return !is_filled;
}

Result<bool> SftpStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  const std::string context = "putting " + name.text();
  auto files = Files();
  if (!files) return std::move(files).While(context).error();
  bool won = false;
  auto put = PutBy(*files, name, bytes, [&](const std::string& temporary) -> Result<void> {
    ASSIGN_OR_RETURN(won, Fill(*files, name, temporary));
    return {};
  });
  RETURN_IF_ERROR(std::move(put).While(context));
  return won;
}

Result<void> SftpStore::ProbeFill(RemoteFiles& files) {
  return files.Offers("hardlink@openssh.com") ? ProbeLink(files) : ProbeRename(files);
}

Result<void> SftpStore::ProbeLink(RemoteFiles& files) {
  const std::string first = NewTemporary();
  const std::string second = NewTemporary();
  auto written = files.WriteNew(first, {});
  if (!written) return Explained(files, std::move(written).error(), 0);
  auto linked = files.Link(first, second);
  auto again = linked ? files.Link(first, second) : Result<void>();
  files.RemoveLater(first);
  files.RemoveLater(second);
  if (linked && !again) return {};
  if (!linked && linked.error().transient()) return linked;
  return MakeError(ErrorCode::kUnsupported,
                   "{}: a name cannot be filled by one writer only, for its disk has no hard links (as FAT and some "
                   "network file systems): use a folder on another disk",
                   linked ? place_.Text() : linked.error().message());
}

Result<void> SftpStore::ProbeRename(RemoteFiles& files) {
  const std::string first = NewTemporary();
  const std::string second = NewTemporary();
  Result<void> renamed;
  for (const std::string& path : {first, second}) {
    auto written = files.WriteNew(path, {});
    if (!written) return Explained(files, std::move(written).error(), 0);
  }
  renamed = files.Rename(first, second);
  files.RemoveLater(first);
  files.RemoveLater(second);
  if (!renamed && renamed.error().transient()) return renamed;
  plain_rename_ = renamed ? PlainRename::kReplaces : PlainRename::kRefusesFilled;
  if (!renamed) return {};
  return MakeError(
      ErrorCode::kUnsupported,
      "{}: a name cannot be filled by one writer only, for this server lacks hardlink@openssh.com, and its "
      "rename replaces: OpenSSH's server can do it",
      place_.Text());
}

Result<Bytes> SftpStore::Get(const ObjectName& name, uint64_t size_max) {
  ASSIGN_OR_RETURN(RemoteFiles files, Files(IsPack(name) ? sftp::Traffic::kMany : sftp::Traffic::kFew));
  return Missing(files, files.ReadAll(PathOf(name.text()), size_max));
}

Result<Bytes> SftpStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  ASSIGN_OR_RETURN(RemoteFiles files, Files(TrafficOf(size)));
  return Missing(files, files.ReadRange(PathOf(name.text()), offset, size));
}

Result<ObjectInfo> SftpStore::Stat(const ObjectName& name) {
  ASSIGN_OR_RETURN(RemoteFiles files, Files());
  ASSIGN_OR_RETURN(const sftp::RemoteInfo info, Missing(files, files.Stat(PathOf(name.text()))));
  if (info.is_folder || info.is_other) {
    return Corrupt("{}:{} is no regular file", place_.host(), PathOf(name.text()));
  }
  return ObjectInfo{name, info.size, info.modified};
}

Result<void> SftpStore::Remove(const ObjectName& name) {
  ASSIGN_OR_RETURN(RemoteFiles files, Files());
  // Where it was gone already, too: who has removed it may not yet have synced.
  auto removed = ChangeAndSync(files, FolderOf(name.text()), [&]() -> Result<void> {
    auto gone = files.Remove(PathOf(name.text()));
    if (IsNotFound(gone)) return CheckRoot(files);
    return gone ? Result<void>() : Explained(files, std::move(gone).error(), 0);
  });
  return std::move(removed).While("removing " + name.text());
}

Result<void> SftpStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  CHECK(prefix.empty() || prefix.ends_with('/'));
  if (!prefix.empty()) prefix.remove_suffix(1);
  if (IsOutside(prefix)) return {};
  ASSIGN_OR_RETURN(RemoteFiles files, Files());
  const std::string folder(prefix);
  std::vector<Result<sftp::RemoteInfo>> root;
  auto listed = files.List({PathOf(folder)}, RootPaths(), &root);
  // A root that is gone (a disk that was taken out) must not look like an empty repository.
  if (!root.empty()) RETURN_IF_ERROR(JudgeRoot(root));
  if (!listed && !listed.error().transient() && !folder.empty()) {
    const auto info = files.Stat(PathOf(folder));
    if (info && !info->is_folder) return {};
  }
  RETURN_IF_ERROR(listed);
  if (listed->front().is_missing) return {};
  return GiveListed(files, {folder}, *std::move(listed), each, stranger);
}

Result<void> SftpStore::ListFolders(RemoteFiles& files, const std::vector<std::string>& folders, const Each& each,
                                    const Stranger& stranger) {
  for (size_t begin = 0; begin < folders.size(); begin += kFoldersAtOnce) {
    const auto first = folders.begin() + static_cast<ptrdiff_t>(begin);
    const std::vector<std::string> some(
        first, first + static_cast<ptrdiff_t>(std::min(kFoldersAtOnce, folders.size() - begin)));
    std::vector<std::string> paths;
    for (const std::string& folder : some) paths.push_back(PathOf(folder));
    ASSIGN_OR_RETURN(auto listed, files.List(paths));
    RETURN_IF_ERROR(GiveListed(files, some, std::move(listed), each, stranger));
  }
  return {};
}

// And what is in the folders that were listed.
Result<void> SftpStore::GiveListed(RemoteFiles& files, const std::vector<std::string>& folders,
                                   std::vector<sftp::RemoteFolder> listed, const Each& each, const Stranger& stranger) {
  std::vector<std::string> below;
  for (size_t i = 0; i < folders.size(); ++i) {
    const std::string& folder = folders[i];
    if (listed[i].is_missing) RETURN_IF_ERROR(CheckRoot(files));  // gone since
    for (const sftp::RemoteInfo& info : listed[i].entries) {
      if (folder.empty() && IsOutside(info.name)) continue;
      const std::string name = folder.empty() ? info.name : folder + "/" + info.name;
      const auto parsed = ObjectName::Parse(name);  // this also ends a circle of links
      if (parsed && info.is_folder) {
        below.push_back(name);
      } else if (parsed && !info.is_other) {
        RETURN_IF_ERROR(each({*parsed, info.size, info.modified}));
      } else if (stranger) {
        RETURN_IF_ERROR(stranger(info.is_folder ? name + "/" : name));
      }
    }
    listed[i].entries = {};
  }
  return ListFolders(files, below, each, stranger);
}

Result<void> SftpStore::CleanTemporary() {
  ASSIGN_OR_RETURN(RemoteFiles files, Files());
  RETURN_IF_ERROR(EnsureFolder(files, std::string(kTemporary)));
  // A new file tells what time it is on the machine whose disk this is.
  const std::string probe = NewTemporary();
  RETURN_IF_ERROR(files.WriteNew(probe, {}));
  const auto probe_info = files.Stat(probe);
  files.RemoveLater(probe);
  RETURN_IF_ERROR(probe_info);
  const std::string folder = PathOf(std::string(kTemporary));
  ASSIGN_OR_RETURN(const auto listed, files.List({folder}));
  for (const sftp::RemoteInfo& info : listed[0].entries) {
    if (info.is_folder || probe_info->modified - info.modified <= kDayNs) continue;
    IgnoreError(files.Remove(folder + "/" + info.name), "left for the next time");
  }
  return {};
}

}  // namespace cairn
