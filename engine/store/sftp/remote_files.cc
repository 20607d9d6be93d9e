#include "engine/store/sftp/remote_files.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include "repo-format/tree_path.h"

namespace cairn::sftp {
namespace {

constexpr uint32_t kFileMode = 0600;
constexpr uint32_t kFolderMode = 0700;
constexpr uint64_t kCallBytesMax = 2 * kMiB;  // under way of one call: what OpenSSH lets be under way of a session
constexpr uint64_t kListingSize = 32 * kKiB;  // about, of an answer
constexpr int kListingsAhead = 2;             // a folder
constexpr size_t kFolderEntriesMax = 10'000'000;

PacketWriter Request(PacketType type, std::string_view first) { return std::move(PacketWriter(type).String(first)); }
PacketWriter Extended(std::string_view name, std::string_view first) {
  return std::move(PacketWriter(PacketType::kExtended).String(name).String(first));
}

}  // namespace

// Requests whose answers are owed; those that nobody takes are dropped with it.
class RemoteFiles::Sent {
 public:
  explicit Sent(Connection& connection) : connection_(connection) {}
  ~Sent() {
    for (const uint32_t id : ids_) connection_.Drop(id);
  }
  Sent(const Sent&) = delete;
  Sent& operator=(const Sent&) = delete;
  Result<void> Add(Result<uint32_t> id) {
    RETURN_IF_ERROR(id);
    ids_.push_back(*id);
    return {};
  }
  uint32_t Next() {
    const uint32_t id = ids_.front();
    ids_.pop_front();
    return id;
  }
  bool empty() const { return ids_.empty(); }

 private:
  Connection& connection_;
  std::deque<uint32_t> ids_;
};

// An open file or folder of the server, closed when it goes.
class RemoteFiles::Handle {
 public:
  Handle(RemoteFiles& files, std::string text) : files_(&files), text_(std::move(text)) {}
  Handle(Handle&& other) noexcept : files_(std::exchange(other.files_, nullptr)), text_(std::move(other.text_)) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (files_ != nullptr) files_->Post(Request(PacketType::kClose, text_));
  }
  const std::string& text() const { return text_; }
  // The caller closes it.
  void Release() { files_ = nullptr; }

 private:
  RemoteFiles* files_;
  std::string text_;
};

Result<void> RemoteFiles::Judge(const Answer& answer, const std::string& path) const {
  ASSIGN_OR_RETURN(const Status status, ParseStatus(answer.body()));
  if (status.code == StatusCode::kOk) return {};
  ErrorCode code = ErrorCode::kIo;
  bool transient = false;
  switch (status.code) {
    case StatusCode::kNoSuchFile:
      return MakeError(ErrorCode::kNotFound, "{} is not there", Named(path));
    case StatusCode::kPermissionDenied:
    case StatusCode::kWriteProtect:
      code = ErrorCode::kPermission;
      break;
    case StatusCode::kUnsupported:
      code = ErrorCode::kUnsupported;
      break;
    case StatusCode::kFileAlreadyExists:
      code = ErrorCode::kAlreadyExists;
      break;
    case StatusCode::kNoSpace:
    case StatusCode::kQuotaExceeded:
      code = ErrorCode::kNoSpace;
      break;
    case StatusCode::kNoConnection:
    case StatusCode::kConnectionLost:
      transient = true;
      break;
    default:
      break;
  }
  Error error = MakeError(code, "{}: the server says \"{}\" (status {})", Named(path), status.message,
                          static_cast<uint32_t>(status.code));
  if (transient) return std::move(error).Transient();
  return error;
}

Result<Answer> RemoteFiles::Take(uint32_t id, const std::string& path, PacketType expected) {
  auto taken = connection_->Take(id);
  if (!taken) return std::move(taken).While(Named(path));
  Answer answer = *std::move(taken);
  if (answer.type == expected) return answer;
  if (answer.type == PacketType::kStatus) RETURN_IF_ERROR(Judge(answer, path));
  return MakeError(ErrorCode::kIo, "{}: the SFTP server gave an answer of type {}, expected {}", Named(path),
                   static_cast<int>(answer.type), static_cast<int>(expected))
      .Transient();
}

Result<void> RemoteFiles::TakeStatus(uint32_t id, const std::string& path) {
  ASSIGN_OR_RETURN(const Answer answer, Take(id, path, PacketType::kStatus));
  return Judge(answer, path);
}

