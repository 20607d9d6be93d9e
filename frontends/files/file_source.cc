#include "frontends/files/file_source.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "frontends/files/folder_names.h"
#include "frontends/files/folder_place.h"
#include "frontends/files/local_file.h"
#include "frontends/files/metadata_reader.h"
#include "frontends/files/owner_names.h"
#include "frontends/files/path_plan.h"
#include "repo-format/files_parameters.h"
#include "repo-format/ids.h"

namespace cairn {

using files::Descriptor;
using files::FileId;
using files::FolderName;
using files::FolderPlace;
using files::PathPlan;

namespace {

std::optional<NodeType> TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return NodeType::kFile;
    case S_IFDIR:
      return NodeType::kFolder;
    case S_IFLNK:
      return NodeType::kSymlink;
    case S_IFCHR:
      return NodeType::kCharDevice;
    case S_IFBLK:
      return NodeType::kBlockDevice;
    case S_IFIFO:
      return NodeType::kFifo;
    case S_IFSOCK:
      return NodeType::kSocket;
    default:
      return std::nullopt;
  }
}

SourceEntry EntryOf(const Bytes& name, NodeType type, const struct stat& status) {
  SourceEntry entry;
  entry.name = name;
  entry.type = type;
  entry.mode = status.st_mode & 07777;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.modified = files::TimeOf(status.st_mtim);
  if (type == NodeType::kFile) entry.size = static_cast<uint64_t>(status.st_size);
  entry.device = {major(status.st_rdev), minor(status.st_rdev)};
  entry.mark = files::MarkOf(status);
  entry.inode = status.st_ino;
  entry.linked = type != NodeType::kFolder && status.st_nlink > 1;
  return entry;
}

// Folders of `root` that cairn made there, and nothing else that somebody keeps in it. By the name alone one of the
// user's might be taken for one: digests have such names too.
std::vector<FileId> CachesIn(const std::string& root) {
  std::vector<FileId> caches;
  std::error_code error;
  for (std::filesystem::directory_iterator one(root, error), end; !error && one != end; one.increment(error)) {
    struct stat status{};
    if (!RepositoryId::Parse(one->path().filename().string())) continue;
    if (::stat((one->path() / "running").c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    if (::stat(one->path().c_str(), &status) == 0) caches.push_back(files::IdOf(status));
  }
  return caches;
}

}  // namespace

struct FileSource::Shared {
  explicit Shared(FileSourceOptions options_in) : options(std::move(options_in)), pool(options.open_folders_max) {}

  void Tell(Finding::Severity severity, ErrorCode code, const TreePath& path, std::string detail) const {
    if (findings) findings({severity, code, "/" + PathForPeople(path), std::move(detail)});
  }

  // kNotFound: none of the given paths is there.
  Result<void> NeedPaths() const {
    const auto is_there = [](const std::string& path) {
      struct stat status{};
      return ::lstat(path.c_str(), &status) == 0 || errno != ENOENT;
    };
    if (std::ranges::any_of(paths, is_there)) return {};
    return MakeError(ErrorCode::kNotFound, "{}: there is no such file or folder{}",
                     PathForPeople(AsBytes(paths.front())),
                     paths.size() > 1 ? ", nor any other of the given paths" : "");
  }

  Result<void> FindRepository(const std::string& folder);

  const FileSourceOptions options;
  std::vector<std::string> paths;  // resolved, ascending
  PathPlan plan;
  std::vector<FileId> repositories;
  // Set when the root is opened.
  std::vector<FileId> caches;
  FindingSink findings;
  files::OwnerNames names;
  files::DescriptorPool pool;
};

// Refuses a given path that is the repository or in it: to leave it out would drop what the user asked for by name.
Result<void> FileSource::Shared::FindRepository(const std::string& folder) {
  struct stat status{};
  if (folder.empty() || ::stat(folder.c_str(), &status) != 0) return {};
  const FileId repository = files::IdOf(status);
  repositories.push_back(repository);
  for (const std::string& path : paths) {
    for (std::string above = path; !above.empty(); above.resize(above.rfind('/'))) {
      if (::lstat(above.c_str(), &status) != 0 || files::IdOf(status) != repository) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "{} {} the repository {}, which is not backed up into itself: give other paths",
                       PathForPeople(AsBytes(path)), above == path ? "is" : "is in", PathForPeople(AsBytes(folder)));
    }
  }
  return {};
}

