#include "engine/store/rclone/rclone_remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>

#include "engine/http/answer.h"
#include "engine/http/base64.h"
#include "engine/http/date.h"
#include "engine/http/percent.h"
#include "engine/store/rclone/json.h"
#include "repo-format/base/units.h"

namespace cairn::rclone {
namespace {

constexpr uint64_t kListingBytesMax = 2 * kGiB;  // ten million entries, of which one at a time is in memory as text
constexpr int kNotFound = 404;

http::ClientSettings ClientSettingsOf(const Options& options) {
  return {.silence_max = options.silence_max, .user_agent = "cairn", .is_direct = true};
}

std::string InSmallLetters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

// Of what failed: rclone's words, "" where there are none.
std::string WordsOf(const http::Response& response) {
  const auto members = ParseJsonObject(AsText(response.body));
  if (!members) return http::OneLine(AsText(response.body));
  const auto error = members->find("error");
  return error == members->end() ? "" : http::OneLine(error->second);
}

// 404 is also what rclone answers where it could not open a file that is there: only its remote control's own answer
// says that there is none. One to HEAD has no words; there nothing is opened.
bool IsAbsent(const http::Request& request, const http::Response& response) {
  if (response.status != kNotFound) return false;
  if (request.method == "HEAD") return true;
  const auto members = ParseJsonObject(AsText(response.body));
  if (!members) return false;
  const auto status = members->find("status");
  return status != members->end() && status->second == "404";
}

Error ErrorOf(const http::Request& request, const http::Response& response, const std::string& what) {
  if (IsAbsent(request, response)) return MakeError(ErrorCode::kNotFound, "{} is not there", what);
  const std::string words = WordsOf(response);
  return ErrorOfWords(words.empty() ? fmt::format("status {}", response.status) : words, what);
}

// What a call has to do with.
std::string Place(const std::string& remote, const std::string& path) {
  return fmt::format("{{\"fs\":{},\"remote\":{}}}", JsonQuoted(remote), JsonQuoted(path));
}

Result<RemoteEntry> EntryOf(std::string_view object) {
  ASSIGN_OR_RETURN(auto members, ParseJsonObject(object));
  RemoteEntry entry{.path = std::move(members["Path"]), .is_folder = members["IsDir"] == "true"};
  if (entry.path.empty()) return Corrupt("an entry of a listing has no name: {}", http::OneLine(object));
  if (const auto when = http::ParseDate(members["ModTime"])) entry.modified = *when;
  if (entry.is_folder) return entry;
  const auto size = http::ParseNumber(members["Size"]);
  if (!size) return Corrupt("{} has the size \"{}\"", entry.path, members["Size"]);  // -1: the remote does not know it
  entry.size = *size;
  return entry;
}

}  // namespace

Error ErrorOfWords(std::string_view words, const std::string& what) {
  const std::string small = InSmallLetters(words);
  const auto says = [&](std::initializer_list<std::string_view> any) {
    return std::ranges::any_of(any, [&](std::string_view one) { return small.find(one) != std::string::npos; });
  };
  const std::string told = fmt::format("{} (rclone said: {})", what, words);
  if (says({"didn't find section in config file", "didn't find backend called", "failed to parse"})) {
    return {ErrorCode::kInvalidArgument, told + "; see rclone config, and the name after rclone: in the address"};
  }
  if (says({"ratelimitexceeded", "rate limit", "too many requests"})) return Error(ErrorCode::kIo, told).Transient();
  if (says({"no space left", "quota", "insufficient storage", "disk full", "disk is full"})) {
    return {ErrorCode::kNoSpace, told};
  }
  if (says({"permission denied", "access denied", "accessdenied", "unauthorized", "invalid_grant", "login incorrect",
            "unable to authenticate", "empty token found"})) {
    return {ErrorCode::kPermission, told};
  }
  return Error(ErrorCode::kIo, told).Transient();
}

Remote::Remote(const Child& child, const Options& options)
    : child_(child), remote_(options.remote), client_(ClientSettingsOf(options)) {}

// Requests.

std::string Remote::Named(const std::string& path) const {
  const bool has_end = remote_.ends_with(':') || remote_.ends_with('/');
  return "rclone:" + remote_ + (path.empty() || has_end ? "" : "/") + path;
}

std::string Remote::UrlOf(const std::string& path) const {
  return child_.origin() + "/" + http::PercentEncode("[" + remote_ + "]/" + path, http::Slash::kKept);
}

Result<http::Response> Remote::Send(http::Request request, const std::string& what) {
  request.headers.emplace_back(
      "Authorization", "Basic " + http::Base64Encode(AsBytes(std::string(Child::kUser) + ":" + child_.password())));
  auto response = client_.Send(request);
  if (!response && response.error().transient()) {
    const std::string said = child_.said();
    return MakeError(ErrorCode::kIo, "{}: rclone {}{}", what, child_.has_ended() ? "has ended" : "does not answer",
                     said.empty() ? "" : " (said: " + said + ")")
        .Transient();
  }
  if (!response) return std::move(response).error().While(what);
  if (!response->succeeded()) return ErrorOf(request, *response, what);
  return response;
}

Result<http::Response> Remote::Post(std::string_view call, const std::string& json, const std::string& what,
                                    const std::function<Result<void>(ByteSpan)>& sink) {
  return Send({.method = "POST",
               .url = child_.origin() + "/" + std::string(call),
               .headers = {{"Content-Type", "application/json"}},
               .body = AsBytes(json),
               .answer_bytes_max = sink ? kListingBytesMax : kMiB,
               .sink = sink},
              what);
}

// Changes.

Result<bool> Remote::CanMove() {
  ASSIGN_OR_RETURN(const http::Response response, Post("operations/fsinfo", Place(remote_, ""), Named("")));
  std::string text(AsText(response.body));
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  return text.find("\"Move\":true") != std::string::npos || text.find("\"Copy\":true") != std::string::npos;
}

Result<void> Remote::MakeFolder(const std::string& path) {
  auto made = Post("operations/mkdir", Place(remote_, path), "making " + Named(path));
  return made ? Result<void>() : std::move(made).error();
}

Result<void> Remote::Upload(const std::string& folder, const std::string& name, ByteSpan bytes,
                            std::string_view boundary) {
  const std::string head = fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n",
      boundary, name);
  const std::string tail = fmt::format("\r\n--{}--\r\n", boundary);
  Bytes body;
  body.reserve(head.size() + bytes.size() + tail.size());
  Append(body, AsBytes(head));
  Append(body, bytes);
  Append(body, AsBytes(tail));
  const std::string url = fmt::format("{}/operations/uploadfile?fs={}&remote={}", child_.origin(),
                                      http::PercentEncode(remote_), http::PercentEncode(folder));
  auto sent = Send({.method = "POST",
                    .url = url,
                    .headers = {{"Content-Type", fmt::format("multipart/form-data; boundary={}", boundary)}},
                    .body = body,
                    .answer_bytes_max = kMiB},
                   "putting " + Named(folder + "/" + name));
  return sent ? Result<void>() : std::move(sent).error();
}

