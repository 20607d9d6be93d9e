#include "engine/store/azure/azure_store.h"

#include <algorithm>

#include "engine/crypto/md5.h"
#include "engine/http/answer.h"
#include "engine/http/base64.h"
#include "engine/http/date.h"
#include "engine/http/percent.h"
#include "engine/store/azure/shared_key.h"
#include "repo-format/base/units.h"

namespace cairn::azure {
namespace {

constexpr std::string_view kVersion = "2021-12-02";  // of the protocol: the first with the tier Cold
constexpr uint64_t kPageBytesMax = 32 * kMiB;        // 5,000 blobs with names of 1,024 bytes and all their properties
constexpr std::string_view kArchive = "Archive";     // the tier of what has to be brought back

// What is not there is so by the server's own word: on what a proxy says nothing may be removed, or taken for ended.
bool IsGone(const Failure& failure) { return failure.status == 404 && failure.code == "BlobNotFound"; }

}  // namespace

AzureStore::AzureStore(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), client_(options_.client) {}

std::unique_ptr<AzureStore> AzureStore::Open(Options options, const Clock& clock) {
  return std::unique_ptr<AzureStore>(new AzureStore(std::move(options), clock));
}

// For people too: without a query.
std::string AzureStore::UrlOf(const std::string& blob) const {
  return options_.place.origin.text() + http::PercentEncode(options_.place.PathOf(blob), http::Slash::kKept);
}

Result<http::Response> AzureStore::SendOnce(const Call& call) {
  http::Headers headers = call.headers;
  headers.emplace_back("x-ms-version", kVersion);
  std::string query;
  for (const auto& [name, value] : call.query) {
    query += (query.empty() ? "?" : "&") + http::PercentEncode(name) + "=" + http::PercentEncode(value);
  }
  if (options_.credentials.key.empty()) {
    query += (query.empty() ? "?" : "&") + options_.credentials.sas;
  } else {
    headers.emplace_back("x-ms-date", http::FormatDate(clock_.Now() + clock_error_.load()));
    const Unsigned request{.method = call.method,
                           .path = http::PercentEncode(options_.place.PathOf(call.blob), http::Slash::kKept),
                           .query = call.query,
                           .headers = headers,
                           .body_bytes = call.body.size()};
    headers.emplace_back("Authorization", Authorization(options_.place.account, options_.credentials.key, request));
  }
  return client_.Send({.method = call.method,
                       .url = UrlOf(call.blob) + query,
                       .headers = std::move(headers),
                       .body = call.body,
                       .answer_bytes_max = call.answer_bytes_max,
                       .is_range = call.is_range,
                       .sink = {}});
}

bool AzureStore::CorrectClock(const http::Response& response) {
  if (response.status != 403 || options_.credentials.key.empty()) return false;
  const auto server = http::ParseDate(response.header("date"));
  if (!server) return false;
  constexpr int64_t kMinute = 60'000'000'000;
  const int64_t ahead = *server - clock_.Now();
  const int64_t change = ahead - clock_error_.exchange(ahead);
  return change > kMinute || change < -kMinute;
}

Result<http::Response> AzureStore::Send(const Call& call) {
  ASSIGN_OR_RETURN(http::Response response, SendOnce(call));
  return CorrectClock(response) ? SendOnce(call) : std::move(response);
}

Result<http::Response> AzureStore::SuccessOf(const Call& call, http::Response response) const {
  if (response.succeeded()) {
    if (call.method != "DELETE") RETURN_IF_ERROR(http::NeedTag(response, call.method + " " + UrlOf(call.blob)));
    return response;
  }
  const Failure failure = FailureOf(response);
  if (IsGone(failure)) return MakeError(ErrorCode::kNotFound, "{} is not there", UrlOf(call.blob));
  Error error = ErrorOf(failure, call.method + " " + UrlOf(call.blob));
  if (failure.status != 404) return error;
  // No container: whoever asks for a blob must not take that for the blob's being gone.
  return MakeError(ErrorCode::kIo, "{}", error.message()).Transient();
}

Result<http::Response> AzureStore::Succeed(const Call& call) {
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  return SuccessOf(call, std::move(response));
}

AzureStore::Call AzureStore::CallOfPut(const std::string& blob, std::string_view name, ByteSpan bytes) const {
  Call call{.method = "PUT",
            .blob = blob,
            .headers = {{"x-ms-blob-type", "BlockBlob"}, {"Content-MD5", http::Base64Encode(Md5(bytes))}},
            .body = bytes,
            .answer_bytes_max = kMiB};
  if (!options_.access_tier.empty() && name.starts_with(kDataPrefix)) {
    call.headers.emplace_back("x-ms-access-tier", options_.access_tier);
  }
  return call;
}

Result<void> AzureStore::Put(const ObjectName& name, ByteSpan bytes) {
  const Call call = CallOfPut(BlobOf(name), name.text(), bytes);
  auto put = Succeed(call);
  if (put) return {};
  if (put.error().code() != ErrorCode::kArchived) return std::move(put).error();
  // What is archived is not replaced. Where an answer was lost it is what the first of two tries has put.
  ASSIGN_OR_RETURN(const bool holds, Holds(call));
  return holds ? Result<void>() : std::move(put).error();
}

// By size and MD5: it cannot be read.
Result<bool> AzureStore::Holds(const Call& put) {
  ASSIGN_OR_RETURN(const http::Response there, Succeed({.method = "HEAD", .blob = put.blob}));
  const auto is_md5 = [](const auto& header) { return header.first == "Content-MD5"; };
  const auto md5 = std::ranges::find_if(put.headers, is_md5);
  return there.header("content-length") == std::to_string(put.body.size()) &&
         there.header("content-md5") == md5->second;
}

Result<bool> AzureStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  const std::string blob = BlobOf(name);
  Call call = CallOfPut(blob, name.text(), bytes);
  call.headers.emplace_back("If-None-Match", "*");
  auto put = Succeed(call);
  if (put) return true;
  if (put.error().code() != ErrorCode::kAlreadyExists) return std::move(put).error();
  return flat::IsOwnPut(Succeed({.method = "GET", .blob = blob, .answer_bytes_max = bytes.size()}), bytes, UrlOf(blob));
}

