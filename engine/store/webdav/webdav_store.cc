#include "engine/store/webdav/webdav_store.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/http/answer.h"
#include "engine/http/base64.h"
#include "engine/http/date.h"
#include "engine/store/own_or_empty.h"
#include "engine/store/webdav/layout.h"
#include "repo-format/base/units.h"

namespace cairn::webdav {
namespace {

constexpr uint64_t kListingBytesMax = 2 * kGiB;  // three million entries, of which one at a time is in memory as text
constexpr int kLooks = 5;                        // at a shared object that changes meanwhile
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

bool IsAbsent(const http::Response& response) { return response.status == 404 || response.status == 410; }

// What servers say of a folder that is missing above what is put or moved.
bool MayLackAFolder(const http::Response& response) {
  constexpr std::array kStatus = {403, 404, 409, 500};
  return std::ranges::find(kStatus, response.status) != kStatus.end();
}

bool MayPass(int status) {
  constexpr std::array kStatus = {408, 423, 425, 429, 500, 502, 503, 504};
  return std::ranges::find(kStatus, status) != kStatus.end();
}

ErrorCode CodeOf(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kPermission;
    case 404:
    case 410:
      return ErrorCode::kNotFound;
    case 412:
      return ErrorCode::kAlreadyExists;
    case 405:
    case 501:
      return ErrorCode::kUnsupported;
    case 507:
      return ErrorCode::kNoSpace;
    default:
      return ErrorCode::kIo;
  }
}

std::string_view WayOut(int status, bool is_anonymous) {
  switch (status) {
    case 401:
      return is_anonymous ? "; set CAIRN_WEBDAV_USER and CAIRN_WEBDAV_PASSWORD"
                          : "; CAIRN_WEBDAV_USER or its password is wrong";
    case 405:
    case 501:
      return "; is there WebDAV at this address?";
    case 413:
      return "; the server limits how large a file may be: raise that to 64 MiB at least, or say -o "
             "store.object-size=32M "
             "(16M at least)";
    default:
      return "";
  }
}

}  // namespace

WebdavStore::WebdavStore(Options options, const Random& random)
    : options_(std::move(options)), random_(random), client_(options_.client) {}

std::unique_ptr<WebdavStore> WebdavStore::Open(Options options, const Random& random) {
  return std::unique_ptr<WebdavStore>(new WebdavStore(std::move(options), random));
}

// Requests.

Result<http::Response> WebdavStore::SendTo(const Place& place, const Call& call) {
  if (options_.limit) RETURN_IF_ERROR(options_.limit->Wait());
  http::Headers headers = call.headers;
  if (!options_.user.empty()) {
    headers.emplace_back("Authorization",
                         "Basic " + http::Base64Encode(AsBytes(options_.user + ":" + options_.password)));
  }
  return client_.Send({.method = call.method,
                       .url = place.UrlOf(call.path),
                       .headers = std::move(headers),
                       .body = call.body,
                       .answer_bytes_max = call.answer_bytes_max,
                       .sink = call.sink});
}

Error WebdavStore::ErrorOf(const http::Response& response, std::string_view what) const {
  const std::string_view way_out = WayOut(response.status, options_.user.empty());
  Error error = MakeError(CodeOf(response.status), "{}: the server answered {}{}", what, response.status, way_out);
  if (MayPass(response.status)) return std::move(error).Transient();
  return error;
}

Error WebdavStore::ErrorOf(const http::Response& response, const Call& call) const {
  return ErrorOf(response, call.method + " " + UrlOf(call.path));
}

Result<bool> WebdavStore::IsFolder(const std::string& path) {
  ASSIGN_OR_RETURN(const auto listing, ListEntries(path, "0"));
  return listing && listing->self.is_folder;
}

Result<http::Response> WebdavStore::Ask(const ObjectName& name, Call& call) {
  call.path = FileOf(name);
  int looks_at_same = 0;
  for (int look = 0; look < kLooks; ++look) {
    ASSIGN_OR_RETURN(http::Response response, Send(call));
    if (response.succeeded() || response.status == 416) return response;
    // A file that goes while Apache opens it is "forbidden".
    if (!IsAbsent(response) && response.status != 403) return ErrorOf(response, call);
    std::string there;
    if (response.status == 403 || IsShared(name.text())) {
      ASSIGN_OR_RETURN(there, PathNow(name));
    }
    if (there.empty()) {
      RETURN_IF_ERROR(NeedRoot());
      return MakeError(ErrorCode::kNotFound, "{} is not there", UrlOf(call.path));
    }
    if (there == call.path && ++looks_at_same == 2) return ErrorOf(response, call);
    call.path = there;
  }
  return MakeError(ErrorCode::kIo, "{} is replaced again and again", UrlOf(call.path)).Transient();
}