class FileSource::Folder : public SourceFolder {
 public:
  // What a folder hands down to those in it.
  struct Scope {
    const PathPlan* plan = nullptr;  // nothing: no given path is at or below it
    bool is_whole = false;           // it is a given path, or in one
    bool is_foreign = false;         // of another file system: it is kept, and what is in it is not
    size_t base_length = 0;          // of the path of the given path that it is in
    dev_t device = 0;                // of that
    std::shared_ptr<const TreePath> mount_path;
  };

  Folder(std::shared_ptr<Shared> shared, std::shared_ptr<FolderPlace> place, Scope scope)
      : shared_(std::move(shared)), place_(std::move(place)), scope_(std::move(scope)) {}

  Result<std::vector<SourceEntry>> List() override;
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override;
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override;
  Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override;

 private:
  Result<std::vector<FolderName>> Names(int folder);
  bool IsMarked(int folder, const std::vector<FolderName>& names, const Bytes& name) const;
  bool IsCache(const FileId& id) const { return std::ranges::find(shared_->caches, id) != shared_->caches.end(); }
  std::optional<SourceEntry> Look(int folder, const TreePath& path, const FolderName& name) const;
  bool IsExcluded(const TreePath& path, bool is_folder) const;
  const PathPlan* PlanOf(const Bytes& name) const;

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<FolderPlace> place_;
  const Scope scope_;
  bool is_marked_ = false;  // as the last List saw it
};

const PathPlan* FileSource::Folder::PlanOf(const Bytes& name) const {
  if (scope_.plan == nullptr) return nullptr;
  const auto found = scope_.plan->below.find(name);
  return found == scope_.plan->below.end() ? nullptr : found->second.get();
}

Result<std::vector<SourceEntry>> FileSource::Folder::List() {
  std::vector<SourceEntry> entries;
  if (scope_.is_foreign) return entries;
  ASSIGN_OR_RETURN(const auto folder, place_->Use());
  ASSIGN_OR_RETURN(const auto names, Names(folder->get()));
  const TreePath path = place_->Path();
  entries.reserve(names.size());
  for (const FolderName& name : names) {
    if (auto entry = Look(folder->get(), path, name)) entries.push_back(*std::move(entry));
  }
  std::ranges::sort(entries, [](const SourceEntry& a, const SourceEntry& b) { return a.name < b.name; });
  return entries;
}

// The names to look at, in the order in which that is quickest.
Result<std::vector<FolderName>> FileSource::Folder::Names(int folder) {
  std::vector<FolderName> names;
  is_marked_ = false;
  if (!scope_.is_whole && scope_.plan == nullptr) return names;
  if (!scope_.is_whole) {
    for (const auto& [name, plan] : scope_.plan->below) names.push_back({name});
    return names;
  }
  ASSIGN_OR_RETURN(names, files::ReadFolderNames(folder));
  const bool is_given = scope_.plan != nullptr && scope_.plan->is_given;
  std::vector<Bytes> markers;
  if (!is_given) {
    for (const std::string& name : shared_->options.exclude_if_present) markers.push_back(ToBytes(AsBytes(name)));
    if (shared_->options.exclude_caches) markers.push_back(ToBytes(AsBytes(files::kCacheTagName)));
  }
  std::erase_if(markers, [&](const Bytes& name) { return !IsMarked(folder, names, name); });
  is_marked_ = !markers.empty();
  if (is_marked_) {
    std::erase_if(names, [&](const FolderName& name) {
      return PlanOf(name.name) == nullptr && std::ranges::find(markers, name.name) == markers.end();
    });
  }
  std::ranges::sort(names, {}, &FolderName::inode);  // as they lie on the disk, more or less
  return names;
}

bool FileSource::Folder::IsMarked(int folder, const std::vector<FolderName>& names, const Bytes& name) const {
  if (std::ranges::find(names, name, &FolderName::name) == names.end()) return false;
  if (std::ranges::find(shared_->options.exclude_if_present, AsText(name)) !=
      shared_->options.exclude_if_present.end()) {
    return true;
  }
  return files::IsCacheTag(folder);
}

