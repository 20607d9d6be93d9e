#include "frontends/import/archive_tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "repo-format/base/units.h"
#include "repo-format/limits.h"
#include "repo-format/node_check.h"

namespace cairn::import {
namespace {

constexpr size_t kBufferBytes = 256 * kKiB;
constexpr uint64_t kEntriesMax = 20'000'000;
constexpr size_t kNotesMax = 10;
constexpr size_t kTarEndBytes = 1'024;  // of zeros

// libarchive gives names in the thread's locale: the bytes as they are, where that is UTF-8.
class Utf8Names {
 public:
  Utf8Names() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~Utf8Names() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  const locale_t locale_;
  locale_t before_ = nullptr;
};

struct Free {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};
using Archive = std::unique_ptr<archive, Free>;

Bytes TextOf(const char* text) { return text != nullptr ? ToBytes(AsBytes(text)) : Bytes(); }

// The folders and the name; `is_changed` where it is not as it stands.
std::vector<Bytes> NamesOf(ByteSpan path, bool& is_changed) {
  std::vector<Bytes> names;
  if (!path.empty() && path[0] == '/') is_changed = true;
  for (size_t at = 0; at < path.size();) {
    const size_t end =
        static_cast<size_t>(std::find(path.begin() + static_cast<ptrdiff_t>(at), path.end(), '/') - path.begin());
    const ByteSpan name = path.subspan(at, end - at);
    at = end + 1;
    if (name.empty() || AsText(name) == ".") continue;
    if (AsText(name) == "..") {
      is_changed = true;
      names.clear();
      continue;
    }
    names.push_back(ToBytes(name));
  }
  return names;
}

NodeType TypeOf(archive_entry* entry) {
  switch (::archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return NodeType::kFolder;
    case AE_IFLNK:
      return NodeType::kSymlink;
    case AE_IFCHR:
      return NodeType::kCharDevice;
    case AE_IFBLK:
      return NodeType::kBlockDevice;
    case AE_IFIFO:
      return NodeType::kFifo;
    case AE_IFSOCK:
      return NodeType::kSocket;
    default:
      return NodeType::kFile;
  }
}

// What libarchive reads, and what it does not tell: where the last byte is that is not zero, and of which type a header
// is.
class TarInput {
 public:
  explicit TarInput(ByteStream& stream) : stream_(stream), now_{0, Bytes(kBufferBytes)}, before_{0, {}} {}

  Result<size_t> Fill() {
    std::swap(now_, before_);  // of which a header may be the end
    now_.bytes.resize(kBufferBytes);
    now_.begin = size_;
    ASSIGN_OR_RETURN(const size_t got, stream_.Read(now_.bytes));
    now_.bytes.resize(got);
    size_ += got;
    size_t last = got;
    while (last > 0 && now_.bytes[last - 1] == 0) --last;
    if (last > 0) used_ = now_.begin + last;
    return got;
  }
  static la_ssize_t Read(archive* reader, void* self, const void** bytes) {
    auto& input = *static_cast<TarInput*>(self);
    auto got = input.Fill();
    if (!got) {
      input.error_ = got.error();
      ::archive_set_error(reader, EIO, "%s", got.error().message().c_str());
      return -1;
    }
    *bytes = input.now_.bytes.data();
    return static_cast<la_ssize_t>(*got);
  }

  const std::optional<Error>& error() const { return error_; }
  uint64_t used() const { return used_; }  // up to here there is something other than zeros
  uint64_t zeros() const { return size_ - used_; }
  // Of the header that was read last; 0: it is not known any more.
  char TypeOfHeader(uint64_t offset) const {
    constexpr uint64_t kTypeOffset = 156;
    for (const Piece* piece : {&now_, &before_}) {
      const uint64_t place = offset + kTypeOffset;
      if (place >= piece->begin && place - piece->begin < piece->bytes.size()) {
        return static_cast<char>(piece->bytes[place - piece->begin]);
      }
    }
    return 0;
  }