Result<std::string> WebdavStore::PathNow(const ObjectName& name) {
  const bool is_shared = IsShared(name.text());
  ASSIGN_OR_RETURN(const auto listing, ListEntries(PlaceOf(name), is_shared ? "1" : "0"));
  if (!listing || listing->self.is_folder != is_shared) return std::string();
  if (!is_shared) return PlaceOf(name);
  const Entry* newest = NewestOf(listing->entries);
  return newest == nullptr ? std::string() : FileOf(name, *VersionOf(*newest));
}

// Folders.

Result<void> WebdavStore::MakeFolder(const std::string& path) {
  const Call call{.method = "MKCOL", .path = path, .answer_bytes_max = kMiB};
  const auto is_there = [&](const http::Response& response) -> Result<bool> {
    if (response.succeeded() || response.status == 405) return true;  // 405: it was there
    return MayLackAFolder(response) ? IsFolder(path) : Result<bool>(false);
  };
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  ASSIGN_OR_RETURN(bool done, is_there(response));
  if (!done && MayLackAFolder(response) && !FolderOf(path).empty()) {
    RETURN_IF_ERROR(EnsureFolder(FolderOf(path)));
    ASSIGN_OR_RETURN(response, Send(call));
    ASSIGN_OR_RETURN(done, is_there(response));
  }
  if (done) return {};
  return ErrorOf(response, call);
}

Result<void> WebdavStore::EnsureFolder(const std::string& path) {
  if (path.empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (known_folders_.contains(path)) return {};
  }
  RETURN_IF_ERROR(MakeFolder(path));
  const std::lock_guard lock(mutex_);
  known_folders_.insert(path);
  return {};
}

void WebdavStore::ForgetFolders() {
  const std::lock_guard lock(mutex_);
  known_folders_.clear();
}

Result<void> WebdavStore::NeedRoot() {
  ASSIGN_OR_RETURN(const bool is_there, IsFolder(""));
  if (is_there) return {};
  return MakeError(ErrorCode::kNotFound, "there is no repository at {}: the folder is missing", description());
}

// Putting.

std::string WebdavStore::NewTemporary() const { return std::string(kTemporary) + random_.NewId<ObjectId>().ToHex(); }

void WebdavStore::RemoveTemporary(const std::string& path) {
  IgnoreError(Send({.method = "DELETE", .path = path, .answer_bytes_max = kMiB}), "CleanTemporary finds it");
}

Result<http::Response> WebdavStore::Move(const std::string& from, const std::string& to, Onto onto) {
  return Send({.method = "MOVE",
               .path = from,
               .headers = {{"Destination", UrlOf(to)}, {"Overwrite", onto == Onto::kAny ? "T" : "F"}},
               .answer_bytes_max = kMiB});
}

Result<http::Response> WebdavStore::Stage(const std::string& temporary, ByteSpan bytes) {
  RETURN_IF_ERROR(EnsureFolder(std::string(kTemporary)));
  std::string file = temporary;
  if (temporary.ends_with('/')) {
    ASSIGN_OR_RETURN(http::Response made, Send({.method = "MKCOL", .path = temporary, .answer_bytes_max = kMiB}));
    if (!made.succeeded()) return made;
    file += kFile;
  }
  return Send({.method = "PUT", .path = file, .body = bytes, .answer_bytes_max = kMiB});
}

Result<http::Response> WebdavStore::PutByMoveOnce(const std::string& to, ByteSpan bytes, Onto onto) {
  const std::string temporary = NewTemporary() + (to.ends_with('/') ? "/" : "");
  auto response = Stage(temporary, bytes);
  if (response && response->succeeded()) response = Move(temporary, to, onto);
  if (!response || !response->succeeded()) RemoveTemporary(temporary);
  return response;
}

Result<http::Response> WebdavStore::PutByMove(const std::string& to, ByteSpan bytes, Onto onto) {
  RETURN_IF_ERROR(EnsureFolder(FolderOf(to)));
  ASSIGN_OR_RETURN(http::Response response, PutByMoveOnce(to, bytes, onto));
  if (response.succeeded() || !MayLackAFolder(response)) return response;
  ForgetFolders();  // somebody may have removed one
  RETURN_IF_ERROR(EnsureFolder(FolderOf(to)));
  return PutByMoveOnce(to, bytes, onto);
}

