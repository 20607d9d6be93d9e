#include "frontends/mount/fuse_mount.h"

#define FUSE_USE_VERSION 35
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "frontends/mount/inode_table.h"

namespace cairn::mount {

using view::FoundPlace;
using view::Place;
using view::ViewTree;
namespace {

constexpr double kForEver = 86'400.0 * 365;
constexpr double kForNow = 2;                  // folders of snapshots, which come and go
constexpr size_t kNameBytesMax = 1024;         // the kernel's own limit
constexpr size_t kAttributeBytesMax = 65'536;  // the same
constexpr int kWakeSignal = SIGUSR1;

// What libfuse and its helper say goes to stderr by itself; here it is kept for the error that it explains.
struct LibfuseSays {
  std::mutex mutex;
  std::string text;
  static LibfuseSays& Get() {
    static LibfuseSays says;
    return says;
  }
  static void Write(fuse_log_level, const char* format, va_list arguments) {
    char line[512];
    std::vsnprintf(line, sizeof(line), format, arguments);
    const std::lock_guard lock(Get().mutex);
    if (Get().text.size() < 2000) Get().text += line;
  }
  static std::string Take() {
    const std::lock_guard lock(Get().mutex);
    std::string said = std::exchange(Get().text, {});
    while (!said.empty() && said.back() == '\n') said.pop_back();
    for (char& c : said) c = c == '\n' ? ';' : c;
    return said;
  }
};

int ErrnoOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return error.system_errno() != 0 ? error.system_errno() : EINVAL;
    case ErrorCode::kNotFound:
      return error.system_errno() != 0 ? error.system_errno() : EIO;
    case ErrorCode::kNoRight:
      return EACCES;
    default:
      return EIO;
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Ring() const {
    const uint64_t one = 1;
    static_cast<void>(::write(fd_, &one, sizeof(one)) != 0);  // full is rung, too
  }

 private:
  const int fd_;
};

struct OpenedFile {
  OpenedFile(Place at, std::string name, std::shared_ptr<const FileView> view, Executor& executor,
             const ReadAheadOptions& options)
      : place(std::move(at)), path(std::move(name)), file(view), ahead(std::move(view), executor, options) {}
  const Place place;
  const std::string path;
  const std::shared_ptr<const FileView> file;
  ReadAhead ahead;
};

// Offsets: 0 is ".", 1 "..", 2 the first entry.
struct OpenedFolder {
  Place place;
  uint64_t number = 0, parent = 0;
  std::string path;
  std::mutex mutex;
  std::unique_ptr<ViewTree::List> list;  // guarded by mutex, as what follows
  uint64_t position = 2;                 // offset of what the list gives next, but for `pending`
  std::optional<FoundPlace> pending;     // what had no room
  std::optional<Error> failed;           // ends the list, and is told when what came before it has been
};

// What the kernel has open, each by a number of its own. It need not give all of it back: not what somebody still has
// open when the mount goes.
template <class T>
class Handles {
 public:
  uint64_t Add(std::unique_ptr<T> opened) {
    const auto handle = reinterpret_cast<uint64_t>(opened.get());
    const std::lock_guard lock(mutex_);
    opened_.emplace(handle, std::move(opened));
    return handle;
  }
  void Drop(uint64_t handle) {
    decltype(opened_.extract(handle)) gone;  // it ends without the lock
    const std::lock_guard lock(mutex_);
    gone = opened_.extract(handle);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::unique_ptr<T>> opened_;  // guarded by mutex_
};

class Session final : public FuseMount {
 public:
  Session(ViewTree& tree, Executor& ahead, const JobContext& context, const FuseMountOptions& options)
      : tree_(tree), ahead_(ahead), context_(context), options_(options), inodes_(ViewTree::Root()) {}
  ~Session() override {
    if (session_ != nullptr) fuse_session_destroy(session_);
  }
  Result<void> Mount();
  Result<void> Serve(std::stop_token stop) override;

