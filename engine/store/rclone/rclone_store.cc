#include "engine/store/rclone/rclone_store.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "engine/http/answer.h"
#include "engine/store/own_or_empty.h"
#include "engine/store/webdav/layout.h"

namespace cairn::rclone {
namespace {

using webdav::FileOf;
using webdav::IsOutside;
using webdav::IsShared;

constexpr int kLooks = 8;  // at a shared object that changes meanwhile
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;
constexpr std::string_view kTemporary = "tmp";

// As rclone has it: without a "/" at its end.
std::string FolderPath(std::string path) {
  if (path.ends_with('/')) path.pop_back();
  return path;
}

// The name of which `path` is the place; nothing where no object, nor what is above one, is stored so.
std::optional<std::string> NameAt(std::string_view path) {
  std::string name;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const auto part = webdav::NameOf({.name = std::string(path.substr(0, end))});
    if (!part) return std::nullopt;
    name += (name.empty() ? "" : "/") + *part;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return name;
}

// Does an option that is given in a remote's own name ("NAME=", of ":sftp,host=x,pass=...:path") hold a secret? Names
// of files and ids do not.
bool IsSecret(std::string_view option) {
  constexpr std::array kWords = {"pass",   "secret", "token", "credential", "grant",
                                 "cookie", "auth",   "sas",   "2fa",        "key"};
  constexpr std::array kHarmless = {"_file", "_id", "_url", "_env", "_agent", "_method"};
  if (std::ranges::any_of(kHarmless, [&](std::string_view end) { return option.ends_with(end); })) {
    return option == "sas_url";
  }
  return std::ranges::any_of(kWords, [&](std::string_view word) { return option.find(word) != option.npos; });
}

bool HoldsSecret(std::string_view remote) {
  for (size_t equal = remote.find('='); equal != remote.npos; equal = remote.find('=', equal + 1)) {
    std::string option;
    for (size_t at = equal; at > 0; --at) {
      const char c = remote[at - 1];
      const bool is_large = c >= 'A' && c <= 'Z';
      if (!is_large && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-') break;
      option.insert(option.begin(), is_large ? static_cast<char>(c - 'A' + 'a') : c == '-' ? '_' : c);
    }
    if (IsSecret(option)) return true;
  }
  return false;
}

std::optional<uint64_t> VersionAt(std::string_view path) {
  return webdav::VersionOf({.name = std::string(path.substr(path.rfind('/') + 1))});
}

}  // namespace

Result<std::string> ParseRemote(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return MakeError(ErrorCode::kInvalidArgument, "an rclone store is named rclone:REMOTE:PATH: {}", why);
  };
  std::string remote(text);
  while (remote.size() > 1 && remote.ends_with('/') && !remote.ends_with(":/")) remote.pop_back();
  if (remote.empty()) return refuse("the remote is missing");
  if (HoldsSecret(text)) {
    return refuse("this one holds a secret, and an address is printed: give it a name by rclone config");
  }
  // Of these the web server in rclone makes another path, or none.
  const std::string parts = remote + "/";
  const bool is_odd = parts.find("//") != std::string::npos || parts.find("/./") != std::string::npos ||
                      parts.find("/../") != std::string::npos || remote.find(']') != std::string::npos;
  const bool has_control = std::ranges::any_of(remote, [](char c) { return static_cast<uint8_t>(c) < 0x20; });
  if (is_odd || has_control) return refuse("no //, /./, /../ and ] in it: give it a name by rclone config");
  return remote;
}

RcloneStore::RcloneStore(Options options, const Random& random, const Clock& clock, std::stop_token stop)
    : options_(std::move(options)), random_(random), clock_(clock), stop_(std::move(stop)) {}

std::unique_ptr<RcloneStore> RcloneStore::Open(Options options, const Random& random, const Clock& clock,
                                               std::stop_token stop) {
  return std::unique_ptr<RcloneStore>(new RcloneStore(std::move(options), random, clock, std::move(stop)));
}

Result<std::shared_ptr<RcloneStore::Served>> RcloneStore::Serving() {
  const auto at_work = [&]() -> std::shared_ptr<Served> {
    const std::lock_guard lock(mutex_);
    return served_ && !served_->child->has_ended() ? served_ : nullptr;
  };
  if (auto served = at_work()) return served;
  const std::lock_guard starting(start_mutex_);
  if (auto served = at_work()) return served;  // another thread was faster
  auto child = Child::Start(options_, random_, clock_, stop_);
  if (!child) return std::move(child).error().While(description());
  auto served = std::make_shared<Served>(*std::move(child), options_);
  const std::lock_guard lock(mutex_);
  served_ = served;
  return served;
}

// Held while the files of an object are changed: what one thread has seen of them another does not change.
class RcloneStore::NameLock {
 public:
  NameLock(RcloneStore& store, const ObjectName& name) : store_(store), name_(name.text()) {
    std::unique_lock lock(store_.mutex_);
    store_.name_is_free_.wait(lock, [&] { return !store_.busy_names_.contains(name_); });
    store_.busy_names_.insert(name_);
  }
  ~NameLock() {
    const std::lock_guard lock(store_.mutex_);
    store_.busy_names_.erase(name_);
    store_.name_is_free_.notify_all();
  }
  NameLock(const NameLock&) = delete;
  NameLock& operator=(const NameLock&) = delete;