Result<void> WebdavStore::Put(const ObjectName& name, ByteSpan bytes) {
  if (IsOutside(name.text())) {
    return MakeError(ErrorCode::kInvalidArgument, "putting {}: {} is for temporary files", name.text(), kTemporary);
  }
  if (!IsShared(name.text())) {
    ASSIGN_OR_RETURN(const http::Response response, PutByMove(PlaceOf(name), bytes, Onto::kAny));
    if (response.succeeded()) return {};
    return ErrorOf(response, "PUT " + UrlOf(PlaceOf(name)));
  }
  http::Response response;
  for (int look = 0; look < kLooks; ++look) {
    ASSIGN_OR_RETURN(const auto folder, ListEntries(PlaceOf(name), "1"));
    if (folder && folder->self.is_folder) {
      const Entry* newest = NewestOf(folder->entries);
      const std::string to = FileOf(name, newest ? *VersionOf(*newest) + 1 : 0);
      ASSIGN_OR_RETURN(response, PutByMoveOnce(to, bytes, Onto::kFree));
      if (response.succeeded()) return RemoveOlder(name, folder->entries);
    } else {
      ASSIGN_OR_RETURN(response, PutByMove(PlaceOf(name), bytes, Onto::kFree));
      if (response.succeeded()) return {};
    }
  }
  return ErrorOf(response, "PUT " + UrlOf(PlaceOf(name)));
}

Result<void> WebdavStore::RemoveOlder(const ObjectName& name, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const auto version = VersionOf(entry);
    if (!version) continue;
    const Call call{.method = "DELETE", .path = FileOf(name, *version), .answer_bytes_max = kMiB};
    ASSIGN_OR_RETURN(const http::Response response, Send(call));
    if (!response.succeeded() && !IsAbsent(response)) return ErrorOf(response, call);
  }
  return {};
}

Result<bool> WebdavStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  if (IsOutside(name.text())) {
    return MakeError(ErrorCode::kInvalidArgument, "putting {}: {} is for temporary files", name.text(), kTemporary);
  }
  const std::string to = PlaceOf(name);
  ASSIGN_OR_RETURN(const http::Response response, PutByMove(to, bytes, Onto::kFree));
  if (response.succeeded()) return true;
  // Servers refuse in many ways, and a request over a connection that broke is sent again: what is there tells.
  Call call{.method = "GET", .answer_bytes_max = bytes.size()};
  const auto there = Ask(name, call);
  if (there) return Equal(there->body, bytes);
  if (there.error().code() == ErrorCode::kCorrupt) return false;  // larger: another's
  if (there.error().code() != ErrorCode::kNotFound) return there.error();
  // What was there, if it is that, went away meanwhile.
  Error error = ErrorOf(response, "PUT " + UrlOf(to));
  return response.status == 412 ? MakeError(ErrorCode::kIo, "{}", error.message()).Transient() : error;
}

// Reading.

Result<Bytes> WebdavStore::Get(const ObjectName& name, uint64_t size_max) {
  Call call{.method = "GET", .answer_bytes_max = size_max};
  ASSIGN_OR_RETURN(http::Response response, Ask(name, call));
  return std::move(response.body);
}

Result<Bytes> WebdavStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  const std::string url = UrlOf(FileOf(name));
  constexpr uint64_t kEndMax = std::numeric_limits<int64_t>::max();
  const bool is_askable = size > 0 && offset <= kEndMax && size <= kEndMax - offset;
  if (is_askable) {
    Call call{.method = "GET",
              .headers = {{"Range", fmt::format("bytes={}-{}", offset, offset + size - 1)}},
              .answer_bytes_max = size};
    ASSIGN_OR_RETURN(http::Response response, Ask(name, call));
    const bool is_part = response.status == 206 || (response.status == 200 && offset == 0);
    if (is_part && response.body.size() == size) return std::move(response.body);
  }
  ASSIGN_OR_RETURN(const ObjectInfo info, Stat(name));
  if (offset > info.size || size > info.size - offset) {
    return Corrupt("{} has {} bytes, {} from {} were asked for", url, info.size, size, offset);
  }
  if (size == 0) return Bytes();
  return MakeError(ErrorCode::kUnsupported, "{}: this server does not give the range that it is asked for", url);
}

Result<ObjectInfo> WebdavStore::Stat(const ObjectName& name) {
  Call call{.method = "HEAD"};
  ASSIGN_OR_RETURN(const http::Response response, Ask(name, call));
  if (!response.header("content-length").empty()) {
    ASSIGN_OR_RETURN(const http::Extent extent, http::ExtentOf(response, UrlOf(call.path)));
    return ObjectInfo{.name = name, .size = extent.size, .modified = extent.modified};
  }
  // Apache leaves it out where it is 0.
  ASSIGN_OR_RETURN(const auto listing, ListEntries(call.path, "0"));
  if (listing) return ObjectInfo{.name = name, .size = listing->self.size, .modified = listing->self.modified};
  return MakeError(ErrorCode::kNotFound, "{} is not there", UrlOf(call.path));
}

