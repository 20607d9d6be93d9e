#include "frontends/files/folder_exchange.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include "engine/env/file_system.h"
#include "frontends/files/file_sink.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr std::string_view kPrefix = ".cairn-replace-";
constexpr size_t kRunDigits = 8;
constexpr size_t kNameBytesMax = 100;
constexpr size_t kDepthMax = 4096;  // of what Remove goes into

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

std::string WorkName(const FolderExchange::Options& options) {
  return std::string(kPrefix) + options.run +
         (options.entry.empty() ? "" : "-" + options.entry.substr(0, kNameBytesMax));
}

bool IsThere(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<std::vector<std::string>> NamesIn(const std::string& folder) {
  DIR* const listing = ::opendir(folder.c_str());
  if (listing == nullptr) return ErrnoError(errno, "reading the folder " + Shown(folder));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(listing);
  if (error != 0) return ErrnoError(error, "reading the folder " + Shown(folder));
  std::ranges::sort(names);
  return names;
}

// As /proc/self/mountinfo writes it: "\040" is a space.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Never into what another file system holds.
Result<void> RemoveInside(Sink& sink, const TreePath& folder, uint64_t mount, size_t depth) {
  if (depth > kDepthMax) return MakeError(ErrorCode::kUnsupported, "{} folders in each other", kDepthMax);
  ASSIGN_OR_RETURN(const auto names, sink.List(folder));
  for (const Bytes& name : names) {
    TreePath path = folder;
    if (!path.empty()) path.push_back('/');
    Append(path, name);
    ASSIGN_OR_RETURN(const auto existing, sink.Existing(path));
    if (!existing) continue;
    if (existing->mount != mount) {
      return MakeError(ErrorCode::kBusy, "another file system is mounted on {}", PathForPeople(path));
    }
    if (existing->type == NodeType::kFolder) RETURN_IF_ERROR(RemoveInside(sink, path, mount, depth + 1));
    auto removed = sink.Remove(path);
    if (!removed) return std::move(removed).While(PathForPeople(path));
  }
  return {};
}

Result<void> RemoveTree(const std::string& folder) {
  const size_t slash = folder.rfind('/');
  ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = folder.substr(0, slash)}));
  const TreePath name = ToBytes(AsBytes(folder.substr(slash + 1)));
  ASSIGN_OR_RETURN(const auto existing, sink->Existing(name));
  if (!existing) return {};
  RETURN_IF_ERROR(RemoveInside(*sink, name, existing->mount, 0));
  RETURN_IF_ERROR(sink->Remove(name));
  return sink->Close();
}

}  // namespace

FolderExchange::FolderExchange(Options options)
    : options_(std::move(options)), work_(options_.folder + "/" + WorkName(options_)) {}

FolderExchange::~FolderExchange() {
  if (lock_ >= 0) ::close(lock_);
}

bool FolderExchange::Has(const char* name) const { return IsThere(work_ + "/" + name); }

