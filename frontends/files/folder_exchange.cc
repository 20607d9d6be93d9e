#include "frontends/files/folder_exchange.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "engine/env/sync_file.h"
#include "frontends/files/file_sink.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr std::string_view kPrefix = ".cairn-replace-";
constexpr size_t kRunDigits = 8;
constexpr size_t kNameBytesMax = 100;
constexpr size_t kDepthMax = 4096;  // of what Remove goes into
constexpr mode_t kPrivate = 0700;

std::string ForPeople(const std::string& path) { return PathForPeople(AsBytes(path)); }

std::string Joined(const std::string& folder, const std::string& name) {
  return folder == "/" ? folder + name : folder + "/" + name;
}

// Names that begin alike are told apart by a sum (FNV-1a) of the whole.
std::string ShortName(const std::string& name) {
  if (name.size() <= kNameBytesMax) return name;
  uint64_t sum = 0xcbf29ce484222325;
  for (const char c : name) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::array<char, 20> digits{};
  std::snprintf(digits.data(), digits.size(), "-%016llx", static_cast<unsigned long long>(sum));
  return name.substr(0, kNameBytesMax) + digits.data();
}

std::string WorkName(const FolderExchange::Options& options) {
  return std::string(kPrefix) + options.run + (options.entry.empty() ? "" : "-" + ShortName(options.entry));
}