  // What the kernel asks, each answered once.
  void Init(fuse_conn_info& connection) const;
  void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name);
  void Forget(fuse_ino_t number, uint64_t lookups) { inodes_.Forget(number, lookups); }
  void GetStatus(fuse_req_t request, fuse_ino_t number);
  void ReadLink(fuse_req_t request, fuse_ino_t number);
  void Open(fuse_req_t request, fuse_ino_t number, fuse_file_info& info);
  void Read(fuse_req_t request, size_t size, off_t offset, OpenedFile& file);
  void Seek(fuse_req_t request, off_t offset, int whence, OpenedFile& file);
  void Release(uint64_t handle) { files_.Drop(handle); }
  void OpenFolder(fuse_req_t request, fuse_ino_t number, fuse_file_info& info);
  void ReadFolder(fuse_req_t request, size_t size, off_t offset, bool with_status, OpenedFolder& folder);
  void ReleaseFolder(uint64_t handle) { folders_.Drop(handle); }
  void GetAttribute(fuse_req_t request, fuse_ino_t number, const char* name, size_t size);
  void ListAttributes(fuse_req_t request, fuse_ino_t number, size_t size);
  void GetFlags(fuse_req_t request, fuse_ino_t number);

 private:
  void Fail(fuse_req_t request, const Place& place, const std::string& path, const Error& error) {
    fuse_reply_err(request, ErrnoOf(tree_.Judge(place, path, error)));
  }
  // The place, or nothing where the answer has been given.
  std::optional<Place> PlaceOf(fuse_req_t request, fuse_ino_t number);
  fuse_entry_param EntryOf(const FoundPlace& found, uint64_t number) const;
  static double HoldsFor(const Place& place) { return ViewTree::IsFixed(place) ? kForEver : kForNow; }
  Result<bool> ReadOn(fuse_req_t request, off_t offset, bool with_status, OpenedFolder& folder, Bytes& buffer,
                      std::vector<uint64_t>& remembered);
  Result<bool> FillFolder(fuse_req_t request, OpenedFolder& folder, bool with_status, Bytes& buffer,
                          std::vector<uint64_t>& remembered);
  bool AddDots(fuse_req_t request, const OpenedFolder& folder, off_t offset, bool with_status, Bytes& buffer);
  bool AddEntry(fuse_req_t request, const std::string& name, const fuse_entry_param& entry, off_t next,
                bool with_status, Bytes& buffer);
  void Work();
  std::vector<std::jthread> StartWorkers();
  void Trim();
  void Unmount();
  int RunHelper(bool lazily) const;