Result<Bytes> AzureStore::Get(const ObjectName& name, uint64_t size_max) {
  ASSIGN_OR_RETURN(http::Response response,
                   Succeed({.method = "GET", .blob = BlobOf(name), .answer_bytes_max = size_max}));
  return std::move(response.body);
}

Result<Bytes> AzureStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  Call call{.method = "GET", .blob = BlobOf(name), .answer_bytes_max = size, .is_range = true};
  const auto get = [&](const std::string& range) {
    call.headers = {{"Range", range}};
    return Send(call);
  };
  const auto judge = [&](http::Response response) { return SuccessOf(call, std::move(response)); };
  return flat::GetRange({.what = UrlOf(call.blob), .get = get, .judge = judge, .stat = [&] { return Stat(name); }},
                        offset, size);
}

Result<ListedPage> AzureStore::Page(std::string_view prefix, const std::string& marker) {
  const std::string whole_prefix = options_.place.prefix + std::string(prefix);
  Call call{.method = "GET",
            .query = {{"restype", "container"}, {"comp", "list"}, {"prefix", whole_prefix}},
            .answer_bytes_max = kPageBytesMax};
  if (!marker.empty()) call.query.emplace_back("marker", marker);
  ASSIGN_OR_RETURN(const http::Response response, Send(call));
  if (!response.succeeded()) return ErrorOf(FailureOf(response), "listing " + description());
  return flat::CheckedPage(ParseListedPage(response.body), whole_prefix, marker, "listing " + description());
}

Result<void> AzureStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  return flat::ListPages([&](const std::string& marker) { return Page(prefix, marker); }, options_.place.prefix, each,
                         stranger);
}

