#include "frontends/cli/restore_stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/env/file_system.h"
#include "engine/env/sync_file.h"
#include "frontends/files/file_sink.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr std::string_view kPrefix = ".cairn-restore-";
constexpr size_t kRunDigits = 8;
constexpr size_t kNameBytesMax = 40;  // SQLite takes paths of 512 bytes at most
constexpr off_t kLogBytesAt = 18;     // https://www.sqlite.org/fileformat.html, 1.3: 2 in WAL mode, else 1
constexpr int kTries = 3;

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  int Release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

std::string NameBehindRun(const std::string& name) { return "-" + name.substr(0, kNameBytesMax); }

bool IsStageOf(std::string_view found, const std::string& name) {
  if (!found.starts_with(kPrefix)) return false;
  found.remove_prefix(kPrefix.size());
  if (found.size() < kRunDigits) return false;
  if (found.substr(0, kRunDigits).find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  return found.substr(kRunDigits) == NameBehindRun(name);
}

// Whether the name is still that of the open folder.
bool IsAt(int descriptor, int parent, const char* name) {
  struct stat open{}, there{};
  return ::fstat(descriptor, &open) == 0 && ::fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         open.st_dev == there.st_dev && open.st_ino == there.st_ino;
}

// One whose process is dead: this user's, for nobody else, and locked by nobody. All by descriptors, and without going
// into folders, so that nothing else goes whatever somebody puts in its place meanwhile.
void RemoveIfDead(int parent, const char* name, const std::string& shown, Log& log) {
  const Descriptor folder(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (folder.get() < 0 || ::fstat(folder.get(), &status) != 0) return;
  if (status.st_uid != ::geteuid() || (status.st_mode & 07777) != 0700) return;
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 || !IsAt(folder.get(), parent, name)) return;
  const Folder listing(::fdopendir(::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0)));
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view inside = entry->d_name;
    if (inside != "." && inside != "..") ::unlinkat(folder.get(), entry->d_name, 0);
  }
  if (::unlinkat(parent, name, AT_REMOVEDIR) == 0) {
    log.Info("{}: removed, a restore that was killed had left it", shown);
  } else {
    log.Warning("{}: a restore that was killed left it, and it could not be removed: {}", shown, std::strerror(errno));
  }
}

void RemoveDead(const RestoreStage::Place& place, Log& log) {
  const Folder parent(::opendir(place.folder.c_str()));
  if (parent == nullptr) return;  // making another there tells
  std::vector<std::string> found;
  while (const dirent* entry = ::readdir(parent.get())) {
    if (IsStageOf(entry->d_name, place.name)) found.emplace_back(entry->d_name);
  }
  for (const std::string& name : found) {
    RemoveIfDead(::dirfd(parent.get()), name.c_str(), Shown(place.folder + "/" + name), log);
  }
}

}  // namespace

// A FileSink, but that a file is finished without its metadata, which is given to it later.
class RestoreStage::HeldSink : public Sink {
 public:
  explicit HeldSink(std::unique_ptr<Sink> inner) : inner_(std::move(inner)) {}
  Result<void> SetHeld() {
    CHECK(node_.has_value());
    constexpr uint64_t kUnwritable = 0x10 | 0x20;  // immutable, append only: it could not be moved to its place
    Node node = *node_;
    node.flags &= ~kUnwritable;
    return inner_->SetMetadata(path_, node, attributes_);
  }

  Result<std::optional<SinkExisting>> Existing(const TreePath& path) override { return inner_->Existing(path); }
  Result<std::vector<Bytes>> List(const TreePath& folder) override { return inner_->List(folder); }
  Result<void> MakeFolder(const TreePath& path) override { return inner_->MakeFolder(path); }
  Result<std::unique_ptr<SinkFile>> OpenFile(const TreePath& path, uint64_t size, bool in_place,
                                             const Node* node) override {
    ASSIGN_OR_RETURN(auto file, inner_->OpenFile(path, size, in_place, node));
    path_ = path;
    return std::make_unique<File>(*this, std::move(file));
  }
  Result<void> MakeSpecial(const TreePath& path, const Node& node) override { return inner_->MakeSpecial(path, node); }
  Result<void> MakeLink(const TreePath& path, const TreePath& first) override { return inner_->MakeLink(path, first); }
  Result<void> SetMetadata(const TreePath&, const Node&, const std::vector<std::pair<Bytes, Bytes>>&) override {
    return {};
  }
  Result<void> Remove(const TreePath& path) override { return inner_->Remove(path); }
  Result<void> Close() override { return inner_->Close(); }
  void SetFindingSink(FindingSink findings) override { inner_->SetFindingSink(std::move(findings)); }

 private:
  class File : public SinkFile {
   public:
    File(HeldSink& sink, std::unique_ptr<SinkFile> inner) : sink_(sink), inner_(std::move(inner)) {}
    bool is_in_place() const override { return inner_->is_in_place(); }
    Result<void> WriteAt(uint64_t offset, ByteSpan bytes) override { return inner_->WriteAt(offset, bytes); }
    Result<size_t> ReadAt(uint64_t offset, MutableByteSpan target) override { return inner_->ReadAt(offset, target); }
    Result<void> MakeHole(uint64_t offset, uint64_t length) override { return inner_->MakeHole(offset, length); }
    Result<void> SetSize(uint64_t size) override { return inner_->SetSize(size); }
    Result<void> SetMetadata(const Node& node, const std::vector<std::pair<Bytes, Bytes>>& attributes) override {
      sink_.node_ = node;
      sink_.attributes_ = attributes;
      return {};
    }
    Result<void> Finish(uint64_t size) override { return inner_->Finish(size); }

