#include "engine/store/local_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "engine/store/compact_listing.h"
#include "repo-format/base/check.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr std::string_view kTemporary = "tmp";
constexpr std::string_view kLostAndFound = "lost+found";  // made by some file systems in their root
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

std::string FolderOf(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

std::string WithoutSlashAtEnd(std::string root) {
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  return root;
}

bool IsOutside(std::string_view relative) {
  const std::string_view first = relative.substr(0, relative.find('/'));
  return first == kTemporary || first == kLostAndFound;
}

Result<void> CheckFits(const ObjectName& name, uint64_t size, uint64_t size_max) {
  if (size <= size_max) return {};
  return Corrupt("{} has {} bytes, at most {} are allowed", name.text(), size, size_max);
}

}  // namespace

Result<std::unique_ptr<LocalStore>> LocalStore::Open(FileSystem& files, const Random& random, const std::string& root) {
  std::unique_ptr<LocalStore> store(new LocalStore(files, random, WithoutSlashAtEnd(root)));
  RETURN_IF_ERROR(store->CheckRoot());
  return store;
}

Result<std::unique_ptr<LocalStore>> LocalStore::Create(FileSystem& files, const Random& random,
                                                       const std::string& root) {
  if (root.empty()) return MakeError(ErrorCode::kInvalidArgument, "the path of a new repository is empty");
  std::unique_ptr<LocalStore> store(new LocalStore(files, random, WithoutSlashAtEnd(root)));
  RETURN_IF_ERROR(MakeFolders(files, store->root_).While("making a repository"));
  RETURN_IF_ERROR(store->CheckRoot());
  if (files.Stat(store->PathOf(ConfigName(1).text()))) return store;  // a repository: what it holds is its own business
  std::string foreign;
  RETURN_IF_ERROR(files.List(store->root_, [&](const FileInfo& info) {
    // What an interrupted creation leaves.
    const bool ours = info.is_folder && (info.name == "keys" || info.name == "config");
    if (!ours && !IsOutside(info.name)) foreign = info.name;
  }));
  if (foreign.empty()) {
    RETURN_IF_ERROR(store->ProbeRenameNew());
    return store;
  }
  return MakeError(ErrorCode::kAlreadyExists, "{} holds {} and is no repository: give an empty or a new folder",
                   store->root_, foreign);
}

Result<void> LocalStore::ProbeRenameNew() {
  const auto refuse = [&](std::string_view what) {
    return MakeError(
        ErrorCode::kUnsupported,
        "{}: its file system {}: two backups at once could take each other's place, and cairn does not use "
        "it (mounted another way, by NFS or sshfs for example, the same disk may do)",
        root_, what);
  };
  ASSIGN_OR_RETURN(const std::string first, WriteTemporary(Writing(AsBytes("first"))));
  const std::string target = first + "-named";
  auto named = files_.RenameNew(first, target);
  if (!named) {
    IgnoreError(files_.Remove(first), "CleanTemporary finds it");
    constexpr std::array kNoSuchCall = {EPERM, EINVAL, ENOSYS, EOPNOTSUPP};
    const int why = named.error().system_errno();
    if (std::ranges::find(kNoSuchCall, why) == kNoSuchCall.end()) return named;
    return refuse("can neither rename a file onto a free name only nor link it (" + named.error().message() + ")");
  }
  ASSIGN_OR_RETURN(const std::string second, WriteTemporary(Writing(AsBytes("second"))));
  const auto again = files_.RenameNew(second, target);
  const auto there = files_.ReadFile(target);
  for (const std::string& path : {second, target}) IgnoreError(files_.Remove(path), "CleanTemporary finds it");
  RETURN_IF_ERROR(there);
  const bool is_kept = !again && AsText(*there) == "first";
  if (is_kept && again.error().code() == ErrorCode::kAlreadyExists) return {};
  if (is_kept) return again;
  return refuse("renames a file over another though it is told not to");
}