 private:
  RcloneStore& store_;
  const std::string name_;
};

// Putting.

Result<void> RcloneStore::PutFile(Remote& remote, const std::string& path, ByteSpan bytes) {
  const std::string name = random_.NewId<ObjectId>().ToHex(), boundary = random_.NewId<ObjectId>().ToHex();
  const std::string folder(kTemporary), temporary = folder + "/" + name;
  auto put = remote.Upload(folder, name, bytes, boundary);
  if (put) put = remote.Move(temporary, path);
  if (!put) {
    IgnoreError(remote.Remove(temporary), "CleanTemporary finds it");
    return put;
  }
  // rclone makes folders by itself, on the disk below one that is not mounted any more, too.
  return NeedRepository(remote);
}

Result<std::vector<RcloneStore::Version>> RcloneStore::VersionsOf(Remote& remote, const ObjectName& name) {
  std::vector<Version> versions;
  auto listed = remote.List(FolderPath(webdav::PlaceOf(name)), Remote::Depth::kOne, [&](const RemoteEntry& entry) {
    const auto number = entry.is_folder ? std::nullopt : VersionAt(entry.path);
    if (number) versions.push_back({.number = *number, .size = entry.size, .modified = entry.modified});
    return Result<void>();
  });
  if (!listed && listed.error().code() != ErrorCode::kNotFound) return std::move(listed).error();
  std::ranges::sort(versions, std::ranges::greater(), &Version::number);
  return versions;
}

Result<void> RcloneStore::NeedObjectsPlace(const ObjectName& name) {
  if (!IsOutside(name.text())) return {};
  return MakeError(ErrorCode::kInvalidArgument, "putting {}: {}/ is for temporary files", name.text(), kTemporary);
}

Result<void> RcloneStore::Put(const ObjectName& name, ByteSpan bytes) {
  RETURN_IF_ERROR(NeedObjectsPlace(name));
  ASSIGN_OR_RETURN(const auto served, Serving());
  const NameLock lock(*this, name);
  if (!IsShared(name.text())) return PutFile(served->remote, FileOf(name), bytes);
  ASSIGN_OR_RETURN(const std::vector<Version> there, VersionsOf(served->remote, name));
  const uint64_t number = there.empty() ? 0 : there.front().number + 1;
  RETURN_IF_ERROR(PutFile(served->remote, FileOf(name, number), bytes));
  for (const Version& older : there) RETURN_IF_ERROR(served->remote.Remove(FileOf(name, older.number)));
  return {};
}

Result<bool> RcloneStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  RETURN_IF_ERROR(NeedObjectsPlace(name));
  ASSIGN_OR_RETURN(const auto served, Serving());
  const NameLock lock(*this, name);
  ASSIGN_OR_RETURN(const bool is_there, IsThere(served->remote, name));
  if (is_there) return false;
  RETURN_IF_ERROR(PutFile(served->remote, FileOf(name), bytes));
  return true;
}

Result<bool> RcloneStore::IsThere(Remote& remote, const ObjectName& name) {
  if (IsShared(name.text())) {
    ASSIGN_OR_RETURN(const std::vector<Version> versions, VersionsOf(remote, name));
    return !versions.empty();
  }
  const auto stat = remote.Stat(FileOf(name));
  if (!stat && stat.error().code() != ErrorCode::kNotFound) return stat.error();
  return stat.has_value();
}

// Reading.

template <class Ask>
auto RcloneStore::AskFor(const ObjectName& name, const Ask& ask)
    -> decltype(ask(std::declval<Remote&>(), std::string())) {
  ASSIGN_OR_RETURN(const auto served, Serving());
  std::string path = FileOf(name);
  for (int look = 0; look < kLooks; ++look) {
    auto answer = ask(served->remote, path);
    if (answer && name.text().starts_with(kConfigPrefix)) has_seen_config_ = true;
    if (answer || answer.error().code() != ErrorCode::kNotFound) return answer;
    std::vector<Version> versions;
    if (IsShared(name.text())) {
      ASSIGN_OR_RETURN(versions, VersionsOf(served->remote, name));
    }
    if (versions.empty()) {
      RETURN_IF_ERROR(NeedRepository(served->remote));
      return answer;
    }
    path = FileOf(name, versions.front().number);
  }
  return MakeError(ErrorCode::kIo, "{}/{} is replaced again and again", description(), name.text()).Transient();
}