// kBusy: a process that lives has it. kPermission: it is not this user's own.
Result<void> FolderExchange::OpenWork() {
  lock_ = ::open(work_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat status{};
  if (lock_ < 0 || ::fstat(lock_, &status) != 0) return ErrnoError(errno, "opening " + Shown(work_));
  if (status.st_uid != ::geteuid() || (status.st_mode & 07777) != 0700) {
    return MakeError(ErrorCode::kPermission, "{} has the name of a restore's folder, and is another user's: look at it",
                     Shown(work_));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return MakeError(ErrorCode::kBusy, "another restore is at work in {}: wait for its end", Shown(options_.folder));
}

Result<std::unique_ptr<FolderExchange>> FolderExchange::Make(Options options, Log& log) {
  ASSIGN_OR_RETURN(const auto names, NamesIn(options.folder));
  const std::string behind = WorkName(options).substr(kPrefix.size() + kRunDigits);
  for (const std::string& name : names) {
    if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + kRunDigits) continue;
    if (name.substr(kPrefix.size() + kRunDigits) != behind) continue;
    Options dead = options;
    dead.run = name.substr(kPrefix.size(), kRunDigits);
    FolderExchange left(std::move(dead));
    RETURN_IF_ERROR(left.OpenWork());
    if (left.Has("taking") || left.Has("former") || left.Has("late")) {
      return MakeError(ErrorCode::kBusy,
                       "{} has what a restore put aside there, and did not come to its end, or could not remove: run "
                       "it with --undo {}, which puts it back, or see that nothing in it is needed and remove it",
                       Shown(left.work_), left.options_.run);
    }
    RETURN_IF_ERROR(left.Remove());
    log.Info("{}: removed, a restore that was killed had left it", Shown(left.work_));
  }
  std::unique_ptr<FolderExchange> made(new FolderExchange(std::move(options)));
  struct stat before{};
  if (::stat(made->options_.folder.c_str(), &before) == 0) made->times_ = {before.st_atim, before.st_mtim};
  if (::mkdir(made->work_.c_str(), 0700) != 0) return ErrnoError(errno, "making " + Shown(made->work_));
  RETURN_IF_ERROR(made->OpenWork());
  if (::mkdir(made->new_folder().c_str(), 0700) != 0) return ErrnoError(errno, "making " + Shown(made->new_folder()));
  return made;
}

Result<std::unique_ptr<FolderExchange>> FolderExchange::Find(Options options) {
  std::unique_ptr<FolderExchange> found(new FolderExchange(std::move(options)));
  if (!IsThere(found->work_)) return std::unique_ptr<FolderExchange>();
  RETURN_IF_ERROR(found->OpenWork());
  return found;
}

Result<void> FolderExchange::RefuseMounts(const Options& options) {
  const std::string inside = options.folder + "/" + options.entry;
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    size_t begin = 0;
    for (int field = 0; field < 4 && begin != std::string::npos; ++field) begin = line.find(' ', begin + 1);
    if (begin == std::string::npos) continue;
    const std::string place = Unescaped(line.substr(begin + 1, line.find(' ', begin + 1) - begin - 1));
    const bool is_inside = place.starts_with(options.entry.empty() ? inside : inside + "/") || place == inside;
    if (!is_inside) continue;
    return MakeError(
        ErrorCode::kBusy,
        "on {}, in what is to be replaced, another file system is mounted: unmount it, or restore the rest "
        "by --target",
        Shown(place));
  }
  return {};
}

// All but work folders, of this run and others.
Result<std::vector<std::string>> FolderExchange::Entries() const {
  if (!options_.entry.empty()) {
    if (IsThere(options_.folder + "/" + options_.entry)) return std::vector<std::string>{options_.entry};
    return std::vector<std::string>();
  }
  ASSIGN_OR_RETURN(std::vector<std::string> names, NamesIn(options_.folder));
  std::erase_if(names, [](const std::string& name) { return name.starts_with(kPrefix); });
  return names;
}

// What stands in the way was put there meanwhile: it is kept in late/.
Result<void> FolderExchange::Move(const std::string& name, const std::string& from, const std::string& to) {
  FileSystem& files = PosixFileSystem();
  auto moved = files.RenameNew(from + "/" + name, to + "/" + name);
  if (moved || moved.error().code() != ErrorCode::kAlreadyExists) return moved;
  const std::string late = work_ + "/late";
  RETURN_IF_ERROR(files.MakeFolder(late));
  RETURN_IF_ERROR(files.RenameNew(to + "/" + name, late + "/" + name));
  late_.push_back(name);
  return files.RenameNew(from + "/" + name, to + "/" + name);
}

Result<void> FolderExchange::MoveAll(const std::vector<std::string>& names, const std::string& from,
                                     const std::string& to) {
  for (const std::string& name : names) RETURN_IF_ERROR(Move(name, from, to));
  return {};
}

Result<void> FolderExchange::Sync() const {
  FileSystem& files = PosixFileSystem();
  for (const char* name : {"new", "taking", "former", "late"}) {
    if (Has(name)) RETURN_IF_ERROR(files.SyncFolder(work_ + "/" + name));
  }
  RETURN_IF_ERROR(files.SyncFolder(work_));
  return files.SyncFolder(options_.folder);
}