 private:
  struct Piece {
    uint64_t begin = 0;
    Bytes bytes;
  };
  ByteStream& stream_;
  Piece now_, before_;
  uint64_t size_ = 0, used_ = 0;
  std::optional<Error> error_;
};

// Whether a snapshot can hold it.
Result<void> CheckEntry(const TreeEntry& made) {
  Node node;
  node.name = made.entry.name;
  node.type = made.entry.type;
  node.mode = made.entry.mode;
  node.uid = made.entry.uid;
  node.gid = made.entry.gid;
  node.user = made.metadata.user;
  node.group = made.metadata.group;
  node.modified = made.entry.modified;
  node.device = made.entry.device;
  node.target = made.metadata.target;
  for (const auto& [name, value] : made.metadata.attributes) {
    if (value.size() > limits::kAttributeBytesMax) {
      return MakeError(ErrorCode::kUnsupported, "extended attribute {} has {} bytes, more than {}", PathForPeople(name),
                       value.size(), limits::kAttributeBytesMax);
    }
    node.attributes.push_back({name, Bytes(), {}});
  }
  return CheckNode(node);
}

class TreeReader {
 public:
  // Without `tar` it is a zip: what is in no tar, and nobody owns, is this user's.
  TreeReader(archive* reader, const TarInput* tar, Spool& spool, GrowthLimit limit, const std::stop_token& stop)
      : reader_(reader),
        tar_(tar),
        is_tar_(tar != nullptr),
        spool_(spool),
        limit_(limit),
        stop_(stop),
        buffer_(kBufferBytes) {
    tree_.root = NewFolder({}, {});
  }

  Result<ArchiveTree> Run() {
    for (uint64_t count = 0;; ++count) {
      if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      archive_entry* entry = nullptr;
      const int code = ::archive_read_next_header(reader_, &entry);
      if (code == ARCHIVE_EOF) break;
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return Failure("");
      if (count == kEntriesMax) return MakeError(ErrorCode::kUnsupported, "it has more than {} entries", kEntriesMax);
      RETURN_IF_ERROR(Take(entry));
    }
    if (acls_ > 0) tree_.notes.push_back(fmt::format("{} of its entries have access lists, which are not kept", acls_));
    return std::move(tree_);
  }

 private:
  Result<void> Take(archive_entry* entry) {
    const Bytes path = TextOf(::archive_entry_pathname(entry));
    const std::string shown = PathForPeople(path);
    RETURN_IF_ERROR(CheckType(shown));
    bool is_changed = false;
    const std::vector<Bytes> names = NamesOf(path, is_changed);
    if (is_changed) Note(fmt::format("the entry {} is kept at {}", shown, Shown(names)));
    if (names.size() + 1 >= limits::kFolderDepthMax) {
      return MakeError(ErrorCode::kUnsupported, "folders in it are nested deeper than {}", limits::kFolderDepthMax);
    }
    for (const Bytes& name : names) {
      if (!IsNodeName(name)) return MakeError(ErrorCode::kUnsupported, "the entry {} has a name of no file", shown);
    }
    if (names.empty()) {
      if (TypeOf(entry) == NodeType::kFolder) return {};
      return MakeError(ErrorCode::kUnsupported, "the entry \"{}\" has no name", shown);
    }
    const TreeEntryPtr made = MakeEntry(entry, names.back());
    const char* const target = ::archive_entry_hardlink(entry);
    if (target == nullptr) RETURN_IF_ERROR(CheckEntry(*made).While("the entry " + shown));
    if (target != nullptr) {
      RETURN_IF_ERROR(Link(*made, TextOf(target), shown));
    } else if (made->entry.type == NodeType::kFile) {
      RETURN_IF_ERROR(
          ReadFile(*made, static_cast<uint64_t>(std::max<la_int64_t>(::archive_entry_size(entry), 0)), shown));
    }
    if (::archive_entry_acl_types(entry) != 0) ++acls_;
    RETURN_IF_ERROR(CheckPlace(names, *made, path));
    Put(names, made);
    if (HasParent(path)) moved_.emplace(made, path);
    return {};
  }