  ViewTree& tree_;
  Executor& ahead_;
  const JobContext& context_;
  const FuseMountOptions options_;
  InodeTable inodes_;
  Handles<OpenedFile> files_;
  Handles<OpenedFolder> folders_;
  fuse_session* session_ = nullptr;
  Descriptor bell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<bool> is_stopping_ = false;
  std::atomic<unsigned> working_ = 0;
  std::atomic<bool> has_ended_ = false;  // a worker has, for the mount is gone, or for `failed_`
  std::atomic<int> failed_ = 0;          // errno
};

Session& Of(fuse_req_t request) { return *static_cast<Session*>(fuse_req_userdata(request)); }
OpenedFile& FileOf(const fuse_file_info* info) { return *reinterpret_cast<OpenedFile*>(info->fh); }
OpenedFolder& FolderOf(const fuse_file_info* info) { return *reinterpret_cast<OpenedFolder*>(info->fh); }

fuse_lowlevel_ops Operations() {
  fuse_lowlevel_ops operations{};
  operations.init = [](void* data, fuse_conn_info* connection) { static_cast<Session*>(data)->Init(*connection); };
  operations.lookup = [](fuse_req_t request, fuse_ino_t parent, const char* name) {
    Of(request).Lookup(request, parent, name);
  };
  operations.forget = [](fuse_req_t request, fuse_ino_t number, uint64_t lookups) {
    Of(request).Forget(number, lookups);
    fuse_reply_none(request);
  };
  operations.forget_multi = [](fuse_req_t request, size_t count, fuse_forget_data* forgotten) {
    for (size_t i = 0; i < count; ++i) Of(request).Forget(forgotten[i].ino, forgotten[i].nlookup);
    fuse_reply_none(request);
  };
  operations.getattr = [](fuse_req_t request, fuse_ino_t number, fuse_file_info*) {
    Of(request).GetStatus(request, number);
  };
  operations.readlink = [](fuse_req_t request, fuse_ino_t number) { Of(request).ReadLink(request, number); };
  operations.open = [](fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
    Of(request).Open(request, number, *info);
  };
  operations.read = [](fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
    Of(request).Read(request, size, offset, FileOf(info));
  };
  operations.lseek = [](fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
    Of(request).Seek(request, offset, whence, FileOf(info));
  };
  operations.release = [](fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    Of(request).Release(info->fh);
    fuse_reply_err(request, 0);
  };
  operations.opendir = [](fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
    Of(request).OpenFolder(request, number, *info);
  };
  operations.readdir = [](fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
    Of(request).ReadFolder(request, size, offset, false, FolderOf(info));
  };
  operations.readdirplus = [](fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
    Of(request).ReadFolder(request, size, offset, true, FolderOf(info));
  };
  operations.releasedir = [](fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    Of(request).ReleaseFolder(info->fh);
    fuse_reply_err(request, 0);
  };
  operations.statfs = [](fuse_req_t request, fuse_ino_t) {
    struct statvfs status{};
    status.f_bsize = status.f_frsize = 4096;
    status.f_namemax = 255;
    fuse_reply_statfs(request, &status);
  };
  operations.getxattr = [](fuse_req_t request, fuse_ino_t number, const char* name, size_t size) {
    Of(request).GetAttribute(request, number, name, size);
  };
  operations.listxattr = [](fuse_req_t request, fuse_ino_t number, size_t size) {
    Of(request).ListAttributes(request, number, size);
  };
  operations.ioctl = [](fuse_req_t request, fuse_ino_t number, unsigned command, void*, fuse_file_info*, unsigned,
                        const void*, size_t, size_t) {
    if (command != FS_IOC_GETFLAGS) return static_cast<void>(fuse_reply_err(request, ENOTTY));
    Of(request).GetFlags(request, number);
  };
  return operations;
}

// ACLs are the kernel's to enforce where others may look; it then enforces modes, too.
void Session::Init(fuse_conn_info& connection) const {
  connection.want |= connection.capable & FUSE_CAP_CACHE_SYMLINKS;
  if (options_.allow_other) connection.want |= connection.capable & FUSE_CAP_POSIX_ACL;
}

std::optional<Place> Session::PlaceOf(fuse_req_t request, fuse_ino_t number) {
  auto place = inodes_.Find(number);
  if (!place) fuse_reply_err(request, ESTALE);
  return place;
}

fuse_entry_param Session::EntryOf(const FoundPlace& found, uint64_t number) const {
  fuse_entry_param entry{};
  entry.ino = number;
  entry.attr = found.status;
  entry.attr_timeout = entry.entry_timeout = HoldsFor(found.place);
  // What it is holds, whether it is still there does not.
  if (found.place.kind == Place::Kind::kItems || found.place.name.empty()) entry.entry_timeout = kForNow;
  return entry;
}

void Session::Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const auto folder = PlaceOf(request, parent);
  if (!folder) return;
  auto found = tree_.Find(*folder, AsBytes(name));
  if (!found) return Fail(request, *folder, inodes_.PathOf(parent), found.error());
  if (!*found) {
    fuse_entry_param nothing{};
    nothing.entry_timeout = HoldsFor(*folder);
    if (!ViewTree::IsFixed(*folder)) return static_cast<void>(fuse_reply_err(request, ENOENT));
    return static_cast<void>(fuse_reply_entry(request, &nothing));
  }
  const uint64_t number = inodes_.Remember((*found)->place, parent);
  const fuse_entry_param entry = EntryOf(**found, number);
  if (fuse_reply_entry(request, &entry) != 0) inodes_.Forget(number, 1);
}