Result<void> LocalStore::CheckRoot() {
  const auto info = files_.Stat(root_);
  const std::lock_guard lock(mutex_);
  if (!info && info.error().code() == ErrorCode::kNotFound) {
    if (root_identity_) return MakeError(ErrorCode::kIo, "{}: the folder of the repository is gone", root_);
    return MakeError(ErrorCode::kNotFound, "there is no repository at {}: the folder is missing", root_);
  }
  RETURN_IF_ERROR(info);
  if (!info->is_folder) return MakeError(ErrorCode::kInvalidArgument, "{} is a file, expected a folder", root_);
  if (!root_identity_) root_identity_ = info->identity;
  if (*root_identity_ == info->identity) return {};
  return MakeError(ErrorCode::kIo, "{}: another folder took the place of the repository's (is its disk still mounted?)",
                   root_);
}

std::string LocalStore::PathOf(const std::string& relative) const {
  if (relative.empty()) return root_;
  return root_ == "/" ? root_ + relative : root_ + "/" + relative;
}

Result<void> LocalStore::EnsureFolder(const std::string& relative) {
  if (relative.empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (known_folders_.contains(relative)) return {};
  }
  const std::string parent = FolderOf(relative);
  RETURN_IF_ERROR(EnsureFolder(parent));
  RETURN_IF_ERROR(files_.MakeFolder(PathOf(relative)));
  RETURN_IF_ERROR(files_.SyncFolder(PathOf(parent)));
  const std::lock_guard lock(mutex_);
  known_folders_.insert(relative);
  return {};
}

void LocalStore::ForgetFolders() {
  const std::lock_guard lock(mutex_);
  known_folders_.clear();
}

Result<std::string> LocalStore::NewTemporaryPath() {
  RETURN_IF_ERROR(CheckRoot());
  RETURN_IF_ERROR(EnsureFolder(std::string(kTemporary)));
  return PathOf(fmt::format("{}/{}", kTemporary, random_.NewId<ObjectId>().ToHex()));
}

Result<std::string> LocalStore::WriteTemporary(const WriteTo& write) {
  ASSIGN_OR_RETURN(std::string path, NewTemporaryPath());
  RETURN_IF_ERROR(write(path));
  return path;
}

LocalStore::WriteTo LocalStore::Writing(ByteSpan bytes) {
  return [this, bytes](const std::string& temporary) { return files_.WriteNewFile(temporary, bytes); };
}

LocalStore::Rename LocalStore::Replacing(const ObjectName& name) {
  return [this, name](const std::string& temporary) -> Result<void> {
    RETURN_IF_ERROR(files_.Rename(temporary, PathOf(name.text())));
    return SyncFolderOf(name);
  };
}

Result<void> LocalStore::SyncFolderOf(const ObjectName& name) {
  return files_.SyncFolder(PathOf(FolderOf(name.text())));
}

Result<void> LocalStore::TryPutBy(const ObjectName& name, const WriteTo& write, const Rename& rename) {
  RETURN_IF_ERROR(CheckRoot());
  auto made = EnsureFolder(FolderOf(name.text()));
  if (!made && made.error().code() == ErrorCode::kAlreadyExists) {  // elsewhere that code says that the object is there
    return MakeError(ErrorCode::kIo, "{}", made.error().message());
  }
  RETURN_IF_ERROR(std::move(made));
  ASSIGN_OR_RETURN(const std::string temporary, WriteTemporary(write));
  auto renamed = rename(temporary);
  if (!renamed) IgnoreError(files_.Remove(temporary), "the first error is the one to tell");
  return renamed;
}

Result<void> LocalStore::PutBy(const ObjectName& name, const WriteTo& write, const Rename& rename) {
  if (IsOutside(name.text())) {
    return MakeError(ErrorCode::kInvalidArgument, "putting {}: {}/ is for temporary files", name.text(), kTemporary);
  }
  auto put = TryPutBy(name, write, rename);
  if (!put && put.error().code() == ErrorCode::kNotFound) {
    ForgetFolders();
    put = TryPutBy(name, write, rename);
  }
  return std::move(put).While("putting " + name.text());
}

Result<void> LocalStore::Put(const ObjectName& name, ByteSpan bytes) {
  return PutBy(name, Writing(bytes), Replacing(name));
}

class LocalStore::Draft final : public ObjectDraft {
 public:
  Draft(LocalStore& store, std::unique_ptr<NamelessFile> file) : store_(store), file_(std::move(file)) {}

  Result<void> Append(ByteSpan bytes) override {
    size_ += bytes.size();
    return file_->Append(bytes);
  }