Result<Bytes> RcloneStore::Get(const ObjectName& name, uint64_t size_max) {
  return AskFor(name, [&](Remote& remote, const std::string& path) { return remote.Get(path, size_max); });
}

Result<Bytes> RcloneStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return AskFor(name, [&](Remote& remote, const std::string& path) { return remote.GetRange(path, offset, size); });
}

Result<ObjectInfo> RcloneStore::Stat(const ObjectName& name) {
  ASSIGN_OR_RETURN(const Remote::FileStat stat,
                   AskFor(name, [](Remote& remote, const std::string& path) { return remote.Stat(path); }));
  return ObjectInfo{.name = name, .size = stat.size, .modified = stat.modified};
}

Result<void> RcloneStore::NeedRepository(Remote& remote) {
  if (!has_seen_config_) return {};
  ASSIGN_OR_RETURN(const bool is_there, IsThere(remote, ConfigName(1)));
  if (is_there) return {};
  return MakeError(ErrorCode::kIo, "{}: the repository that was there is gone (is its disk still mounted?)",
                   description());
}

Result<bool> RcloneStore::HasFolder(Remote& remote, const std::string& path) {
  bool has_it = path.empty();
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  const auto listed = remote.List(parent, Remote::Depth::kOne, [&](const RemoteEntry& entry) {
    has_it = has_it || (entry.is_folder && entry.path == path);
    return Result<void>();
  });
  if (listed) return has_it;
  if (listed.error().code() != ErrorCode::kNotFound) return listed.error();
  if (path.empty()) return false;
  return HasFolder(remote, parent);  // whether what is above is missing, too
}

Result<void> RcloneStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  CHECK(prefix.empty() || prefix.ends_with('/'));
  if (IsOutside(prefix)) return {};
  ASSIGN_OR_RETURN(const auto served, Serving());
  bool has_any = false;
  const auto one = [&](const ObjectInfo& info) {
    has_any = true;
    return each(info);
  };
  RETURN_IF_ERROR(ListFiles(served->remote, prefix, one, stranger));
  return has_any ? Result<void>() : NeedRepository(served->remote);
}

Result<void> RcloneStore::ListFiles(Remote& remote, std::string_view prefix, const Each& each,
                                    const Stranger& stranger) {
  const std::string folder = FolderPath(webdav::Stored(prefix));
  std::map<std::string, Version> shared;  // the newest of each
  std::optional<Error> of_each;
  const auto take = [&](const RemoteEntry& entry) -> Result<void> {
    if (IsOutside(entry.path)) return {};
    const auto name = NameAt(entry.path);
    const std::string above = name ? name->substr(0, name->rfind('/')) : "";
    const auto number = VersionAt(entry.path);
    if (name && number && above != *name && IsShared(above) && ObjectName::Parse(above)) {
      Version& newest = shared.try_emplace(above, Version{.number = *number}).first->second;
      if (*number >= newest.number) newest = {*number, entry.size, entry.modified};
      return {};
    }
    auto parsed = name ? ObjectName::Parse(*name) : Result<ObjectName>(Corrupt("it is hidden"));
    Result<void> taken;
    if (parsed && !IsShared(*name)) {
      taken = each({.name = *std::move(parsed), .size = entry.size, .modified = entry.modified});
    } else if (stranger) {
      taken = stranger(entry.path);
    }
    if (!taken) of_each = taken.error();
    return taken;
  };
  const auto listed = remote.List(folder, Remote::Depth::kAll, take);
  if (of_each) return *of_each;
  if (!listed) {
    // Where the folder itself is not there it holds nothing. One in it that went meanwhile says the same.
    if (listed.error().code() != ErrorCode::kNotFound && !listed.error().transient()) return listed;
    ASSIGN_OR_RETURN(const bool has_it, HasFolder(remote, folder));
    if (!has_it) return {};
    return MakeError(ErrorCode::kIo, "{}", listed.error().message()).Transient();
  }
  for (const auto& [name, version] : shared) {
    if (!name.starts_with(prefix)) continue;
    ASSIGN_OR_RETURN(ObjectName parsed, ObjectName::Parse(name));
    RETURN_IF_ERROR(each({.name = std::move(parsed), .size = version.size, .modified = version.modified}));
  }
  return {};
}