Result<void> Remote::Move(const std::string& from, const std::string& to) {
  const std::string remote = JsonQuoted(remote_);
  auto moved = Post("operations/movefile",
                    fmt::format("{{\"srcFs\":{},\"srcRemote\":{},\"dstFs\":{},\"dstRemote\":{}}}", remote,
                                JsonQuoted(from), remote, JsonQuoted(to)),
                    "moving to " + Named(to));
  if (moved) return {};
  // What is not there is what was just put, or has been moved by a request that was answered to nobody.
  if (moved.error().code() != ErrorCode::kNotFound) return std::move(moved).error();
  return MakeError(ErrorCode::kIo, "{}: what was put is not there any more", moved.error().message()).Transient();
}

Result<void> Remote::Remove(const std::string& path) {
  auto removed = Post("operations/deletefile", Place(remote_, path), "removing " + Named(path));
  if (removed || removed.error().code() == ErrorCode::kNotFound) return {};
  return std::move(removed).error();
}

Result<void> Remote::RemoveFolder(const std::string& path) {
  auto removed = Post("operations/rmdir", Place(remote_, path), "removing " + Named(path));
  return removed ? Result<void>() : std::move(removed).error();
}

// Reading.

Result<Bytes> Remote::Get(const std::string& path, uint64_t size_max) {
  ASSIGN_OR_RETURN(http::Response response,
                   Send({.method = "GET", .url = UrlOf(path), .answer_bytes_max = size_max}, Named(path)));
  return std::move(response.body);
}