void Session::GetStatus(fuse_req_t request, fuse_ino_t number) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  const auto status = tree_.Status(*place);
  if (!status) return Fail(request, *place, inodes_.PathOf(number), status.error());
  fuse_reply_attr(request, &*status, HoldsFor(*place));
}

void Session::ReadLink(fuse_req_t request, fuse_ino_t number) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  const auto target = tree_.Target(*place);
  if (!target) return Fail(request, *place, inodes_.PathOf(number), target.error());
  fuse_reply_readlink(request, ToString(*target).c_str());
}

void Session::Open(fuse_req_t request, fuse_ino_t number, fuse_file_info& info) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  if ((info.flags & O_ACCMODE) != O_RDONLY) return static_cast<void>(fuse_reply_err(request, EROFS));
  std::string path = inodes_.PathOf(number);
  auto view = tree_.OpenFile(*place);
  if (!view) return Fail(request, *place, path, view.error());
  const uint64_t handle =
      files_.Add(std::make_unique<OpenedFile>(*place, std::move(path), *std::move(view), ahead_, options_.ahead));
  info.fh = handle;
  info.keep_cache = 1;
  info.noflush = 1;
  if (fuse_reply_open(request, &info) != 0) files_.Drop(handle);  // else the kernel releases it
}

void Session::Read(fuse_req_t request, size_t size, off_t offset, OpenedFile& file) {
  const auto begin = static_cast<uint64_t>(offset);
  file.ahead.Asked(begin, size);
  Bytes bytes(size);
  const auto got = file.file->Read(begin, bytes);
  if (!got) return Fail(request, file.place, file.path, got.error());
  fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), *got);
}

void Session::Seek(fuse_req_t request, off_t offset, int whence, OpenedFile& file) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return static_cast<void>(fuse_reply_err(request, EINVAL));
  if (offset < 0) return static_cast<void>(fuse_reply_err(request, ENXIO));
  const auto begin = static_cast<uint64_t>(offset);
  const auto place = whence == SEEK_DATA ? file.file->NextData(begin) : file.file->NextHole(begin);
  if (!place) return Fail(request, file.place, file.path, place.error());
  if (!*place) return static_cast<void>(fuse_reply_err(request, ENXIO));
  fuse_reply_lseek(request, static_cast<off_t>(**place));
}

void Session::OpenFolder(fuse_req_t request, fuse_ino_t number, fuse_file_info& info) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  auto folder = std::make_unique<OpenedFolder>();
  folder->place = *place;
  folder->number = number;
  folder->parent = inodes_.ParentOf(number);
  folder->path = inodes_.PathOf(number);
  auto list = tree_.OpenFolder(*place, ViewTree::Sizes::kThatAreKnown);
  if (!list) return Fail(request, *place, folder->path, list.error());
  folder->list = *std::move(list);
  const uint64_t handle = folders_.Add(std::move(folder));
  info.fh = handle;
  info.keep_cache = info.cache_readdir = ViewTree::IsFixed(*place) ? 1 : 0;
  if (fuse_reply_open(request, &info) != 0) folders_.Drop(handle);
}

// False: it has no room.
bool Session::AddEntry(fuse_req_t request, const std::string& name, const fuse_entry_param& entry, off_t next,
                       bool with_status, Bytes& buffer) {
  const size_t used = buffer.size(), room = buffer.capacity() - used;
  const size_t needed = with_status ? fuse_add_direntry_plus(request, nullptr, 0, name.c_str(), &entry, next)
                                    : fuse_add_direntry(request, nullptr, 0, name.c_str(), &entry.attr, next);
  if (needed > room) return false;
  buffer.resize(used + needed);
  char* place = reinterpret_cast<char*>(buffer.data()) + used;
  if (with_status) {
    fuse_add_direntry_plus(request, place, needed, name.c_str(), &entry, next);
  } else {
    fuse_add_direntry(request, place, needed, name.c_str(), &entry.attr, next);
  }
  return true;
}