// Removing.

Result<void> RcloneStore::Remove(const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto served, Serving());
  const NameLock lock(*this, name);
  if (!IsShared(name.text())) return served->remote.Remove(FileOf(name));
  ASSIGN_OR_RETURN(const std::vector<Version> versions, VersionsOf(served->remote, name));
  // The newest last: an older one must not come back.
  for (auto one = versions.rbegin(); one != versions.rend(); ++one) {
    RETURN_IF_ERROR(served->remote.Remove(FileOf(name, one->number)));
  }
  if (!versions.empty()) {
    IgnoreError(served->remote.RemoveFolder(FolderPath(webdav::PlaceOf(name))), "an empty folder is no object");
  }
  return {};
}

Result<void> RcloneStore::CleanTemporary() {
  ASSIGN_OR_RETURN(const auto served, Serving());
  // A new file tells what time it is there. Not an empty one: some services have none.
  const std::string folder(kTemporary), probe = random_.NewId<ObjectId>().ToHex();
  RETURN_IF_ERROR(served->remote.Upload(folder, probe, AsBytes("now"), random_.NewId<ObjectId>().ToHex()));
  std::vector<RemoteEntry> entries;
  const auto listed = served->remote.List(folder, Remote::Depth::kOne, [&](RemoteEntry entry) {
    if (!entry.is_folder) entries.push_back(std::move(entry));
    return Result<void>();
  });
  IgnoreError(served->remote.Remove(folder + "/" + probe), "it is removed in a day");
  RETURN_IF_ERROR(listed);
  const auto now = std::ranges::find(entries, folder + "/" + probe, &RemoteEntry::path);
  if (now == entries.end() || now->modified == 0) return {};
  for (const RemoteEntry& entry : entries) {
    if (entry.modified == 0 || now->modified - entry.modified <= kDayNs) continue;
    IgnoreError(served->remote.Remove(entry.path), "left for the next time");
  }
  return {};
}

// Creation.

Result<std::unique_ptr<RcloneStore>> RcloneStore::Create(Options options, const Random& random, const Clock& clock,
                                                         std::stop_token stop) {
  auto store = Open(std::move(options), random, clock, std::move(stop));
  ASSIGN_OR_RETURN(const auto served, store->Serving());
  ASSIGN_OR_RETURN(const bool can_move, served->remote.CanMove());
  if (!can_move) {
    return MakeError(ErrorCode::kUnsupported,
                     "{}: this remote can neither move nor copy a file by itself, and an upload that is cut off would "
                     "leave half an object: cairn does not use it",
                     store->description());
  }
  RETURN_IF_ERROR(served->remote.MakeFolder(""));
  RETURN_IF_ERROR(NeedOwnOrEmpty(*store, "an empty or a new folder"));
  RETURN_IF_ERROR(store->ProbeFiles(served->remote));
  return store;
}

Result<void> RcloneStore::ProbeFiles(Remote& remote) {
  const std::string path = std::string(kTemporary) + "/" + random_.NewId<ObjectId>().ToHex();
  const auto refuse = [&](std::string_view what) {
    return MakeError(ErrorCode::kUnsupported, "{}: this remote {}, and cairn does not use it", description(), what);
  };
  const auto listed_size = [&]() -> Result<std::optional<uint64_t>> {
    std::optional<uint64_t> size;
    RETURN_IF_ERROR(remote.List(std::string(kTemporary), Remote::Depth::kOne, [&](const RemoteEntry& entry) {
      if (entry.path == path) size = entry.size;
      return Result<void>();
    }));
    return size;
  };
  for (const std::string_view text : {"first", "0123456789"}) {
    RETURN_IF_ERROR(PutFile(remote, path, AsBytes(text)));
    ASSIGN_OR_RETURN(const Bytes there, remote.Get(path, text.size()));
    if (AsText(there) != text) return refuse("gives other bytes than it was given");
    ASSIGN_OR_RETURN(const auto size, listed_size());
    if (!size || *size != text.size()) return refuse("does not list what it has just been given");
  }
  const auto part = remote.GetRange(path, 3, 3);
  if (!part && part.error().transient()) return part.error();
  if (!part || AsText(*part) != "345") return refuse("does not give a range of a file");
  RETURN_IF_ERROR(remote.Remove(path));
  const auto gone = remote.Get(path, 1);
  if (!gone && gone.error().transient()) return gone.error();
  ASSIGN_OR_RETURN(const auto size, listed_size());
  if (gone || gone.error().code() != ErrorCode::kNotFound || size) return refuse("still has what it has removed");
  return {};
}

}  // namespace cairn::rclone