Result<Bytes> Remote::GetRange(const std::string& path, uint64_t offset, uint64_t size) {
  constexpr uint64_t kEndMax = std::numeric_limits<int64_t>::max();
  std::optional<Error> failed;
  if (size > 0 && offset <= kEndMax && size <= kEndMax - offset) {
    auto response = Send({.method = "GET",
                          .url = UrlOf(path),
                          .headers = {{"Range", fmt::format("bytes={}-{}", offset, offset + size - 1)}},
                          .answer_bytes_max = size},
                         Named(path));
    if (response && response->body.size() == size) {
      if (response->status == 200 && offset == 0) return std::move(response->body);  // all of it
      if (response->status == 206) return http::PartOf(*std::move(response), offset, size, Named(path));
    }
    if (!response && response.error().code() == ErrorCode::kNotFound) return std::move(response).error();
    if (!response) failed = std::move(response).error();
  }
  // Beyond the end rclone gives what there is, or breaks off.
  ASSIGN_OR_RETURN(const FileStat stat, Stat(path));
  if (offset > stat.size || size > stat.size - offset) {
    return Corrupt("{} has {} bytes, {} from {} were asked for", Named(path), stat.size, size, offset);
  }
  if (size == 0) return Bytes();
  if (failed) return *std::move(failed);
  return MakeError(ErrorCode::kIo, "{}: the {} bytes from {} did not come", Named(path), size, offset).Transient();
}

Result<Remote::FileStat> Remote::Stat(const std::string& path) {
  ASSIGN_OR_RETURN(const http::Response response, Send({.method = "HEAD", .url = UrlOf(path)}, Named(path)));
  ASSIGN_OR_RETURN(const http::Extent extent, http::ExtentOf(response, Named(path)));
  return FileStat{.size = extent.size, .modified = extent.modified};
}

Result<void> Remote::List(const std::string& folder, Depth depth, const Each& each) {
  const std::string options = depth == Depth::kAll ? "\"recurse\":true,\"filesOnly\":true," : "";
  std::optional<Error> of_each;
  JsonListReader reader([&](std::string_view object) -> Result<void> {
    ASSIGN_OR_RETURN(RemoteEntry entry, EntryOf(object));
    auto taken = each(std::move(entry));
    if (!taken) of_each = taken.error();
    return taken;
  });
  const std::string what = "listing " + Named(folder);
  const auto response = Post("operations/list",
                             fmt::format("{{\"fs\":{},\"remote\":{},\"opt\":{{{}\"noMimeType\":true}}}}",
                                         JsonQuoted(remote_), JsonQuoted(folder), options),
                             what, [&](ByteSpan piece) { return reader.Push(piece); });
  if (of_each) return *of_each;
  Result<void> result = response ? reader.Finish() : Result<void>(response.error());
  if (result || result.error().code() != ErrorCode::kCorrupt) return result;
  return MakeError(ErrorCode::kIo, "{}: {}", what, result.error().message()).Transient();
}

}  // namespace cairn::rclone