Result<std::optional<WebdavStore::Listing>> WebdavStore::ListEntries(const std::string& path, std::string_view depth) {
  Listing listing;
  MultistatusReader reader(options_.place.root + "/" + path, [&](Entry entry) -> Result<void> {
    if (entry.name.empty()) {
      listing.self = entry;
    } else {
      listing.entries.push_back(std::move(entry));
    }
    return {};
  });
  const Call call{.method = "PROPFIND",
                  .path = path,
                  .headers = {{"Depth", std::string(depth)}, {"Content-Type", "application/xml"}},
                  .body = AsBytes(kPropfindBody),
                  .answer_bytes_max = kListingBytesMax,
                  .sink = [&](ByteSpan piece) { return reader.Push(piece); }};
  // Not the repository's bytes: a proxy's, or cut off; rclone breaks it off where a file goes meanwhile.
  const auto as_io = [&](const Error& error) {
    if (error.code() != ErrorCode::kCorrupt) return error;
    return MakeError(ErrorCode::kIo, "listing {}: {}", UrlOf(path), error.message()).Transient();
  };
  auto response = Send(call);
  if (!response) return as_io(response.error());
  if (IsAbsent(*response)) return std::optional<Listing>();
  if (response->status == 400 && path.ends_with('/')) {  // Apache's word for a file that is asked for as a folder
    ASSIGN_OR_RETURN(const auto file, ListEntries(path.substr(0, path.size() - 1), "0"));
    if (file && !file->self.is_folder) return std::optional<Listing>();
  }
  if (!response->succeeded()) return ErrorOf(*response, call);
  if (auto finished = reader.Finish(); !finished) return as_io(finished.error());
  const auto now = http::ParseDate(response->header("date"));
  listing.server_time = now ? *now : 0;
  return std::optional<Listing>(std::move(listing));
}

Result<void> WebdavStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  CHECK(prefix.empty() || prefix.ends_with('/'));
  if (IsOutside(prefix)) return {};
  return ListFolder(std::string(prefix), {.prefix = prefix, .each = each, .stranger = stranger});
}

Result<void> WebdavStore::ListFolder(const std::string& folder, const Listener& listener) {
  ASSIGN_OR_RETURN(const auto listing, ListEntries(Stored(folder), "1"));
  if (!listing || !listing->self.is_folder) {  // never there, or gone since
    return folder == listener.prefix ? NeedRoot() : Result<void>();
  }
  if (IsSharedFolder(folder)) RETURN_IF_ERROR(ListShared(folder, NewestOf(listing->entries), listener));
  for (const Entry& entry : listing->entries) {
    if (folder.empty() && IsOutside(entry.name)) continue;
    if (IsSharedFolder(folder) && VersionOf(entry)) continue;
    RETURN_IF_ERROR(ListEntry(folder, entry, listener));
  }
  return {};
}

Result<void> WebdavStore::ListShared(const std::string& folder, const Entry* newest, const Listener& listener) {
  const std::string name = folder.substr(0, folder.size() - 1);
  if (newest == nullptr || !name.starts_with(listener.prefix)) return {};
  ASSIGN_OR_RETURN(ObjectName parsed, ObjectName::Parse(name));
  return listener.each({.name = std::move(parsed), .size = newest->size, .modified = newest->modified});
}

Result<void> WebdavStore::ListEntry(const std::string& folder, const Entry& entry, const Listener& listener) {
  const auto own = NameOf(entry);
  const std::string name = folder + own.value_or(entry.name);
  const Result<ObjectName> parsed = own ? ObjectName::Parse(name) : Corrupt("{} is hidden", name);
  if (parsed && entry.is_folder) return ListFolder(name + "/", listener);
  if (parsed && !IsShared(name)) {
    return listener.each({.name = *parsed, .size = entry.size, .modified = entry.modified});
  }
  return listener.stranger ? listener.stranger(entry.is_folder ? name + "/" : name) : Result<void>();
}

// Removing.