// Nothing where the entry is left out, which is told where the user did not ask for it.
std::optional<SourceEntry> FileSource::Folder::Look(int folder, const TreePath& path, const FolderName& name) const {
  const TreePath full = JoinPath(path, name.name);
  const PathPlan* plan = PlanOf(name.name);
  // Before it is looked at, where its type is known: what is left out may be what cannot be looked at.
  if (plan == nullptr && name.type && IsExcluded(full, *name.type == NodeType::kFolder)) {
    return std::nullopt;
  }
  struct stat status{};
  const std::string text = ToString(name.name);
  if (::fstatat(folder, text.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    const Error error = ErrnoError(errno, "looking at it");
    shared_->Tell(Finding::Severity::kWarning, error.code(), full, error.message());
    return std::nullopt;
  }
  const auto type = TypeOf(status.st_mode);
  if (!type || !IsNodeName(name.name)) {
    shared_->Tell(Finding::Severity::kWarning, ErrorCode::kUnsupported, full,
                  "its type or name is none that can be kept");
    return std::nullopt;
  }
  SourceEntry entry = EntryOf(name.name, *type, status);
  if (plan == nullptr && !name.type && IsExcluded(full, *type == NodeType::kFolder)) return std::nullopt;
  if (plan == nullptr && *type == NodeType::kFile &&
      entry.size > shared_->options.exclude_larger_than.value_or(UINT64_MAX)) {
    return std::nullopt;
  }
  if (*type == NodeType::kSocket) {
    shared_->Tell(Finding::Severity::kNote, ErrorCode::kUnsupported, full, "sockets are not kept");
    return std::nullopt;
  }
  if (*type == NodeType::kFolder) {
    const FileId id = files::IdOf(status);
    if (std::ranges::find(shared_->repositories, id) != shared_->repositories.end()) {
      shared_->Tell(Finding::Severity::kNote, ErrorCode::kUnsupported, full,
                    "it is the repository itself, and left out");
      return std::nullopt;
    }
    if (plan == nullptr && IsCache(id)) return std::nullopt;
  }
  if (entry.linked) entry.mount_path = status.st_dev == place_->id().device ? *scope_.mount_path : full;
  return entry;
}

bool FileSource::Folder::IsExcluded(const TreePath& path, bool is_folder) const {
  return shared_->options.excludes.Excludes(path, scope_.base_length, is_folder);
}

Result<std::shared_ptr<SourceFolder>> FileSource::Folder::OpenFolder(const SourceEntry& entry) {
  ASSIGN_OR_RETURN(auto place, FolderPlace::Open(place_, entry.name));
  // Another device: something was mounted on it by our coming.
  const bool is_mount = place->id().device != place_->id().device;
  if (place->id().inode != entry.inode && !is_mount) {
    return Error(ErrorCode::kBusy, "the folder was replaced by another while it was read");
  }
  const TreePath path = place->Path();
  Scope scope = scope_;
  scope.plan = PlanOf(entry.name);
  if (is_mount) scope.mount_path = std::make_shared<const TreePath>(path);
  if (scope.plan != nullptr && scope.plan->is_given) {
    scope.is_whole = true;
    scope.base_length = path.size();
    scope.device = place->id().device;
  } else if (scope_.is_whole) {
    scope.is_foreign = shared_->options.one_file_system && place->id().device != scope.device;
    // What is left out, but for a given path that is in it.
    if (scope.plan != nullptr && (scope.is_foreign || is_marked_ || IsCache(place->id()) || IsExcluded(path, true))) {
      scope.is_whole = scope.is_foreign = false;
    }
  }
  return std::make_shared<Folder>(shared_, std::move(place), std::move(scope));
}

Result<std::unique_ptr<SourceFile>> FileSource::Folder::OpenFile(const SourceEntry& entry) {
  ASSIGN_OR_RETURN(const auto folder, place_->Use());
  // Not blocked by a fifo that took its place, nor made the terminal of this process by a device.
  Descriptor file =
      files::OpenQuietly(folder->get(), ToString(entry.name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file.is_open()) return ErrnoError(errno, "opening the file");
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return ErrnoError(errno, "opening the file");
  // Another file at its name is read, and its mark tells of it; but not as one of several names of the first.
  if (!S_ISREG(status.st_mode) || (entry.linked && status.st_ino != entry.inode)) {
    return Error(ErrorCode::kBusy, "it was replaced by something else while it was read");
  }
  return std::make_unique<files::LocalFile>(std::move(file), status);
}

Result<SourceMetadata> FileSource::Folder::ReadMetadata(const SourceEntry& entry) {
  ASSIGN_OR_RETURN(const auto folder, place_->Use());
  std::vector<std::string> problems;
  ASSIGN_OR_RETURN(SourceMetadata metadata,
                   files::ReadSourceMetadata(folder->get(), ToString(entry.name), entry.type, problems));
  metadata.user = shared_->names.UserName(entry.uid);
  metadata.group = shared_->names.GroupName(entry.gid);
  metadata.complete = problems.empty();
  for (std::string& problem : problems) {
    shared_->Tell(Finding::Severity::kWarning, ErrorCode::kPermission, JoinPath(place_->Path(), entry.name),
                  std::move(problem));
  }
  return metadata;
}

FileSource::FileSource(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
FileSource::~FileSource() = default;

Result<std::unique_ptr<FileSource>> FileSource::Make(FileSourceOptions options) {
  if (options.paths.empty()) return Error(ErrorCode::kInvalidArgument, "there is no path to back up");
  auto shared = std::make_shared<Shared>(std::move(options));
  for (const std::string& path : shared->options.paths) {
    ASSIGN_OR_RETURN(std::string resolved, files::ResolvePath(path));
    shared->paths.push_back(std::move(resolved));
  }
  std::ranges::sort(shared->paths, [](const std::string& a, const std::string& b) {
    return std::ranges::lexicographical_compare(AsBytes(a), AsBytes(b));
  });
  const auto repeated = std::ranges::unique(shared->paths);
  shared->paths.erase(repeated.begin(), repeated.end());
  RETURN_IF_ERROR(shared->NeedPaths());  // before others are read that shall be in one snapshot with them
  RETURN_IF_ERROR(shared->FindRepository(shared->options.repository));
  for (const std::string& folder : shared->options.other_repositories) RETURN_IF_ERROR(shared->FindRepository(folder));
  shared->plan = files::MakePlan(shared->paths);
  return std::unique_ptr<FileSource>(new FileSource(std::move(shared)));
}

std::string FileSource::name() const { return shared_->options.item; }

std::vector<Bytes> FileSource::paths() const {
  std::vector<Bytes> paths;
  for (const std::string& path : shared_->paths) paths.push_back(ToBytes(AsBytes(path)));
  return paths;
}

Result<std::shared_ptr<SourceFolder>> FileSource::OpenRoot(FindingSink findings) {
  shared_->findings = std::move(findings);
  RETURN_IF_ERROR(shared_->NeedPaths());
  // Only now: one may have been made since.
  shared_->caches = CachesIn(shared_->options.cache_root);
  const std::string temporary = shared_->options.temporary_cache ? shared_->options.temporary_cache() : std::string();
  struct stat status{};
  if (!temporary.empty() && ::stat(temporary.c_str(), &status) == 0) shared_->caches.push_back(files::IdOf(status));
  ASSIGN_OR_RETURN(auto place, FolderPlace::OpenRoot(shared_->pool));
  Folder::Scope scope;
  scope.plan = &shared_->plan;
  scope.is_whole = shared_->plan.is_given;
  scope.device = place->id().device;
  scope.mount_path = std::make_shared<const TreePath>();
  return std::make_shared<Folder>(shared_, std::move(place), std::move(scope));
}

std::optional<Bytes> FileSource::parameters() const {
  const FileSourceOptions& options = shared_->options;
  FilesParameters parameters;
  parameters.patterns = options.excludes.patterns();
  parameters.markers = options.exclude_if_present;
  parameters.larger_than = options.exclude_larger_than;
  parameters.caches = options.exclude_caches;
  parameters.one_file_system = options.one_file_system;
  return parameters.Encode();
}

Result<SourceEntry> FileSource::RootEntry() {
  struct stat status{};
  if (::stat("/", &status) != 0) return ErrnoError(errno, "looking at /");
  return EntryOf(Bytes(), NodeType::kFolder, status);
}

}  // namespace cairn