bool Session::AddDots(fuse_req_t request, const OpenedFolder& folder, off_t offset, bool with_status, Bytes& buffer) {
  for (off_t dots = offset; dots < 2; ++dots) {
    fuse_entry_param entry{};  // without a number of its own: nothing is looked up
    entry.attr.st_ino = dots == 0 ? folder.number : folder.parent;
    entry.attr.st_mode = S_IFDIR;
    if (!AddEntry(request, dots == 0 ? "." : "..", entry, dots + 1, with_status, buffer)) return false;
  }
  return true;
}

// Whether there was room for all that is left.
Result<bool> Session::FillFolder(fuse_req_t request, OpenedFolder& folder, bool with_status, Bytes& buffer,
                                 std::vector<uint64_t>& remembered) {
  for (;;) {
    if (!folder.pending) {
      ASSIGN_OR_RETURN(folder.pending, folder.list->Next());
      if (!folder.pending) return true;
    }
    const FoundPlace& found = *folder.pending;
    if (found.name.size() <= kNameBytesMax) {
      fuse_entry_param entry = EntryOf(found, 0);
      const auto next = static_cast<off_t>(folder.position + 1);
      // Counted before the kernel can hear of it.
      const bool is_told = with_status && found.has_size;  // else the kernel asks for it when somebody does
      if (is_told) entry.ino = inodes_.Remember(found.place, folder.number);
      if (!AddEntry(request, ToString(found.name), entry, next, with_status, buffer)) {
        if (is_told) inodes_.Forget(entry.ino, 1);
        return false;
      }
      if (is_told) remembered.push_back(entry.ino);
    }
    folder.pending.reset();
    ++folder.position;
  }
}

// From `offset` on; folder.mutex is held. Whether there was room for all that is left.
Result<bool> Session::ReadOn(fuse_req_t request, off_t offset, bool with_status, OpenedFolder& folder, Bytes& buffer,
                             std::vector<uint64_t>& remembered) {
  const uint64_t wanted = std::max<uint64_t>(static_cast<uint64_t>(offset), 2);
  if (!AddDots(request, folder, offset, with_status, buffer)) return false;
  if (wanted < folder.position || (offset == 0 && folder.failed)) {  // rewound
    ASSIGN_OR_RETURN(folder.list, tree_.OpenFolder(folder.place, ViewTree::Sizes::kThatAreKnown));
    folder.pending.reset();
    folder.failed.reset();
    folder.position = 2;
  }
  if (folder.failed) return *folder.failed;
  for (; folder.position < wanted; ++folder.position) {
    if (folder.pending) {
      folder.pending.reset();
      continue;
    }
    ASSIGN_OR_RETURN(const auto passed, folder.list->Next());
    if (!passed) break;
  }
  return FillFolder(request, folder, with_status, buffer, remembered);
}

void Session::ReadFolder(fuse_req_t request, size_t size, off_t offset, bool with_status, OpenedFolder& folder) {
  Bytes buffer;
  buffer.reserve(size);
  std::vector<uint64_t> remembered;
  const auto filled = [&]() -> Result<bool> {
    const std::lock_guard lock(folder.mutex);
    auto read = ReadOn(request, offset, with_status, folder, buffer, remembered);
    if (!read) folder.failed = read.error();
    return read;
  }();
  // Once the answer is given the kernel may have another thread release the folder.
  if (!filled && buffer.empty()) return Fail(request, folder.place, folder.path, filled.error());
  if (fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), buffer.size()) == 0) return;
  for (const uint64_t number : remembered) inodes_.Forget(number, 1);
}

void ReplyAttribute(fuse_req_t request, ByteSpan bytes, size_t size) {
  if (bytes.size() > kAttributeBytesMax) return static_cast<void>(fuse_reply_err(request, E2BIG));
  if (size == 0) return static_cast<void>(fuse_reply_xattr(request, bytes.size()));
  if (bytes.size() > size) return static_cast<void>(fuse_reply_err(request, ERANGE));
  fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void Session::GetAttribute(fuse_req_t request, fuse_ino_t number, const char* name, size_t size) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  const auto value = tree_.Attribute(*place, name);
  if (!value) return Fail(request, *place, inodes_.PathOf(number), value.error());
  if (!*value) return static_cast<void>(fuse_reply_err(request, ENODATA));
  ReplyAttribute(request, **value, size);
}