Result<void> RemoteFiles::Do(PacketWriter request, const std::string& path) {
  ASSIGN_OR_RETURN(const uint32_t id, connection_->Send(std::move(request)));
  return TakeStatus(id, path);
}

void RemoteFiles::Post(PacketWriter request) {
  const auto id = connection_->Send(std::move(request));
  if (id) connection_->Drop(*id);
}

Result<uint32_t> RemoteFiles::SendOpen(const std::string& path, uint32_t flags) {
  PacketWriter request(PacketType::kOpen);
  request.String(path).U32(flags);
  if (flags & kOpenCreate) {
    request.Permissions(kFileMode);
  } else {
    request.NoAttributes();
  }
  return connection_->Send(std::move(request));
}

Result<RemoteFiles::Handle> RemoteFiles::TakeHandle(uint32_t id, const std::string& path) {
  ASSIGN_OR_RETURN(const Answer answer, Take(id, path, PacketType::kHandle));
  ASSIGN_OR_RETURN(std::string text, ParseHandle(answer.body()));
  return Handle(*this, std::move(text));
}

Result<RemoteInfo> RemoteFiles::InfoOf(const Attributes& attributes) const {
  return RemoteInfo{.is_folder = attributes.is_folder(),
                    .is_other = !attributes.is_folder() && !attributes.is_file(),
                    .size = attributes.size.value_or(0),
                    .modified = attributes.modified_seconds * 1'000'000'000};
}

Result<RemoteInfo> RemoteFiles::Stat(const std::string& path) {
  ASSIGN_OR_RETURN(const uint32_t id, connection_->Send(Request(PacketType::kStat, path)));
  return TakeStat(id, path);
}

std::vector<Result<RemoteInfo>> RemoteFiles::StatAll(const std::vector<std::string>& paths) {
  std::vector<Result<uint32_t>> sent;
  for (const std::string& path : paths) sent.push_back(connection_->Send(Request(PacketType::kStat, path)));
  std::vector<Result<RemoteInfo>> found;
  for (size_t i = 0; i < paths.size(); ++i) {
    found.push_back(sent[i] ? TakeStat(*sent[i], paths[i]) : Result<RemoteInfo>(std::move(sent[i]).error()));
  }
  return found;
}

Result<RemoteInfo> RemoteFiles::TakeStat(uint32_t id, const std::string& path) {
  ASSIGN_OR_RETURN(const Answer answer, Take(id, path, PacketType::kAttributes));
  ASSIGN_OR_RETURN(const Attributes attributes, ParseAttributes(answer.body()));
  return InfoOf(attributes);
}

// Writes, sync and close are sent in a row: what is asked of one file is done in the order of asking
// (draft-ietf-secsh-filexfer-02 section 4.1).
Result<void> RemoteFiles::WriteNew(const std::string& path, ByteSpan bytes) {
  ASSIGN_OR_RETURN(const uint32_t open, SendOpen(path, kOpenWrite | kOpenCreate | kOpenExclusive));
  ASSIGN_OR_RETURN(Handle handle, TakeHandle(open, path));
  Sent sent(*connection_);
  uint64_t under_way = 0;
  std::deque<uint64_t> sizes;
  for (uint64_t offset = 0; offset < bytes.size();) {
    const ByteSpan part = bytes.subspan(offset, std::min<uint64_t>(bytes.size() - offset, connection_->write_size()));
    PacketWriter write(PacketType::kWrite, part.size());
    write.String(handle.text()).U64(offset).String(part);
    RETURN_IF_ERROR(sent.Add(connection_->Send(std::move(write))));
    sizes.push_back(part.size());
    under_way += part.size();
    offset += part.size();
    while (under_way > kCallBytesMax) {
      RETURN_IF_ERROR(TakeStatus(sent.Next(), path));
      under_way -= sizes.front();
      sizes.pop_front();
    }
  }
  if (Offers("fsync@openssh.com")) {
    RETURN_IF_ERROR(sent.Add(connection_->Send(Extended("fsync@openssh.com", handle.text()))));
  }
  if (!Offers("fsync@openssh.com")) {  // then its end is where a full disk may show; else nobody waits for that
    RETURN_IF_ERROR(sent.Add(connection_->Send(Request(PacketType::kClose, handle.text()))));
    handle.Release();
  }
  while (!sent.empty()) RETURN_IF_ERROR(TakeStatus(sent.Next(), path));
  return {};
}

Result<uint32_t> RemoteFiles::SendRead(const Handle& handle, uint64_t offset, uint64_t size) {
  PacketWriter read(PacketType::kRead);
  read.String(handle.text()).U64(offset).U32(static_cast<uint32_t>(size));
  return connection_->Send(std::move(read), size);
}

Result<uint64_t> RemoteFiles::TakeData(uint32_t id, const std::string& path, MutableByteSpan target) {
  auto taken = connection_->Take(id);
  if (!taken) return std::move(taken).While(Named(path)).error();
  if (taken->type == PacketType::kStatus) {
    ASSIGN_OR_RETURN(const Status status, ParseStatus(taken->body()));
    if (status.code == StatusCode::kEndOfFile) return uint64_t{0};
    RETURN_IF_ERROR(Judge(*taken, path));
  }
  if (taken->type != PacketType::kData) {
    return MakeError(ErrorCode::kIo, "{}: the SFTP server gave no data", Named(path)).Transient();
  }
  ASSIGN_OR_RETURN(const ByteSpan data, ParseData(taken->body(), static_cast<uint32_t>(target.size())));
  std::memcpy(target.data(), data.data(), data.size());
  return uint64_t{data.size()};
}

Result<void> RemoteFiles::ReadInto(const Handle& handle, const std::string& path, uint64_t offset,
                                   MutableByteSpan target) {
  Sent sent(*connection_);
  std::deque<MutableByteSpan> places;
  uint64_t under_way = 0;
  size_t asked = 0;
  while (asked < target.size() || !sent.empty()) {
    if (asked < target.size() && under_way < kCallBytesMax) {
      const auto place = target.subspan(asked, std::min<size_t>(target.size() - asked, connection_->read_size()));
      RETURN_IF_ERROR(sent.Add(SendRead(handle, offset + asked, place.size())));
      places.push_back(place);
      asked += place.size();
      under_way += place.size();
      continue;
    }
    MutableByteSpan place = places.front();
    places.pop_front();
    under_way -= place.size();
    auto id = sent.Next();
    for (;;) {  // a server may give less than it was asked for
      ASSIGN_OR_RETURN(const uint64_t got, TakeData(id, path, place));
      if (got == 0) return Corrupt("{} ends at byte {}", Named(path), offset + (place.data() - target.data()));
      place = place.subspan(got);
      if (place.empty()) break;
      ASSIGN_OR_RETURN(id,
                       SendRead(handle, offset + static_cast<uint64_t>(place.data() - target.data()), place.size()));
    }
  }
  return {};
}

Result<uint64_t> RemoteFiles::SizeWanted(const std::string& path, const Wanted& wanted,
                                         const Attributes& attributes) const {
  if (attributes.mode && !attributes.is_file()) return Corrupt("{} is no regular file", Named(path));
  if (!attributes.size) return MakeError(ErrorCode::kUnsupported, "{}: the server tells no size", Named(path));
  const uint64_t size = *attributes.size;
  if (!wanted.size) {
    if (size <= wanted.size_max) return size;
    return Corrupt("{} has {} bytes, at most {} are allowed", Named(path), size, wanted.size_max);
  }
  if (wanted.offset <= size && *wanted.size <= size - wanted.offset) return *wanted.size;
  return Corrupt("{} has {} bytes, {} from byte {} are wanted", Named(path), size, *wanted.size, wanted.offset);
}

// The first data are asked for together with the size.
Result<Bytes> RemoteFiles::ReadWanted(const std::string& path, const Wanted& wanted) {
  ASSIGN_OR_RETURN(const uint32_t open, SendOpen(path, kOpenRead));
  ASSIGN_OR_RETURN(const Handle handle, TakeHandle(open, path));
  Sent sent(*connection_);
  RETURN_IF_ERROR(sent.Add(connection_->Send(Request(PacketType::kFileStat, handle.text()))));
  const uint64_t first_size = std::min<uint64_t>(wanted.size.value_or(wanted.size_max), connection_->read_size());
  if (first_size > 0) RETURN_IF_ERROR(sent.Add(SendRead(handle, wanted.offset, first_size)));
  ASSIGN_OR_RETURN(const Answer stat, Take(sent.Next(), path, PacketType::kAttributes));
  ASSIGN_OR_RETURN(const Attributes attributes, ParseAttributes(stat.body()));
  ASSIGN_OR_RETURN(const uint64_t size, SizeWanted(path, wanted, attributes));
  Bytes bytes(size);
  if (size == 0) return bytes;
  const MutableByteSpan first = MutableByteSpan(bytes).first(std::min(size, first_size));
  ASSIGN_OR_RETURN(const uint64_t got, TakeData(sent.Next(), path, first));
  if (got == 0) return Corrupt("{} ends at byte {}, and should have {}", Named(path), wanted.offset, size);
  RETURN_IF_ERROR(ReadInto(handle, path, wanted.offset + got, MutableByteSpan(bytes).subspan(got)));
  return bytes;
}

Result<Bytes> RemoteFiles::ReadAll(const std::string& path, uint64_t size_max) {
  return ReadWanted(path, {.size_max = size_max});
}

Result<Bytes> RemoteFiles::ReadRange(const std::string& path, uint64_t offset, uint64_t size) {
  if (size > 0 && size <= connection_->read_size()) {
    ASSIGN_OR_RETURN(const uint32_t open, SendOpen(path, kOpenRead));
    ASSIGN_OR_RETURN(const Handle handle, TakeHandle(open, path));
    ASSIGN_OR_RETURN(const uint32_t read, SendRead(handle, offset, size));
    Bytes bytes(size);
    const auto got = TakeData(read, path, bytes);
    if (got && *got == size) return bytes;
    if (!got && got.error().transient()) return got.error();
  }
  return ReadWanted(path, {.offset = offset, .size = size});  // which finds out what is wrong
}

Result<void> RemoteFiles::MakeFolder(const std::string& path) {
  return Do(std::move(Request(PacketType::kMakeFolder, path).Permissions(kFolderMode)), path);
}
Result<void> RemoteFiles::Remove(const std::string& path) { return Do(Request(PacketType::kRemove, path), path); }
void RemoteFiles::RemoveLater(const std::string& path) { Post(Request(PacketType::kRemove, path)); }

Result<void> RemoteFiles::Replace(const std::string& source, const std::string& target) {
  return Do(std::move(Extended("posix-rename@openssh.com", source).String(target)), target);
}
Result<void> RemoteFiles::Rename(const std::string& source, const std::string& target) {
  return Do(std::move(Request(PacketType::kRename, source).String(target)), target);
}
Result<void> RemoteFiles::Link(const std::string& source, const std::string& target) {
  return Do(std::move(Extended("hardlink@openssh.com", source).String(target)), target);
}

Result<void> RemoteFiles::LinkAndRemove(const std::string& source, const std::string& target) {
  Sent sent(*connection_);
  PacketWriter link = Extended("hardlink@openssh.com", source);
  link.String(target);
  RETURN_IF_ERROR(sent.Add(connection_->Send(std::move(link))));
  RETURN_IF_ERROR(sent.Add(connection_->Send(Request(PacketType::kRemove, source))));
  auto linked = TakeStatus(sent.Next(), target);
  IgnoreError(TakeStatus(sent.Next(), source), "what is left is removed in a day");
  return linked;
}

Result<Space> RemoteFiles::FreeSpace(const std::string& path) {
  if (!connection_->Offers("statvfs@openssh.com", "2")) {
    return MakeError(ErrorCode::kUnsupported, "{} does not tell how much is free", host_);
  }
  ASSIGN_OR_RETURN(const uint32_t id, connection_->Send(Extended("statvfs@openssh.com", path)));
  ASSIGN_OR_RETURN(const Answer answer, Take(id, path, PacketType::kExtendedReply));
  return ParseSpace(answer.body());
}

Result<FolderSync> RemoteFiles::ChangeAndSync(const std::string& folder, const std::function<Result<void>()>& change) {
  if (!Offers("fsync@openssh.com")) {
    RETURN_IF_ERROR(change());
    return FolderSync::kRefused;
  }
  ASSIGN_OR_RETURN(const uint32_t open, SendOpen(folder, kOpenRead));
  auto changed = change();
  auto handle = TakeHandle(open, folder);
  RETURN_IF_ERROR(std::move(changed));
  if (!handle && handle.error().transient()) return std::move(handle).error();
  if (!handle) return handle.error().code() == ErrorCode::kNotFound ? FolderSync::kNoFolder : FolderSync::kRefused;
  auto synced = Do(Extended("fsync@openssh.com", handle->text()), folder);
  if (synced) return FolderSync::kDone;
  if (synced.error().transient()) return std::move(synced).error();
  return FolderSync::kRefused;
}

// False: that was all.
Result<bool> RemoteFiles::TakeEntries(uint32_t id, const std::string& path, RemoteFolder& folder,
                                      std::vector<size_t>& links) {
  auto taken = connection_->Take(id);
  if (!taken) return std::move(taken).While(Named(path)).error();
  if (taken->type == PacketType::kStatus) {
    ASSIGN_OR_RETURN(const Status status, ParseStatus(taken->body()));
    if (status.code == StatusCode::kEndOfFile) return false;
    RETURN_IF_ERROR(Judge(*taken, path));
  }
  if (taken->type != PacketType::kName) {
    return MakeError(ErrorCode::kIo, "{}: the SFTP server gave no listing", Named(path)).Transient();
  }
  ASSIGN_OR_RETURN(std::vector<Entry> entries, ParseNames(taken->body()));
  if (folder.entries.size() + entries.size() > kFolderEntriesMax) {
    return MakeError(ErrorCode::kUnsupported, "{} has more than {} entries", Named(path), kFolderEntriesMax);
  }
  for (Entry& entry : entries) {
    if (entry.name == "." || entry.name == "..") continue;
    ASSIGN_OR_RETURN(RemoteInfo info, InfoOf(entry.attributes));
    info.name = std::move(entry.name);
    // What a link leads to, and what the server has not said, is asked for.
    if (entry.attributes.is_link() || !entry.attributes.mode || !entry.attributes.size) {
      links.push_back(folder.entries.size());
    }
    folder.entries.push_back(std::move(info));
  }
  return true;
}

Result<void> RemoteFiles::FollowLinks(const std::string& path, RemoteFolder& folder, const std::vector<size_t>& links) {
  for (const size_t index : links) {
    RemoteInfo& info = folder.entries[index];
    auto target = Stat(path + "/" + info.name);
    if (!target && target.error().transient()) return std::move(target).error();
    if (!target) continue;  // a link to nothing
    target->name = std::move(info.name);
    info = *std::move(target);
  }
  return {};
}

Result<std::vector<RemoteFolder>> RemoteFiles::List(const std::vector<std::string>& paths,
                                                    const std::vector<std::string>& then,
                                                    std::vector<Result<RemoteInfo>>* found) {
  Sent opens(*connection_), looks(*connection_);
  for (const std::string& path : paths) {
    RETURN_IF_ERROR(opens.Add(connection_->Send(Request(PacketType::kOpenFolder, path))));
  }
  for (const std::string& path : then) {
    RETURN_IF_ERROR(looks.Add(connection_->Send(Request(PacketType::kStat, path))));
  }
  std::vector<RemoteFolder> folders(paths.size());
  std::vector<std::vector<size_t>> links(paths.size());
  std::vector<std::optional<Handle>> handles(paths.size());
  Result<void> failed;
  for (size_t i = 0; i < paths.size(); ++i) {  // each is taken, for an open one must be closed
    auto handle = TakeHandle(opens.Next(), paths[i]);
    if (handle) handles[i].emplace(*std::move(handle));
    folders[i].is_missing = !handle && handle.error().code() == ErrorCode::kNotFound;
    if (!handle && !folders[i].is_missing && failed) failed = std::move(handle).error();
  }
  for (const std::string& path : then) found->push_back(TakeStat(looks.Next(), path));
  RETURN_IF_ERROR(std::move(failed));
  for (bool is_open = true; is_open;) {
    is_open = false;
    Sent reads(*connection_);
    const auto send_reads = [&](size_t i) -> Result<void> {
      for (int n = 0; n < kListingsAhead; ++n) {
        RETURN_IF_ERROR(
            reads.Add(connection_->Send(Request(PacketType::kReadFolder, handles[i]->text()), kListingSize)));
      }
      return {};
    };
    for (size_t i = 0; i < paths.size(); ++i) {
      if (handles[i]) RETURN_IF_ERROR(send_reads(i));
    }
    for (size_t i = 0; i < paths.size(); ++i) {
      if (!handles[i]) continue;
      bool has_more = true;
      for (int n = 0; n < kListingsAhead; ++n) {
        ASSIGN_OR_RETURN(const bool has, TakeEntries(reads.Next(), paths[i], folders[i], links[i]));
        has_more = has_more && has;
      }
      if (!has_more) handles[i].reset();
      is_open = is_open || has_more;
    }
  }
  for (size_t i = 0; i < paths.size(); ++i) RETURN_IF_ERROR(FollowLinks(paths[i], folders[i], links[i]));
  return folders;
}

}  // namespace cairn::sftp