Result<void> WebdavStore::Remove(const ObjectName& name) {
  if (!IsShared(name.text())) {
    const Call call{.method = "DELETE", .path = PlaceOf(name), .answer_bytes_max = kMiB};
    ASSIGN_OR_RETURN(const http::Response response, Send(call));
    if (response.succeeded() || IsAbsent(response)) return {};
    return ErrorOf(response, call);
  }
  // As a whole, and at once: an empty folder would stay if the server failed.
  RETURN_IF_ERROR(EnsureFolder(std::string(kTemporary)));
  const std::string folder = PlaceOf(name), temporary = NewTemporary() + "/";
  ASSIGN_OR_RETURN(const http::Response response, Move(folder, temporary, Onto::kFree));
  if (response.succeeded()) {
    RemoveTemporary(temporary);
    return {};
  }
  ASSIGN_OR_RETURN(const bool is_there, IsFolder(folder));
  if (!is_there) return {};
  ForgetFolders();
  return ErrorOf(response, "removing " + UrlOf(folder));
}

Result<void> WebdavStore::CleanTemporary() {
  ASSIGN_OR_RETURN(const auto listing, ListEntries(std::string(kTemporary), "1"));
  if (!listing || listing->server_time == 0) return {};
  for (const Entry& entry : listing->entries) {
    if (entry.modified == 0 || listing->server_time - entry.modified <= kDayNs) continue;
    RemoveTemporary(std::string(kTemporary) + entry.name + (entry.is_folder ? "/" : ""));
  }
  return {};
}

// Creation.

Result<std::unique_ptr<WebdavStore>> WebdavStore::Create(Options options, const Random& random) {
  auto store = Open(std::move(options), random);
  RETURN_IF_ERROR(store->MakeRoot());
  RETURN_IF_ERROR(NeedOwnOrEmpty(*store, "an empty or a new folder"));
  RETURN_IF_ERROR(store->ProbeMoves());
  RETURN_IF_ERROR(store->ProbeRanges());
  return store;
}

Result<void> WebdavStore::MakeRoot() {
  ASSIGN_OR_RETURN(const bool is_there, IsFolder(""));
  if (is_there) return {};
  Place above = options_.place;
  http::Response response;
  for (size_t end = 0; end < options_.place.root.size();) {
    end = std::min(options_.place.root.find('/', end + 1), options_.place.root.size());
    above.root = options_.place.root.substr(0, end);
    ASSIGN_OR_RETURN(response, SendTo(above, {.method = "MKCOL", .path = "", .answer_bytes_max = kMiB}));
  }
  ASSIGN_OR_RETURN(const bool is_made, IsFolder(""));
  if (is_made) return {};
  return ErrorOf(response, "making the folder of " + description());
}

Result<void> WebdavStore::ProbeMoves() {
  const auto refuse = [&](std::string_view what) {
    return MakeError(ErrorCode::kUnsupported,
                     "{}: this server {}: two backups at once could take each other's place, and cairn does not use it",
                     description(), what);
  };
  for (const std::string& to : {NewTemporary() + "/", NewTemporary()}) {
    ASSIGN_OR_RETURN(const http::Response first, PutByMove(to, AsBytes("first"), Onto::kFree));
    if (!first.succeeded()) return ErrorOf(first, "trying to move to " + UrlOf(to));
    bool was_moved = false;
    for (int i = 0; i < 3; ++i) {
      ASSIGN_OR_RETURN(const http::Response again, PutByMove(to, AsBytes("again"), Onto::kFree));
      was_moved = was_moved || again.succeeded();
    }
    const std::string file = to.ends_with('/') ? to + std::string(kFile) : to;
    ASSIGN_OR_RETURN(const http::Response there, Send({.method = "GET", .path = file, .answer_bytes_max = kMiB}));
    ASSIGN_OR_RETURN(const http::Response replaced, PutByMove(file, AsBytes("other"), Onto::kAny));
    RemoveTemporary(to);
    if (was_moved || AsText(there.body) != "first") {
      return refuse("moves what it is told to move only where nothing is (Overwrite: F) over what is there");
    }
    if (!replaced.succeeded()) return ErrorOf(replaced, "trying to replace " + UrlOf(file));
  }
  return {};
}

Result<void> WebdavStore::ProbeRanges() {
  const std::string file = NewTemporary();
  ASSIGN_OR_RETURN(const http::Response put, Stage(file, AsBytes("0123456789")));
  if (!put.succeeded()) return ErrorOf(put, "trying to put " + UrlOf(file));
  ASSIGN_OR_RETURN(
      const http::Response part,
      Send({.method = "GET", .path = file, .headers = {{"Range", "bytes=3-5"}}, .answer_bytes_max = kMiB}));
  RemoveTemporary(file);
  if (part.status == 206 && AsText(part.body) == "345") return {};
  return MakeError(ErrorCode::kUnsupported,
                   "{}: this server does not give a range of a file, without which cairn "
                   "would read all of a pack for a part of it",
                   description());
}

}  // namespace cairn::webdav