void Session::ListAttributes(fuse_req_t request, fuse_ino_t number, size_t size) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  const auto node = tree_.NodeOf(*place);
  if (!node) return Fail(request, *place, inodes_.PathOf(number), node.error());
  const bool sees_trusted = fuse_req_ctx(request)->uid == 0;  // as file systems of the kernel have it
  Bytes names;
  for (const Attribute& one : *node == nullptr ? std::vector<Attribute>() : (*node)->attributes) {
    if (AsText(one.name).find('\0') != std::string_view::npos) continue;
    if (!sees_trusted && AsText(one.name).starts_with("trusted.")) continue;
    Append(names, one.name);
    names.push_back(0);
  }
  ReplyAttribute(request, names, size);
}

void Session::GetFlags(fuse_req_t request, fuse_ino_t number) {
  const auto place = PlaceOf(request, number);
  if (!place) return;
  const auto node = tree_.NodeOf(*place);
  if (!node) return Fail(request, *place, inodes_.PathOf(number), node.error());
  const auto flags = *node == nullptr ? 0U : static_cast<uint32_t>((*node)->flags);
  fuse_reply_ioctl(request, 0, &flags, sizeof(flags));
}

Result<void> Session::Mount() {
  fuse_set_log_func(LibfuseSays::Write);
  std::string settings = "ro,fsname=cairn,subtype=cairn";
  if (options_.allow_other) settings += ",allow_other,default_permissions";
  std::string program = "cairn", option = "-o";
  char* arguments[] = {program.data(), option.data(), settings.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, arguments);
  const fuse_lowlevel_ops operations = Operations();
  session_ = fuse_session_new(&args, &operations, sizeof(operations), this);
  fuse_opt_free_args(&args);
  if (session_ == nullptr || fuse_session_mount(session_, options_.folder.c_str()) != 0) {
    const std::string said = LibfuseSays::Take();
    std::string way_out = said.empty() ? "what fusermount3 says stands above" : said;
    if (::geteuid() != 0) way_out += "; users who are not root need the program fusermount3 (Debian's package fuse3)";
    if (::geteuid() != 0 && options_.allow_other) way_out += ", and user_allow_other in /etc/fuse.conf";
    return MakeError(ErrorCode::kPermission, "mounting at {} failed: {}", options_.folder, way_out);
  }
  return {};
}

void Session::Work() {
  fuse_buf buffer{};
  while (!is_stopping_) {
    const int got = fuse_session_receive_buf(session_, &buffer);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got < 0 && got != -ECONNABORTED) failed_ = -got;
    if (got <= 0) break;  // it is mounted no more, or was cut off by force
    fuse_session_process_buf(session_, &buffer);
  }
  std::free(buffer.mem);
  has_ended_ = true;
  --working_;
  bell_.Ring();
}

// The kernel forgets when it wants memory, which on a large machine may be never.
void Session::Trim() {
  constexpr size_t kAtOnceMax = 100'000;
  for (const InodeTable::Known& one : inodes_.OldestBeyond(options_.known_max, kAtOnceMax)) {
    fuse_lowlevel_notify_inval_entry(session_, one.parent, reinterpret_cast<const char*>(one.name.data()),
                                     one.name.size());
  }
}