  // libarchive takes the rest of a file, whose beginning is in the volume before, for a file.
  Result<void> CheckType(const std::string& shown) const {
    if (tar_ == nullptr) return {};
    const auto offset = static_cast<uint64_t>(std::max<la_int64_t>(::archive_read_header_position(reader_), 0));
    if (tar_->TypeOfHeader(offset) != 'M') return {};
    return MakeError(ErrorCode::kUnsupported,
                     "it is a volume of several, and goes on with the entry {} of the one before: join them first",
                     shown);
  }

  // In a tar a later entry takes the place of one of the same name, which it is a newer state of. A zip has each once;
  // and what a ".." was left out of is another file.
  Result<void> CheckPlace(const std::vector<Bytes>& names, const TreeEntry& made, const Bytes& path) const {
    const TreeEntryPtr* place = &tree_.root;
    for (const Bytes& name : names) {
      const auto found = (*place)->children.find(name);
      if (found == (*place)->children.end()) {
        if (is_tar_ || (*place)->entry.type == NodeType::kFolder) return {};
        return Corrupt("the entry {} is in an entry that is a file", PathForPeople(path));
      }
      place = &found->second;
    }
    const TreeEntry& there = **place;
    if (there.entry.type == NodeType::kFolder && made.entry.type == NodeType::kFolder) return {};
    if (!is_tar_) return Corrupt("two of its entries are {}", Shown(names));
    const auto moved = moved_.find(*place);
    const bool is_same = moved == moved_.end() ? !HasParent(path) : moved->second == path;
    if (is_same) return {};
    return Corrupt("the entry {} would be kept at {}, where there is another", PathForPeople(path), Shown(names));
  }
  static bool HasParent(const Bytes& path) {
    const std::string text = "/" + std::string(AsText(path)) + "/";
    return text.find("/../") != std::string::npos;
  }