  Result<void> WriteStart(ByteSpan bytes) override {
    CHECK(bytes.size() <= size_);
    return file_->WriteStart(bytes);
  }

  Result<void> ForEachPiece(const Piece& each) override {
    Bytes room(std::min(size_, kPieceBytes));
    for (uint64_t offset = 0; offset < size_; offset += kPieceBytes) {
      const MutableByteSpan piece = MutableByteSpan(room).first(std::min(kPieceBytes, size_ - offset));
      RETURN_IF_ERROR(file_->Read(offset, piece));
      RETURN_IF_ERROR(each(piece));
    }
    return {};
  }

  Result<ByteSpan> Whole(Bytes& room) override {
    room.resize(size_);
    RETURN_IF_ERROR(file_->Read(0, room));
    return ByteSpan(room);
  }

  Result<void> Put(const ObjectName& name) override {
    const auto write = [&](const std::string& temporary) { return MakeNamed(temporary); };
    return store_.PutBy(name, write, store_.Replacing(name));
  }

 private:
  static constexpr uint64_t kPieceBytes = 256 * kKiB;

  Result<void> MakeNamed(const std::string& temporary) {
    const auto named = file_->GiveName(temporary);
    if (!named) return WriteAgain(temporary, named.error());
    was_named_ = true;
    auto synced = file_->Sync();
    if (!synced) IgnoreError(store_.files_.Remove(temporary), "the first error is the one to tell");
    return synced;
  }

  // It had a name, in a folder that somebody has removed since, or there is no way to name it here (no /proc).
  Result<void> WriteAgain(const std::string& temporary, const Error& why) {
    if (!was_named_) {
      const bool may_be_known = why.code() == ErrorCode::kNotFound;
      if (may_be_known) RETURN_IF_ERROR(store_.files_.Stat(store_.PathOf(std::string(kTemporary))));
      store_.can_name_drafts_ = false;
    }
    // Only a sync tells that bytes did not get on to the disk: then what is read need not be what was written.
    RETURN_IF_ERROR(file_->Sync());
    Bytes room;
    ASSIGN_OR_RETURN(const ByteSpan whole, Whole(room));
    return store_.files_.WriteNewFile(temporary, whole);
  }

  LocalStore& store_;
  const std::unique_ptr<NamelessFile> file_;
  uint64_t size_ = 0;
  bool was_named_ = false;
};

Result<std::unique_ptr<NamelessFile>> LocalStore::NewTemporaryNameless() {
  const std::string folder(kTemporary);
  RETURN_IF_ERROR(CheckRoot());
  RETURN_IF_ERROR(EnsureFolder(folder));
  return files_.NewNamelessFile(PathOf(folder));
}

Result<std::unique_ptr<ObjectDraft>> LocalStore::NewDraft(uint64_t bytes_expected) {
  if (!can_name_drafts_) return ObjectStore::NewDraft(bytes_expected);
  auto file = NewTemporaryNameless();
  if (!file && file.error().code() == ErrorCode::kNotFound) {  // somebody has removed the folder that we know
    ForgetFolders();
    file = NewTemporaryNameless();
  }
  if (file) return std::unique_ptr<ObjectDraft>(std::make_unique<Draft>(*this, *std::move(file)));
  const ErrorCode code = file.error().code();
  if (code == ErrorCode::kUnsupported) return ObjectStore::NewDraft(bytes_expected);
  // Elsewhere these codes say that an object is lost, or that it is there.
  if (code != ErrorCode::kNotFound && code != ErrorCode::kAlreadyExists) return std::move(file).error();
  return MakeError(ErrorCode::kIo, "making a draft: {}", file.error().message());
}

Result<bool> LocalStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  bool won = true;
  RETURN_IF_ERROR(PutBy(name, Writing(bytes), [&](const std::string& temporary) -> Result<void> {
    auto renamed = files_.RenameNew(temporary, PathOf(name.text()));
    if (!renamed && renamed.error().code() == ErrorCode::kAlreadyExists) {
      won = false;
      IgnoreError(files_.Remove(temporary), "CleanTemporary finds it");
      renamed = {};
    }
    RETURN_IF_ERROR(std::move(renamed));
    return SyncFolderOf(name);  // for the loser too: what it is told is so must not be undone by a crash
  }));
  return won;
}