Result<std::vector<std::string>> NamesIn(int folder, const std::string& shown) {
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = own < 0 ? nullptr : ::fdopendir(own);
  if (listing == nullptr) {
    const int error = errno;
    if (own >= 0) ::close(own);
    return ErrnoError(error, "reading the folder " + shown);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(listing);
  if (error != 0) return ErrnoError(error, "reading the folder " + shown);
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

int RenameNew(int from, const std::string& name, int to, const std::string& target) {
  return ::renameat2(from, name.c_str(), to, target.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
}

// A folder that goes to another parent is written to, by the system: its owner may have to be let.
int RenameLetIn(int from, const std::string& name, int to) {
  const int error = RenameNew(from, name, to, name);
  struct stat status{};
  if (error != EACCES || ::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return error;
  if (!S_ISDIR(status.st_mode) || ::fchmodat(from, name.c_str(), (status.st_mode & 07777) | S_IWUSR, 0) != 0) {
    return error;
  }
  const int again = RenameNew(from, name, to, name);
  const int mode = ::fchmodat(again == 0 ? to : from, name.c_str(), status.st_mode & 07777, 0);
  return again != 0 || mode == 0 ? again : errno;
}

// Never into what another file system holds.
Result<void> RemoveInside(Sink& sink, const TreePath& folder, uint64_t mount, size_t depth) {
  if (depth > kDepthMax) return MakeError(ErrorCode::kUnsupported, "{} folders in each other", kDepthMax);
  ASSIGN_OR_RETURN(const auto names, sink.List(folder));
  for (const Bytes& name : names) {
    const TreePath path = JoinPath(folder, name);
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

Result<void> RemoveAllIn(const std::string& folder) {
  ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = folder}));
  ASSIGN_OR_RETURN(const auto existing, sink->Existing({}));
  if (!existing) return {};
  RETURN_IF_ERROR(RemoveInside(*sink, {}, existing->mount, 0));
  return sink->Close();
}

}  // namespace

FolderExchange::Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

FolderExchange::FolderExchange(Options options)
    : options_(std::move(options)), name_(WorkName(options_)), work_(Joined(options_.folder, name_)) {}

FolderExchange::~FolderExchange() = default;

bool FolderExchange::IsWorkName(std::string_view name) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  if (name.size() < kRunDigits) return false;
  if (name.substr(0, kRunDigits).find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  return name.size() == kRunDigits || name[kRunDigits] == '-';
}

// Through the descriptor, wherever somebody moves what it is of.
std::string FolderExchange::PathOf(const Fd& folder) { return "/proc/self/fd/" + std::to_string(folder.get()); }

std::string FolderExchange::Shown(const char* inside) const { return ForPeople(work_ + "/" + inside); }

bool FolderExchange::Has(const char* name) const {
  struct stat status{};
  return lock_.is_open() && ::fstatat(lock_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool FolderExchange::IsInFolder(const std::string& name) const {
  struct stat status{};
  return ::fstatat(folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<void> FolderExchange::RenamePart(const char* from, const char* to) const {
  const int error = RenameNew(lock_.get(), from, lock_.get(), to);
  return error == 0 ? Result<void>() : ErrnoError(error, "renaming " + Shown(from));
}

// kBusy: a process that lives has it. kPermission: it is not this user's own.
Result<void> FolderExchange::OpenWork() {
  folder_ = Fd(::open(options_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_.is_open()) return ErrnoError(errno, "opening the folder " + ForPeople(options_.folder));
  lock_ = Fd(::openat(folder_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!lock_.is_open() || ::fstat(lock_.get(), &status) != 0) return ErrnoError(errno, "opening " + ForPeople(work_));
  // In a folder with a group of its own, one that is made has a bit more. By the descriptor: the name may be another's.
  const bool has_more = status.st_uid == ::geteuid() && (status.st_mode & 07777) == (kPrivate | S_ISGID);
  if (has_more && (::fchmod(lock_.get(), kPrivate) != 0 || ::fstat(lock_.get(), &status) != 0)) {
    return ErrnoError(errno, "making " + ForPeople(work_));
  }
  if (status.st_uid != ::geteuid() || (status.st_mode & 07777) != kPrivate) {
    return MakeError(ErrorCode::kPermission, "{} has the name of a restore's folder, and is another user's: look at it",
                     ForPeople(work_));
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return MakeError(ErrorCode::kBusy, "another restore is at work in {}: wait for its end", ForPeople(options_.folder));
}

Result<FolderExchange::Fd> FolderExchange::OpenPart(const char* name, bool make) {
  if (make && ::mkdirat(lock_.get(), name, kPrivate) != 0) return ErrnoError(errno, "making " + Shown(name));
  Fd part(::openat(lock_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!part.is_open()) return ErrnoError(errno, "opening " + Shown(name));
  if (make && ::fchmod(part.get(), kPrivate) != 0) return ErrnoError(errno, "making " + Shown(name));
  return part;
}

Result<void> FolderExchange::OpenParts() {
  if (Has("new")) {
    ASSIGN_OR_RETURN(new_, OpenPart("new", false));
  }
  const char* const former = Has("former") ? "former" : "taking";
  if (Has(former)) {
    ASSIGN_OR_RETURN(former_, OpenPart(former, false));
  }
  std::ifstream list(PathOf(lock_) + "/carried", std::ios::binary);
  for (std::string path; std::getline(list, path, '\0');) carried_.push_back(path);
  return {};
}

// Those of the same place: dead ones that have nothing to put back go, and who lives is left alone.
Result<void> FolderExchange::RefuseOthersAtWork(Log& log) const {
  const std::string behind = name_.substr(kPrefix.size() + kRunDigits);
  ASSIGN_OR_RETURN(const auto names, NamesIn(folder_.get(), ForPeople(options_.folder)));
  for (const std::string& name : names) {
    if (name == name_ || !IsWorkName(name) || name.substr(kPrefix.size() + kRunDigits) != behind) continue;
    Options dead = options_;
    dead.run = name.substr(kPrefix.size(), kRunDigits);
    FolderExchange left(std::move(dead));
    RETURN_IF_ERROR(left.OpenWork());
    if (left.Has("taking") || left.Has("former")) {
      return MakeError(ErrorCode::kBusy,
                       "{} has what a restore put aside there, and did not come to its end, or could not remove: run "
                       "it with --undo {}, which puts it back, or see that nothing in it is needed and remove it",
                       ForPeople(left.work_), left.options_.run);
    }
    if (left.has_others()) {
      return MakeError(
          ErrorCode::kBusy,
          "{} has what was written while a restore was at work: take from it what is needed, and remove it",
          ForPeople(left.work_));
    }
    RETURN_IF_ERROR(left.Remove(false));
    log.Info("{}: removed, a restore that was killed had left it", ForPeople(left.work_));
  }
  return {};
}

Result<std::unique_ptr<FolderExchange>> FolderExchange::Make(Options options, Log& log) {
  std::unique_ptr<FolderExchange> made(new FolderExchange(std::move(options)));
  struct stat before{};
  const std::string& folder = made->options_.folder;
  if (::stat(folder.c_str(), &before) != 0) return ErrnoError(errno, "looking at " + ForPeople(folder));
  if (::mkdir(made->work_.c_str(), kPrivate) != 0) return ErrnoError(errno, "making " + ForPeople(made->work_));
  auto ready = made->OpenWork();
  if (ready) {
    auto part = made->OpenPart("new", true);
    if (part) made->new_ = *std::move(part);
    if (!part) ready = std::move(part).error();
  }
  if (ready) ready = made->RefuseOthersAtWork(log);
  made->before_ = before;
  if (ready) return made;
  if (made->lock_.is_open()) IgnoreError(made->Remove(false), "it is empty, and the next run removes it");
  return std::move(ready).error();
}

Result<std::unique_ptr<FolderExchange>> FolderExchange::Find(Options options) {
  std::unique_ptr<FolderExchange> found(new FolderExchange(std::move(options)));
  struct stat status{};
  if (::lstat(found->work_.c_str(), &status) != 0) return std::unique_ptr<FolderExchange>();
  RETURN_IF_ERROR(found->OpenWork());
  if (!found->Has("taking") && !found->Has("former")) return std::unique_ptr<FolderExchange>();
  RETURN_IF_ERROR(found->OpenParts());
  return found;
}

Result<void> FolderExchange::RefuseMounts(const Options& options) {
  const std::string inside = Joined(options.folder, options.entry);
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    size_t begin = 0;
    for (int field = 0; field < 4 && begin != std::string::npos; ++field) begin = line.find(' ', begin + 1);
    if (begin == std::string::npos) continue;
    const std::string place = Unescaped(line.substr(begin + 1, line.find(' ', begin + 1) - begin - 1));
    const bool is_inside =
        place.starts_with(options.entry.empty() ? inside : inside + "/") || (!options.entry.empty() && place == inside);
    if (!is_inside || place == options.folder) continue;
    return MakeError(
        ErrorCode::kBusy,
        "on {}, in what is to be replaced, another file system is mounted: unmount it, or restore the rest "
        "by --target",
        ForPeople(place));
  }
  return {};
}

// All but work folders, of this run and others.
Result<std::vector<std::string>> FolderExchange::Entries() const {
  if (!options_.entry.empty()) {
    if (IsInFolder(options_.entry)) return std::vector<std::string>{options_.entry};
    return std::vector<std::string>();
  }
  ASSIGN_OR_RETURN(std::vector<std::string> names, NamesIn(folder_.get(), ForPeople(options_.folder)));
  std::erase_if(names, IsWorkName);
  return names;
}

// What stands in the way was put there meanwhile: it is kept in late/.
Result<void> FolderExchange::Move(const std::string& name, const Fd& from, const Fd& to) {
  const auto fail = [&](int error) -> Result<void> {
    return ErrnoError(
        error, "moving " + ForPeople(Joined(options_.folder, name)) + " (restore by --target, which moves nothing)");
  };
  const int error = RenameLetIn(from.get(), name, to.get());
  if (error == 0) return {};
  if (error != EEXIST && error != ENOTEMPTY) return fail(error);
  const bool has_late = Has("late");
  ASSIGN_OR_RETURN(const Fd late, OpenPart("late", !has_late));
  if (const int again = RenameLetIn(to.get(), name, late.get()); again != 0) return fail(again);
  const int again = RenameLetIn(from.get(), name, to.get());
  return again == 0 ? Result<void>() : fail(again);
}

Result<void> FolderExchange::MoveAll(const std::vector<std::string>& names, const Fd& from, const Fd& to) {
  for (const std::string& name : names) RETURN_IF_ERROR(Move(name, from, to));
  return {};
}

Result<void> FolderExchange::Sync() const {
  for (const Fd* one : {&new_, &former_, &lock_, &folder_}) {
    if (one->is_open()) RETURN_IF_ERROR(SyncFile(one->get(), work_));
  }
  return {};
}

Result<void> FolderExchange::TakeNew() {
  ASSIGN_OR_RETURN(const auto there, Entries());
  if (!options_.exists && !there.empty()) {
    return MakeError(ErrorCode::kAlreadyExists,
                     "somebody has made {} meanwhile, and it is left as it is: run it again to replace it",
                     ForPeople(Joined(options_.folder, options_.entry)));
  }
  ASSIGN_OR_RETURN(former_, OpenPart("taking", true));
  RETURN_IF_ERROR(MoveAll(there, folder_, former_));
  RETURN_IF_ERROR(Sync());  // what was there is all in it, before its name says so
  RETURN_IF_ERROR(RenamePart("taking", "former"));
  ASSIGN_OR_RETURN(const auto ready, NamesIn(new_.get(), Shown("new")));
  placed_.emplace();
  for (const std::string& name : ready) {
    RETURN_IF_ERROR(Move(name, new_, folder_));
    placed_->push_back(name);
  }
  return Sync();
}

Result<void> FolderExchange::Exchange() {
  RETURN_IF_ERROR(RefuseMounts(options_));
  auto done = TakeNew();
  if (done) return done;
  auto back = PutBack();
  const std::string place =
      ForPeople(options_.entry.empty() ? options_.folder : Joined(options_.folder, options_.entry));
  if (back) return MakeError(done.error().code(), "{} ({} is as it was)", done.error().message(), place);
  return MakeError(done.error().code(), "{}; and {}", done.error().message(), back.error().message());
}

// False: something else is in the way. No link is followed.
Result<bool> FolderExchange::CarryOne(const std::string& path) {
  Fd from(::openat(former_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Fd to(::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  size_t begin = 0;
  for (size_t slash; (slash = path.find('/', begin)) != std::string::npos; begin = slash + 1) {
    const std::string name = path.substr(begin, slash - begin);
    Fd next_from(::openat(from.get(), name.c_str(), kFlags));
    struct stat status{};
    if (!next_from.is_open() || ::fstat(next_from.get(), &status) != 0) return ErrnoError(errno, ForPeople(path));
    if (::mkdirat(to.get(), name.c_str(), kPrivate) == 0) {
      const Fd made(::openat(to.get(), name.c_str(), kFlags));
      const bool is_owned = made.is_open() && ::fchown(made.get(), status.st_uid, status.st_gid) == 0;
      if (is_owned) ::fchmod(made.get(), status.st_mode & 07777);
    }
    Fd next_to(::openat(to.get(), name.c_str(), kFlags));
    if (!next_to.is_open()) return false;
    from = std::move(next_from);
    to = std::move(next_to);
  }
  const int error = RenameLetIn(from.get(), path.substr(begin), to.get());
  if (error == EEXIST || error == ENOTEMPTY) return false;
  if (error != 0) return ErrnoError(error, "moving " + ForPeople(path));
  return true;
}

Result<std::vector<std::string>> FolderExchange::Carry(const std::vector<std::string>& paths) {
  std::vector<std::string> in_the_way;
  if (paths.empty()) return in_the_way;
  std::ofstream list(PathOf(lock_) + "/carried", std::ios::binary);
  for (const std::string& path : paths) list << path << '\0';
  if (!list.flush()) return ErrnoError(errno, "writing " + Shown("carried"));
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const bool is_carried, CarryOne(path));
    (is_carried ? carried_ : in_the_way).push_back(path);
  }
  return in_the_way;
}

Result<void> FolderExchange::Undo() {
  if (Has("former")) {
    // Back to former/ first, with the roles of the two folders exchanged.
    for (const std::string& path : carried_) {
      std::swap(folder_, former_);
      auto moved = CarryOne(path);
      std::swap(folder_, former_);
      if (!moved && moved.error().code() != ErrorCode::kNotFound) return std::move(moved).error();
    }
    carried_.clear();
    if (placed_) {
      std::erase_if(*placed_, [&](const std::string& name) { return !IsInFolder(name); });
      RETURN_IF_ERROR(MoveAll(*placed_, folder_, new_));
      placed_->clear();
    } else {  // of another process: what of this was in new/ is not known
      ASSIGN_OR_RETURN(const auto there, Entries());
      if (!there.empty()) {
        const bool has_late = Has("late");
        ASSIGN_OR_RETURN(const Fd late, OpenPart("late", !has_late));
        RETURN_IF_ERROR(MoveAll(there, folder_, late));
      }
    }
    RETURN_IF_ERROR(Sync());
    RETURN_IF_ERROR(RenamePart("former", "taking"));
  }
  if (!Has("taking")) return {};
  ASSIGN_OR_RETURN(const auto taken, NamesIn(former_.get(), Shown("taking")));
  RETURN_IF_ERROR(MoveAll(taken, former_, folder_));
  RETURN_IF_ERROR(Sync());
  if (::unlinkat(lock_.get(), "taking", AT_REMOVEDIR) != 0) return ErrnoError(errno, "removing " + Shown("taking"));
  former_ = Fd();
  return Sync();
}

Result<void> FolderExchange::PutBack() {
  auto done = Undo();
  if (done) return done;
  return MakeError(done.error().code(),
                   "{} could not be put back: {}; what was there and is missing is in {}: mend that, then run it with "
                   "--undo {}",
                   ForPeople(options_.folder), done.error().message(), ForPeople(work_), options_.run);
}

Result<void> FolderExchange::KeepNew() { return RenamePart("new", "kept"); }

Result<void> FolderExchange::Remove(bool former_too) {
  const bool is_as_it_was = !Has("former");
  if (Has("taking") || has_others() || (Has("former") && !former_too)) {
    return MakeError(ErrorCode::kBusy, "{} has what nobody can make again", ForPeople(work_));
  }
  RETURN_IF_ERROR(RemoveAllIn(PathOf(lock_)));
  // Whoever has put something else under its name: that is not removed.
  struct stat open{}, there{};
  const bool is_at = ::fstat(lock_.get(), &open) == 0 &&
                     ::fstatat(folder_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                     open.st_dev == there.st_dev && open.st_ino == there.st_ino;
  if (is_at && ::unlinkat(folder_.get(), name_.c_str(), AT_REMOVEDIR) != 0) {
    return ErrnoError(errno, "removing " + ForPeople(work_));
  }
  if (before_ && is_as_it_was) {  // as it was before this came
    const std::array<timespec, 2> times = {before_->st_atim, before_->st_mtim};
    ::futimens(folder_.get(), times.data());
  }
  return {};
}

}  // namespace cairn