  TreeEntryPtr MakeEntry(archive_entry* entry, const Bytes& name) {
    const WireTime modified = {::archive_entry_mtime_is_set(entry) != 0 ? ::archive_entry_mtime(entry) : 0,
                               static_cast<uint32_t>(::archive_entry_mtime_nsec(entry)) % 1'000'000'000};
    auto made = TypeOf(entry) == NodeType::kFolder ? NewFolder(name, modified) : NewFile(name, modified);
    SourceEntry& node = made->entry;
    node.type = TypeOf(entry);
    node.mode = ::archive_entry_perm(entry) & 07777;
    const auto uid = ::archive_entry_uid(entry), gid = ::archive_entry_gid(entry);
    if (is_tar_ || uid > 0) node.uid = static_cast<uint64_t>(std::max<la_int64_t>(uid, 0));
    if (is_tar_ || gid > 0) node.gid = static_cast<uint64_t>(std::max<la_int64_t>(gid, 0));
    made->metadata.user = TextOf(::archive_entry_uname(entry));
    made->metadata.group = TextOf(::archive_entry_gname(entry));
    if (node.type == NodeType::kSymlink) made->metadata.target = TextOf(::archive_entry_symlink(entry));
    if (node.type == NodeType::kCharDevice || node.type == NodeType::kBlockDevice) {
      node.device = {static_cast<uint64_t>(::archive_entry_rdevmajor(entry)),
                     static_cast<uint64_t>(::archive_entry_rdevminor(entry))};
    }
    ::archive_entry_xattr_reset(entry);
    std::map<Bytes, Bytes> attributes;
    const char* attribute = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    while (::archive_entry_xattr_next(entry, &attribute, &value, &size) == ARCHIVE_OK) {
      attributes[TextOf(attribute)] = ToBytes({static_cast<const uint8_t*>(value), size});
    }
    made->metadata.attributes.assign(attributes.begin(), attributes.end());
    return made;
  }

  Result<void> Link(TreeEntry& made, const Bytes& target, const std::string& shown) {
    bool is_changed = false;
    TreeEntryPtr other = tree_.root;
    for (const Bytes& name : NamesOf(target, is_changed)) {
      const auto found = other->children.find(name);
      if (found == other->children.end()) {
        return Corrupt("the entry {} is a link to {}, which is not before it", shown, PathForPeople(target));
      }
      other = found->second;
    }
    if (other->entry.type == NodeType::kFolder) {
      return Corrupt("the entry {} is a link to the folder {}", shown, PathForPeople(target));
    }
    if (!other->entry.linked) other->entry.inode = ++links_;
    other->entry.linked = true;
    const Bytes name = made.entry.name;
    made.entry = other->entry;
    made.entry.name = name;
    made.metadata = other->metadata;
    made.open = other->open;
    return {};
  }

  // `size`: as the archive tells it.
  Result<void> ReadFile(TreeEntry& made, uint64_t size, const std::string& shown) {
    const uint64_t begin = spool_.size();
    for (;;) {
      if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      const la_ssize_t got = ::archive_read_data(reader_, buffer_.data(), buffer_.size());
      if (got < 0) return Failure("the entry " + shown + ": ");
      if (got == 0) break;
      RETURN_IF_ERROR(spool_.Append(ByteSpan(buffer_).first(static_cast<size_t>(got))));
      RETURN_IF_ERROR(limit_.Check(spool_.size()));
    }
    // libarchive gives zeros for holes, but for one at the end.
    if (const uint64_t got = spool_.size() - begin; is_tar_ && got < size) {
      RETURN_IF_ERROR(limit_.Check(begin + size));
      RETURN_IF_ERROR(spool_.AppendHole(size - got));
    }
    made.entry.size = spool_.size() - begin;
    made.open = [file = spool_.file(), begin, size = made.entry.size]() -> Result<std::unique_ptr<ByteStream>> {
      return std::make_unique<FileStream>(file, begin, size);
    };
    return {};
  }

  void Put(const std::vector<Bytes>& names, const TreeEntryPtr& made) {
    TreeEntryPtr folder = tree_.root;
    for (size_t i = 0; i + 1 < names.size(); ++i) {
      TreeEntryPtr& inner = folder->children[names[i]];
      if (inner == nullptr || inner->entry.type != NodeType::kFolder) inner = NewFolder(names[i], made->entry.modified);
      folder = inner;
    }
    TreeEntryPtr& place = folder->children[names.back()];
    const bool both_folders =
        place != nullptr && place->entry.type == NodeType::kFolder && made->entry.type == NodeType::kFolder;
    if (both_folders) made->children = std::move(place->children);
    place = made;
  }

  std::string Shown(const std::vector<Bytes>& names) const {
    TreePath path;
    for (const Bytes& name : names) path = JoinPath(path, name);
    return PathForPeople(path);
  }

  void Note(std::string text) {
    if (tree_.notes.size() < kNotesMax) tree_.notes.push_back(std::move(text));
  }

  Error Failure(const std::string& what) const {
    const char* said = ::archive_error_string(reader_);
    return Corrupt("{}it is damaged, or cut short: {}", what, said != nullptr ? said : "unknown");
  }

  archive* const reader_;
  const TarInput* const tar_;
  const bool is_tar_;
  Spool& spool_;
  const GrowthLimit limit_;
  const std::stop_token stop_;
  Bytes buffer_;
  ArchiveTree tree_;
  uint64_t links_ = 0, acls_ = 0;
  std::map<TreeEntryPtr, Bytes> moved_;  // entries whose names have "..", with these
};

// A reader of a zip; `file` has a place of its own to read at.
Result<Archive> OpenZip(const stream::OwnedFd& file) {
  Archive reader(::archive_read_new());
  if (reader == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
  ::archive_read_support_format_zip_seekable(reader.get());
  if (::archive_read_open_fd(reader.get(), file.get(), kBufferBytes) != ARCHIVE_OK) {
    const char* said = ::archive_error_string(reader.get());
    return Corrupt("it is damaged, or cut short: the list at its end cannot be read ({})",
                   said != nullptr ? said : "unknown");
  }
  return reader;
}

// With a place to read at of its own.
Result<stream::OwnedFd> OpenAgain(const SharedFd& file) {
  const int fd = ::open(fmt::format("/proc/self/fd/{}", file->get()).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "opening it again");
  return stream::OwnedFd(fd);
}

}  // namespace

TreeEntryPtr NewFolder(ByteSpan name, const WireTime& modified) {
  auto made = NewFile(name, modified);
  made->entry.type = NodeType::kFolder;
  made->entry.mode = 0700;
  return made;
}

TreeEntryPtr NewFile(ByteSpan name, const WireTime& modified) {
  auto made = std::make_shared<TreeEntry>();
  made->entry.name = ToBytes(name);
  made->entry.mode = 0600;
  made->entry.uid = ::geteuid();
  made->entry.gid = ::getegid();
  made->entry.modified = modified;
  made->entry.stable_mark = false;  // always read
  return made;
}

Result<ArchiveTree> ReadTar(ByteStream& archive_stream, Spool& spool, const GrowthLimit& limit,
                            const std::stop_token& stop) {
  const Utf8Names names;
  TarInput input(archive_stream);
  const Archive reader(::archive_read_new());
  if (reader == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
  ::archive_read_support_format_tar(reader.get());
  if (::archive_read_open(reader.get(), &input, nullptr, &TarInput::Read, nullptr) != ARCHIVE_OK) {
    if (input.error()) return *input.error();
    return Corrupt("it is damaged: {}", ::archive_error_string(reader.get()));
  }
  auto tree = TreeReader(reader.get(), &input, spool, limit, stop).Run();
  if (input.error()) return *input.error();
  RETURN_IF_ERROR(tree);
  const auto end = static_cast<uint64_t>(std::max<la_int64_t>(::archive_filter_bytes(reader.get(), 0), 0));
  for (;;) {  // to the end of what compresses it, where its checksum is
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const size_t got, input.Fill());
    if (got == 0) break;
  }
  if (input.used() > end) {
    return Corrupt("{} bytes follow the archive's end: it is damaged, or several that were joined", input.used() - end);
  }
  if (input.zeros() < kTarEndBytes) return Corrupt("it is cut short: the two empty blocks at its end are missing");
  return tree;
}

Result<ArchiveTree> ReadZip(const SharedFd& file, Spool& spool, const GrowthLimit& limit, const std::stop_token& stop) {
  const Utf8Names names;
  ASSIGN_OR_RETURN(const stream::OwnedFd again, OpenAgain(file));
  ASSIGN_OR_RETURN(const Archive reader, OpenZip(again));
  return TreeReader(reader.get(), nullptr, spool, limit, stop).Run();
}

Result<Bytes> ReadZipFile(const SharedFd& file, const std::string& name, size_t size_max) {
  const Utf8Names names;
  ASSIGN_OR_RETURN(const stream::OwnedFd again, OpenAgain(file));
  ASSIGN_OR_RETURN(const Archive reader, OpenZip(again));
  for (;;) {
    archive_entry* entry = nullptr;
    const int code = ::archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) return MakeError(ErrorCode::kNotFound, "a zip without {}", name);
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) {
      const char* said = ::archive_error_string(reader.get());
      return Corrupt("it is damaged, or cut short: {}", said != nullptr ? said : "unknown");
    }
    const char* path = ::archive_entry_pathname(entry);
    if (path == nullptr || name != path) continue;
    Bytes bytes(size_max + 1);
    size_t filled = 0;
    while (filled < bytes.size()) {
      const la_ssize_t got = ::archive_read_data(reader.get(), bytes.data() + filled, bytes.size() - filled);
      if (got < 0) return Corrupt("the entry {} is damaged: {}", name, ::archive_error_string(reader.get()));
      if (got == 0) break;
      filled += static_cast<size_t>(got);
    }
    if (filled > size_max) return MakeError(ErrorCode::kUnsupported, "{} has more than {} bytes", name, size_max);
    bytes.resize(filled);
    return bytes;
  }
}

}  // namespace cairn::import