Result<Bytes> LocalStore::Get(const ObjectName& name, uint64_t size_max) {
  Bytes bytes;
  RETURN_IF_ERROR(GetInto(name, size_max, bytes));
  return bytes;
}

Result<void> LocalStore::GetInto(const ObjectName& name, uint64_t size_max, Bytes& bytes) {
  bytes.clear();
  ASSIGN_OR_RETURN(const ObjectInfo info, Stat(name));
  RETURN_IF_ERROR(CheckFits(name, info.size, size_max));
  RETURN_IF_ERROR(Missing(LookFor([&] { return files_.ReadFileInto(PathOf(name.text()), bytes); })));
  auto fits = CheckFits(name, bytes.size(), size_max);  // it may have been replaced since
  if (!fits) bytes.clear();
  return fits;
}

Result<Bytes> LocalStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return Missing(LookFor([&] { return files_.ReadRange(PathOf(name.text()), offset, size); }));
}

Result<void> LocalStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  CHECK(prefix.empty() || prefix.ends_with('/'));
  if (!prefix.empty()) prefix.remove_suffix(1);
  if (IsOutside(prefix)) return {};
  // A root that is gone (a disk that was taken out) must not look like an empty repository.
  RETURN_IF_ERROR(CheckRoot());
  return ListFolder(std::string(prefix), each, stranger);
}

Result<void> LocalStore::ListFolder(const std::string& relative, const Each& each, const Stranger& stranger) {
  CompactListing objects;
  std::vector<std::string> folders, strangers;
  auto listed = files_.List(PathOf(relative), [&](const FileInfo& info) {
    if (relative.empty() && IsOutside(info.name)) return;
    std::string name = relative.empty() ? info.name : relative + "/" + info.name;
    auto parsed = ObjectName::Parse(name);  // this also ends a circle of links
    if (!parsed || info.is_other) {
      strangers.push_back(info.is_folder ? name + "/" : std::move(name));
    } else if (info.is_folder) {
      folders.push_back(std::move(name));
    } else {
      objects.Add({*std::move(parsed), info.size, info.modified});
    }
  });
  if (!listed && listed.error().code() == ErrorCode::kNotFound) return CheckRoot();  // never there, or gone since
  RETURN_IF_ERROR(std::move(listed));
  RETURN_IF_ERROR(objects.ForEach(each));
  for (const std::string& name : strangers) {
    if (stranger) RETURN_IF_ERROR(stranger(name));
  }
  objects.Clear();
  for (const std::string& name : folders) RETURN_IF_ERROR(ListFolder(name, each, stranger));
  return {};
}

Result<void> LocalStore::Remove(const ObjectName& name) {
  auto removed = Missing(files_.Remove(PathOf(name.text())));
  if (!removed && removed.error().code() != ErrorCode::kNotFound) return removed;
  // Where it was gone already, too: who has removed it may not yet have synced.
  auto synced = SyncFolderOf(name);
  if (!synced && synced.error().code() == ErrorCode::kNotFound) return {};  // nor is there a folder
  return std::move(synced).While("removing " + name.text());
}

Result<ObjectInfo> LocalStore::Stat(const ObjectName& name) {
  ASSIGN_OR_RETURN(const FileInfo info, Missing(LookFor([&] { return files_.Stat(PathOf(name.text())); })));
  if (info.is_folder || info.is_other) return Corrupt("{} is no regular file", PathOf(name.text()));
  return ObjectInfo{name, info.size, info.modified};
}

Result<void> LocalStore::CleanTemporary() {
  // A new file tells what time it is on the machine whose disk this is.
  ASSIGN_OR_RETURN(const std::string probe, WriteTemporary(Writing({})));
  const auto probe_info = files_.Stat(probe);
  IgnoreError(files_.Remove(probe), "it is removed in a day");
  RETURN_IF_ERROR(probe_info);
  std::vector<std::string> stale;
  const std::string folder = PathOf(std::string(kTemporary));
  RETURN_IF_ERROR(files_.List(folder, [&](const FileInfo& info) {
    if (!info.is_folder && probe_info->modified - info.modified > kDayNs) stale.push_back(info.name);
  }));
  for (const std::string& name : stale) IgnoreError(files_.Remove(folder + "/" + name), "left for the next time");
  return {};
}

}  // namespace cairn