   private:
    HeldSink& sink_;
    const std::unique_ptr<SinkFile> inner_;
  };

  const std::unique_ptr<Sink> inner_;
  TreePath path_;
  std::optional<Node> node_;
  std::vector<std::pair<Bytes, Bytes>> attributes_;
};

RestoreStage::RestoreStage(Cli& cli, Place place, std::shared_ptr<ScratchFolder> folder, int lock)
    : cli_(cli), place_(std::move(place)), folder_(std::move(folder)), lock_(lock) {}

RestoreStage::~RestoreStage() {
  if (auto removed = Remove(); !removed) {
    cli_.context().log.Warning("{} is left: {}; it may be removed", Shown(folder_->path()), removed.error().message());
  }
  if (lock_ >= 0) ::close(lock_);
}

Result<std::unique_ptr<RestoreStage>> RestoreStage::Make(Cli& cli, Place place, const std::string& run) {
  RemoveDead(place, cli.context().log);
  const std::string path = place.folder + "/" + std::string(kPrefix) + run + NameBehindRun(place.name);
  for (int tries = 0; tries < kTries; ++tries) {
    const auto folder = std::make_shared<ScratchFolder>(path);
    cli.RemoveWhenForced(folder);
    RETURN_IF_ERROR(folder->Make());
    Descriptor lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Another run may have taken it for a dead one's before it was locked; where nobody can lock, nobody does.
    const bool is_anothers = lock.get() < 0 || (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
                             !IsAt(lock.get(), AT_FDCWD, path.c_str());
    if (is_anothers) {
      IgnoreError(folder->Remove(), "it is the other's to remove");
      continue;
    }
    return std::unique_ptr<RestoreStage>(new RestoreStage(cli, std::move(place), folder, lock.Release()));
  }
  return MakeError(ErrorCode::kBusy, "{}: another run removes it again and again", Shown(path));
}

Result<void> RestoreStage::Remove() {
  sink_.reset();
  auto removed = folder_->Remove();
  if (!removed && removed.error().code() == ErrorCode::kNotFound) return {};
  return removed;
}

Result<void> RestoreStage::Fetch(Cli& cli, const OpenedSnapshot& opened, const TreePath& path, bool numeric_ids) {
  ASSIGN_OR_RETURN(auto files, FileSink::Make({.target = folder_->path(), .numeric_ids = numeric_ids}));
  sink_ = std::make_unique<HeldSink>(std::move(files));
  RestoreOptions options;
  options.path = path;
  ASSIGN_OR_RETURN(const RestoreReport report, RunRestore(cli.context(), *opened.repository, *opened.index,
                                                          *opened.snapshot, *sink_, options, cli.Findings()));
  if (report.failed > 0 || report.files != 1) {
    return Error(ErrorCode::kIo, "the database could not be put together whole, for what is told above");
  }
  const auto slash = std::ranges::find(path.rbegin(), path.rend(), '/');
  file_ = folder_->path() + "/" + ToString(Bytes(slash.base(), path.end()));
  return {};
}

Result<void> RestoreStage::SetWithoutLog() {
  const Descriptor file(::open(file_.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) return ErrnoError(errno, "opening " + Shown(file_));
  std::array<char, 2> bytes{};
  const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), kLogBytesAt);
  if (got < 0) return ErrnoError(errno, "reading " + Shown(file_));
  if (got != 2 || bytes[0] != 2 || bytes[1] != 2) return {};
  constexpr std::array<char, 2> kNone = {1, 1};
  if (::pwrite(file.get(), kNone.data(), kNone.size(), kLogBytesAt) != 2) {
    return ErrnoError(errno, "writing " + Shown(file_));
  }
  log_bytes_ = bytes;
  return {};
}

Result<void> RestoreStage::PutInPlace() {
  // Opened before it becomes another user's.
  const Descriptor file(::open(file_.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) return ErrnoError(errno, "opening " + Shown(file_));
  if (log_bytes_ && ::pwrite(file.get(), log_bytes_->data(), log_bytes_->size(), kLogBytesAt) != 2) {
    return ErrnoError(errno, "writing " + Shown(file_));
  }
  RETURN_IF_ERROR(SyncFile(file.get(), file_));
  RETURN_IF_ERROR(sink_->SetHeld());
  RETURN_IF_ERROR(SyncFile(file.get(), file_));
  if (cli_.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
  const std::string path = place_.path();
  auto placed = PosixFileSystem().RenameNew(file_, path);
  if (!placed && placed.error().code() == ErrorCode::kAlreadyExists) {
    return MakeError(ErrorCode::kAlreadyExists,
                     "somebody has made {} meanwhile, and it is left as it is: run it again to restore into it",
                     Shown(path));
  }
  RETURN_IF_ERROR(placed);
  is_placed_ = true;
  auto synced = PosixFileSystem().SyncFolder(place_.folder);
  if (!synced && synced.error().code() == ErrorCode::kPermission) return {};  // it may be written to, but not opened
  return std::move(synced).While(Shown(path) + " is whole and in its place, but a power cut may still take it");
}

}  // namespace cairn