Result<void> AzureStore::Remove(const ObjectName& name) {
  // With what somebody else's tool may have kept of it, which would keep it from being removed.
  auto removed = Succeed({.method = "DELETE",
                          .blob = BlobOf(name),
                          .headers = {{"x-ms-delete-snapshots", "include"}},
                          .answer_bytes_max = kMiB});
  if (removed || removed.error().code() == ErrorCode::kNotFound) return {};
  return std::move(removed).error();
}

Result<ObjectInfo> AzureStore::Stat(const ObjectName& name) {
  const Call call{.method = "HEAD", .blob = BlobOf(name)};
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  if (response.status == 404) return MissingBy(call.blob);
  ASSIGN_OR_RETURN(response, SuccessOf(call, std::move(response)));
  ASSIGN_OR_RETURN(const http::Extent extent, http::ExtentOf(response, UrlOf(BlobOf(name))));
  return ObjectInfo{.name = name, .size = extent.size, .modified = extent.modified};
}

Result<Warmth> AzureStore::LookAt(const ObjectName& name) {
  const Call call{.method = "HEAD", .blob = BlobOf(name)};
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  if (response.status == 404) return MissingBy(call.blob);
  ASSIGN_OR_RETURN(response, SuccessOf(call, std::move(response)));
  if (response.header("x-ms-access-tier") != kArchive) return Warmth::kWarm;
  return response.header("x-ms-archive-status").starts_with("rehydrate-pending") ? Warmth::kWarming : Warmth::kCold;
}

// Set Blob Tier: 202 where it has begun, 200 where the blob was in another tier than the archive's.
Result<Warmth> AzureStore::WarmUp(const ObjectName& name) {
  ASSIGN_OR_RETURN(const Warmth now, LookAt(name));
  if (now != Warmth::kCold) return now;  // one that is in another tier stays in it
  const Call call{.method = "PUT",
                  .blob = BlobOf(name),
                  .query = {{"comp", "tier"}},
                  .headers = {{"x-ms-access-tier", "Hot"}, {"x-ms-rehydrate-priority", options_.rehydrate_priority}},
                  .answer_bytes_max = kMiB};
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  if (!response.succeeded() && FailureOf(response).code == "BlobBeingRehydrated") return Warmth::kWarming;
  ASSIGN_OR_RETURN(response, SuccessOf(call, std::move(response)));
  return response.status == 202 ? Warmth::kWarming : Warmth::kWarm;
}

std::string AzureStore::terms() const {
  return fmt::format(
      "it takes {} (azure.rehydrate-priority={}), and they stay in the tier Hot until something moves them back",
      options_.rehydrate_priority == "High" ? "about an hour" : "up to 15 hours", options_.rehydrate_priority);
}

// An answer to HEAD may have no words: asked again for a byte, the server says what is missing.
Error AzureStore::MissingBy(const std::string& blob) {
  auto asked = Succeed(
      {.method = "GET", .blob = blob, .headers = {{"Range", "bytes=0-0"}}, .answer_bytes_max = 1, .is_range = true});
  if (!asked) return std::move(asked).error();
  return MakeError(ErrorCode::kIo, "HEAD {}: the server said that it is not there, and then that it is", UrlOf(blob))
      .Transient();
}

Result<void> AzureStore::MakeContainer() {
  ASSIGN_OR_RETURN(const http::Response there,
                   Send({.method = "GET",
                         .query = {{"restype", "container"}, {"comp", "list"}, {"maxresults", "1"}},
                         .answer_bytes_max = kPageBytesMax}));
  if (there.succeeded()) return {};
  const Failure failure = FailureOf(there);
  if (failure.code != "ContainerNotFound") return ErrorOf(failure, "looking for the container of " + description());
  ASSIGN_OR_RETURN(const http::Response made,
                   Send({.method = "PUT", .query = {{"restype", "container"}}, .answer_bytes_max = kMiB}));
  if (made.succeeded()) return {};
  const Failure refused = FailureOf(made);
  if (refused.code == "ContainerAlreadyExists") return {};  // another's, just now
  return ErrorOf(refused, "making the container of " + description());
}

}  // namespace cairn::azure