Result<void> FolderExchange::Exchange() {
  RETURN_IF_ERROR(RefuseMounts(options_));
  const auto exchange = [&]() -> Result<void> {
    const std::string taking = work_ + "/taking";
    RETURN_IF_ERROR(PosixFileSystem().MakeFolder(taking));
    ASSIGN_OR_RETURN(const auto there, Entries());
    RETURN_IF_ERROR(MoveAll(there, options_.folder, taking));
    RETURN_IF_ERROR(Sync());  // what was there is all in it, before its name says so
    RETURN_IF_ERROR(PosixFileSystem().RenameNew(taking, former_folder()));
    ASSIGN_OR_RETURN(const auto ready, NamesIn(new_folder()));
    placed_.emplace();
    for (const std::string& name : ready) {
      RETURN_IF_ERROR(Move(name, new_folder(), options_.folder));
      placed_->push_back(name);
    }
    return Sync();
  };
  auto done = exchange();
  if (done) return done;
  auto back = PutBack();
  if (back)
    return MakeError(done.error().code(), "{} ({} is as it was)", done.error().message(), Shown(options_.folder));
  return MakeError(done.error().code(), "{}; and {}", done.error().message(), back.error().message());
}

// Into folders that are there, and where nothing is in the way: the rest stays where it is.
Result<void> FolderExchange::Carry(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    auto moved = PosixFileSystem().RenameNew(former_folder() + "/" + path, options_.folder + "/" + path);
    if (moved) {
      carried_.push_back(path);
    } else if (moved.error().code() != ErrorCode::kAlreadyExists && moved.error().code() != ErrorCode::kNotFound) {
      return moved;
    }
  }
  return {};
}

Result<void> FolderExchange::PutBack() {
  const auto put_back = [&]() -> Result<void> {
    FileSystem& files = PosixFileSystem();
    for (const std::string& path : carried_) {
      auto moved = files.RenameNew(options_.folder + "/" + path, former_folder() + "/" + path);
      if (!moved && moved.error().code() != ErrorCode::kNotFound) return moved;
    }
    carried_.clear();
    if (Has("former")) {
      if (placed_) {
        std::erase_if(*placed_, [&](const std::string& name) { return !IsThere(options_.folder + "/" + name); });
        RETURN_IF_ERROR(MoveAll(*placed_, options_.folder, new_folder()));
        placed_->clear();
      } else {  // of another process: what of this was in new/ is not known
        ASSIGN_OR_RETURN(const auto there, Entries());
        if (!there.empty()) RETURN_IF_ERROR(files.MakeFolder(work_ + "/late"));
        RETURN_IF_ERROR(MoveAll(there, options_.folder, work_ + "/late"));
        late_.insert(late_.end(), there.begin(), there.end());
      }
      RETURN_IF_ERROR(Sync());
      RETURN_IF_ERROR(files.RenameNew(former_folder(), work_ + "/taking"));
    }
    if (!Has("taking")) return {};
    ASSIGN_OR_RETURN(const auto taken, NamesIn(work_ + "/taking"));
    RETURN_IF_ERROR(MoveAll(taken, work_ + "/taking", options_.folder));
    RETURN_IF_ERROR(files.RemoveFolder(work_ + "/taking"));
    return Sync();
  };
  auto done = put_back();
  if (done) return done;
  return MakeError(done.error().code(), "{} could not be put back: {}; what was there is in {}", Shown(options_.folder),
                   done.error().message(), Shown(work_));
}

Result<void> FolderExchange::Remove() {
  const bool is_as_it_was = !Has("former");
  RETURN_IF_ERROR(RemoveTree(work_));
  if (times_ && is_as_it_was) ::utimensat(AT_FDCWD, options_.folder.c_str(), times_->data(), 0);
  if (lock_ >= 0) ::close(std::exchange(lock_, -1));
  return {};
}

}  // namespace cairn