int Session::RunHelper(bool lazily) const {
  std::string program = "fusermount3", unmount = "-u", quiet = "-q", lazy = "-z", end = "--", folder = options_.folder;
  std::vector<char*> arguments{program.data(), unmount.data(), quiet.data()};
  if (lazily) arguments.push_back(lazy.data());
  for (std::string* one : {&end, &folder}) arguments.push_back(one->data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, "fusermount3", nullptr, nullptr, arguments.data(), environ) != 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

void Session::Unmount() {
  const bool is_root = ::geteuid() == 0;
  const bool is_gone = is_root ? ::umount2(options_.folder.c_str(), UMOUNT_NOFOLLOW) == 0 : RunHelper(false) == 0;
  if (is_gone) return;
  context_.log.Warning("{} is still in use: it is unmounted now, and files that are open in it can no longer be read",
                       options_.folder);
  const bool is_lazy =
      is_root ? ::umount2(options_.folder.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0 : RunHelper(true) == 0;
  if (!is_lazy) context_.log.Warning("{} could not be unmounted: fusermount3 -u clears it", options_.folder);
}

// As many as the system gives.
std::vector<std::jthread> Session::StartWorkers() {
  std::vector<std::jthread> workers;
  workers.reserve(options_.threads);
  try {
    while (workers.size() < options_.threads) {
      ++working_;
      workers.emplace_back([this] { Work(); });
    }
  } catch (const std::system_error& error) {
    --working_;
    context_.log.Warning("{} threads answer the kernel, and not {}: {}", workers.size(), options_.threads,
                         error.what());
  }
  return workers;
}

Result<void> Session::Serve(std::stop_token stop) {
  struct sigaction wake{};
  wake.sa_handler = [](int) {};  // what it is for is that calls return
  ::sigaction(kWakeSignal, &wake, nullptr);
  std::vector<std::jthread> workers = StartWorkers();
  const std::stop_callback ring(stop, [this] { bell_.Ring(); });
  constexpr int kTrimEveryMs = 1000;
  while (!stop.stop_requested() && !has_ended_ && !workers.empty()) {
    pollfd bell{bell_.get(), POLLIN, 0};
    if (::poll(&bell, 1, kTrimEveryMs) == 0) Trim();
    uint64_t rung = 0;
    static_cast<void>(::read(bell_.get(), &rung, sizeof(rung)) != 0);
  }
  if (!has_ended_ || failed_ != 0) Unmount();
  is_stopping_ = true;
  while (working_ > 0) {  // one that is about to wait misses the signal, and gets the next
    for (std::jthread& worker : workers) ::pthread_kill(worker.native_handle(), kWakeSignal);
    context_.clock.Sleep(std::chrono::milliseconds(20), std::stop_token());
  }
  if (workers.empty()) return Error(ErrorCode::kBusy, "the system gives no thread to answer the kernel with");
  workers.clear();
  context_.log.Debug("{} entries were known at the end", inodes_.size());
  const std::string said = LibfuseSays::Take();
  if (!said.empty()) context_.log.Debug("libfuse says: {}", said);
  return failed_ == 0 ? Result<void>() : ErrnoError(failed_, "asking the kernel what is wanted of " + options_.folder);
}

}  // namespace

Result<std::unique_ptr<FuseMount>> FuseMount::Make(ViewTree& tree, Executor& ahead, const JobContext& context,
                                                   const FuseMountOptions& options) {
  auto session = std::make_unique<Session>(tree, ahead, context, options);
  RETURN_IF_ERROR(session->Mount());
  return session;
}

Result<void> CheckMountPoint(const std::string& folder) {
  struct stat status{};
  // Of a mount whose program has died the kernel may still know its root, but not what is in it.
  std::error_code error;
  const bool is_empty = std::filesystem::is_empty(folder, error);
  if (error.value() == ENOTCONN || error.value() == ECONNABORTED) {
    return MakeError(ErrorCode::kBusy, "at {} stands a mount whose program has died: fusermount3 -u {}", folder,
                     folder);
  }
  if (::stat(folder.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      return MakeError(ErrorCode::kNotFound, "there is no folder {} to mount at: make it first", folder);
    }
    return ErrnoError(errno, folder);
  }
  if (!S_ISDIR(status.st_mode)) return MakeError(ErrorCode::kInvalidArgument, "{} is no folder", folder);
  if (!error && !is_empty) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is not empty, and a mount would hide what is in it: give an empty folder", folder);
  }
  if (::access("/dev/fuse", F_OK) != 0) {
    return Error(ErrorCode::kUnsupported,
                 "this machine has no /dev/fuse: load the kernel's module (modprobe fuse); a container needs "
                 "--device /dev/fuse --cap-add SYS_ADMIN");
  }
  return {};
}

}  // namespace cairn::mount
