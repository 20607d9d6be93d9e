#include "engine/store/s3/s3_store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "engine/crypto/md5.h"
#include "engine/http/answer.h"
#include "engine/http/base64.h"
#include "engine/http/date.h"
#include "engine/http/percent.h"
#include "engine/http/xml_events.h"
#include "repo-format/base/units.h"

namespace cairn::s3 {
namespace {

constexpr uint64_t kPageBytesMax = 8 * kMiB;  // 1,000 objects with keys of 1,024 bytes, each byte encoded
constexpr size_t kRegionBytesMax = 64;

// A region's name goes into a signature and into a host's name.
bool IsRegion(std::string_view text) {
  return !text.empty() && text.size() <= kRegionBytesMax &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// What is not there is so by the server's own word: on what a proxy says nothing may be removed, or taken for ended.
bool IsGone(const Failure& failure) {
  return failure.status == 404 && (failure.code == "NoSuchKey" || failure.code == "NoSuchVersion");
}

// What a repository cannot do without.
bool IsToBeLocked(std::string_view name) {
  constexpr std::array kLocked = {kDataPrefix,   kMetaPrefix, kIndexPrefix,  kSnapshotPrefix,
                                  kConfigPrefix, kKeyPrefix,  kDeletedPrefix};
  return std::ranges::any_of(kLocked, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// "2026-11-20T22:25:16Z"
std::string IsoTime(UnixNs when) {
  using std::chrono::days, std::chrono::floor, std::chrono::seconds;
  const std::chrono::sys_seconds second{seconds(when / 1'000'000'000)};
  const auto day = floor<days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

// What a policy must allow for a request for an object.
std::string_view ActionOf(std::string_view method) {
  if (method == "PUT") return "s3:PutObject";
  if (method == "DELETE") return "s3:DeleteObject";
  return "s3:GetObject, and s3:ListBucket to be told what is not there";
}

Error NotThere(const std::string& url) { return MakeError(ErrorCode::kNotFound, "{} is not there", url); }

}  // namespace

std::string_view Name(CreateBy create) {
  switch (create) {
    case CreateBy::kIfNoneMatch:
      return "if-none-match";
    case CreateBy::kForbidOverwrite:
      return "forbid-overwrite";
    case CreateBy::kGenerationMatch:
      return "generation-match";
  }
  return "";
}

std::optional<CreateBy> ParseCreateBy(std::string_view text) {
  for (const CreateBy one : {CreateBy::kIfNoneMatch, CreateBy::kForbidOverwrite, CreateBy::kGenerationMatch}) {
    if (Name(one) == text) return one;
  }
  return std::nullopt;
}

CreateBy CreateByOf(const Place& place) {
  if (place.is_alibaba()) return CreateBy::kForbidOverwrite;
  return place.is_google() ? CreateBy::kGenerationMatch : CreateBy::kIfNoneMatch;
}

S3Store::S3Store(Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      client_(options_.client),
      signer_{.region = options_.region, .clock_error = 0} {}

std::unique_ptr<S3Store> S3Store::Open(Options options, const Clock& clock) {
  return std::unique_ptr<S3Store>(new S3Store(std::move(options), clock));
}

S3Store::Signer S3Store::CurrentSigner() const {
  const std::lock_guard lock(mutex_);
  return signer_;
}

// For people too: without a query.
std::string S3Store::UrlOf(const std::string& key) const { return UrlIn(CurrentSigner().region, key); }

std::string S3Store::UrlIn(const std::string& region, const std::string& key) const {
  const Place& place = options_.place;
  const std::string path = http::PercentEncode(place.PathOf(key), http::Slash::kKept);
  return place.origin.scheme + "://" + place.HostIn(region) + path;
}

Result<http::Response> S3Store::SendOnce(const Call& call, const Signer& signer) {
  const Place& place = options_.place;
  const Unsigned request{.method = call.method,
                         .host = place.HostIn(signer.region),
                         .path = place.PathOf(call.key),
                         .query = call.query,
                         .headers = call.headers,
                         .body = call.body};
  const http::Headers headers = Sign(request, options_.credentials, {.region = signer.region, .dialect = call.dialect},
                                     clock_.Now() + signer.clock_error);
  std::string url = UrlIn(signer.region, call.key);
  if (!call.query.empty()) url += "?" + CanonicalQuery(call.query);
  return client_.Send({.method = call.method,
                       .url = std::move(url),
                       .headers = headers,
                       .body = call.body,
                       .answer_bytes_max = call.answer_bytes_max,
                       .is_range = call.is_range});
}

bool S3Store::CorrectClock(const Signer& used, const Failure& failure, const http::Response& response) {
  if (failure.code != "RequestTimeTooSkewed" && !(failure.status == 403 && failure.code.empty())) return false;
  const auto server = http::ParseDate(response.header("date"));
  if (!server) return false;
  constexpr int64_t kMinute = 60'000'000'000;
  const int64_t ahead = *server - clock_.Now();
  const int64_t change = ahead - used.clock_error;
  if (change <= kMinute && change >= -kMinute) return false;
  const std::lock_guard lock(mutex_);
  signer_.clock_error = ahead;
  return true;
}

bool S3Store::CorrectRegion(const Signer& used, const Failure& failure) {
  if (!IsRegion(failure.region) || failure.region == used.region) return false;
  const std::lock_guard lock(mutex_);
  signer_.region = failure.region;
  return true;
}

Result<http::Response> S3Store::Send(const Call& call) {
  const Signer signer = CurrentSigner();
  ASSIGN_OR_RETURN(http::Response response, SendOnce(call, signer));
  if (response.succeeded()) return response;
  const Failure failure = FailureOf(response);
  if (failure.retry_after.count() > 0 && options_.hold_off) options_.hold_off(failure.retry_after);
  const bool corrected = CorrectClock(signer, failure, response) || CorrectRegion(signer, failure);
  return corrected ? SendOnce(call, CurrentSigner()) : std::move(response);
}

Result<http::Response> S3Store::Succeed(const Call& call) {
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  return SuccessOf(call, std::move(response));
}

Result<http::Response> S3Store::SuccessOf(const Call& call, http::Response response) const {
  if (!response.succeeded()) return Refused(call, FailureOf(response));
  if (call.method != "DELETE") RETURN_IF_ERROR(http::NeedTag(response, call.method + " " + UrlOf(call.key)));
  return response;
}

Error S3Store::Refused(const Call& call, const Failure& failure) const {
  const std::string url = UrlOf(call.key);
  if (IsGone(failure)) return NotThere(url);
  if (failure.status != 404) return ErrorOf(failure, call.method + " " + url, ActionOf(call.method));
  // No bucket: whoever asks for an object must not take that for the object's being gone.
  return MakeError(ErrorCode::kIo, "{}", ErrorOf(failure, call.method + " " + url).message()).Transient();
}

std::string S3Store::LockEnd() const {
  return IsoTime(clock_.Now() + CurrentSigner().clock_error + std::chrono::nanoseconds(options_.lock_for).count());
}

http::Headers S3Store::HeadersOfPut(std::string_view name, ByteSpan bytes) const {
  http::Headers headers;
  if (!options_.storage_class.empty() && name.starts_with(kDataPrefix)) {
    headers.emplace_back("x-amz-storage-class", options_.storage_class);
  }
  if (!options_.encryption.empty()) headers.emplace_back("x-amz-server-side-encryption", options_.encryption);
  if (!options_.kms_key.empty()) {
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options_.kms_key);
  }
  if (!options_.lock_mode.empty() && IsToBeLocked(name)) {
    headers.emplace_back("x-amz-object-lock-mode", options_.lock_mode);
    headers.emplace_back("x-amz-object-lock-retain-until-date", LockEnd());
    headers.emplace_back("Content-MD5", http::Base64Encode(Md5(bytes)));  // Amazon wants it with a lock
  }
  return headers;
}

Result<void> S3Store::Put(const ObjectName& name, ByteSpan bytes) {
  const Call call{.method = "PUT",
                  .key = KeyOf(name),
                  .headers = HeadersOfPut(name.text(), bytes),
                  .body = bytes,
                  .answer_bytes_max = kMiB};
  RETURN_IF_ERROR(Succeed(call));
  return {};
}

S3Store::Call S3Store::Creation(const ObjectName& name, ByteSpan bytes) const {
  Call call{.method = "PUT",
            .key = KeyOf(name),
            .headers = HeadersOfPut(name.text(), bytes),
            .body = bytes,
            .answer_bytes_max = kMiB};
  switch (options_.create) {
    case CreateBy::kIfNoneMatch:
      call.headers.emplace_back("If-None-Match", "*");
      break;
    case CreateBy::kForbidOverwrite:
      call.headers.emplace_back("x-oss-forbid-overwrite", "true");
      break;
    case CreateBy::kGenerationMatch:
      // Beside this header Google's server refuses each that begins with x-amz-.
      call.headers = {{"x-goog-if-generation-match", "0"}};
      call.dialect = Dialect::kGoogle;
      break;
  }
  return call;
}

// In a bucket that keeps versions Alibaba's server overwrites though it is told not to, and tells the new version.
Result<void> S3Store::NeedNoVersions(const http::Response& created) const {
  if (options_.create != CreateBy::kForbidOverwrite) return {};
  if (created.header("x-oss-version-id").empty() && created.header("x-amz-version-id").empty()) return {};
  return MakeError(ErrorCode::kUnsupported,
                   "{}: the bucket keeps versions, and then its server overwrites what is there though it is told not "
                   "to: two backups at once could take each other's place; give a bucket that never kept versions",
                   description());
}

Result<bool> S3Store::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  const std::string key = KeyOf(name);
  const Call call = Creation(name, bytes);
  auto put = Succeed(call);
  if (put) {
    RETURN_IF_ERROR(NeedNoVersions(*put));
    return true;
  }
  if (put.error().code() == ErrorCode::kUnsupported) {
    return MakeError(ErrorCode::kUnsupported,
                     "{}; it was asked to put only where nothing is (s3.create={}): where this server has another "
                     "header for that, -o s3.create= names it",
                     put.error().message(), Name(options_.create));
  }
  if (put.error().code() != ErrorCode::kAlreadyExists) return std::move(put).error();
  return flat::IsOwnPut(Succeed({.method = "GET", .key = key, .answer_bytes_max = bytes.size()}), bytes, UrlOf(key));
}

Result<Bytes> S3Store::Get(const ObjectName& name, uint64_t size_max) {
  ASSIGN_OR_RETURN(http::Response response,
                   Succeed({.method = "GET", .key = KeyOf(name), .answer_bytes_max = size_max}));
  return std::move(response.body);
}

Result<Bytes> S3Store::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  Call call{.method = "GET", .key = KeyOf(name), .answer_bytes_max = size, .is_range = true};
  const auto get = [&](const std::string& range) {
    call.headers = {{"Range", range}};
    return Send(call);
  };
  const auto judge = [&](http::Response response) { return SuccessOf(call, std::move(response)); };
  return flat::GetRange({.what = UrlOf(call.key), .get = get, .judge = judge, .stat = [&] { return Stat(name); }},
                        offset, size);
}

Result<Bytes> S3Store::GetKeyRange(const std::string& key, const std::string& tag, uint64_t offset, uint64_t size) {
  const std::string url = UrlOf(key);
  ASSIGN_OR_RETURN(http::Response response,
                   Succeed({.method = "GET",
                            .key = key,
                            .headers = {{"Range", fmt::format("bytes={}-{}", offset, offset + size - 1)}},
                            .answer_bytes_max = size,
                            .is_range = true}));
  if (WithoutQuotes(response.header("etag")) != tag) {
    return MakeError(ErrorCode::kBusy, "{} was replaced while it was read: run it again", url);
  }
  return http::PartOf(std::move(response), offset, size, url);
}

Result<ListedPage> S3Store::ListKeys(const std::string& prefix, const std::string& token) {
  Call call{.method = "GET",
            .query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix}},
            .answer_bytes_max = kPageBytesMax};
  if (!token.empty()) call.query.emplace_back("continuation-token", token);
  ASSIGN_OR_RETURN(const http::Response response, Send(call));
  if (!response.succeeded()) return ErrorOf(FailureOf(response), "listing " + description(), "s3:ListBucket");
  return flat::CheckedPage(ParseListedPage(response.body), prefix, token, "listing " + description());
}

Result<void> S3Store::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  const std::string& above = options_.place.prefix;
  const auto page_of = [&](const std::string& token) { return ListKeys(above + std::string(prefix), token); };
  return flat::ListPages(page_of, above, each, stranger);
}

Result<void> S3Store::Remove(const ObjectName& name) {
  const Call call{.method = "DELETE", .key = KeyOf(name), .answer_bytes_max = kMiB};
  auto removed = Succeed(call);
  if (removed || (removed.error().code() == ErrorCode::kNotFound)) return {};
  return RefusedRemoval(call, std::move(removed).error());
}

// Servers differ in the status and the code: what the object itself says counts.
Error S3Store::RefusedRemoval(const Call& removal, Error error) {
  if (error.transient() || error.code() == ErrorCode::kInterrupted) return error;
  const auto there = Send({.method = "HEAD", .key = removal.key});
  if (!there || !there->succeeded()) return error;
  const std::string url = UrlOf(removal.key);
  if (there->header("x-amz-object-lock-legal-hold") == "ON") {
    return MakeError(ErrorCode::kPermission,
                     "{} is under a legal hold, and the store does not let it be removed: it is whole, and goes when "
                     "the hold is released (cairn tag SNAPSHOT --release-hold)",
                     url);
  }
  const std::string_view until = there->header("x-amz-object-lock-retain-until-date");
  const auto end = http::ParseDate(until);
  if (!end || *end <= clock_.Now() + CurrentSigner().clock_error) return error;
  return MakeError(ErrorCode::kPermission,
                   "{} is locked until {}, and the store does not let it be removed: it is whole, and goes after that",
                   url, http::OneLine(until));
}

Result<ObjectInfo> S3Store::Stat(const ObjectName& name) {
  const Call call{.method = "HEAD", .key = KeyOf(name)};
  ASSIGN_OR_RETURN(http::Response response, Send(call));
  if (response.status == 404) return MissingBy(call.key);
  ASSIGN_OR_RETURN(response, SuccessOf(call, std::move(response)));
  ASSIGN_OR_RETURN(const http::Extent extent, http::ExtentOf(response, UrlOf(KeyOf(name))));
  return ObjectInfo{.name = name, .size = extent.size, .modified = extent.modified};
}

Result<bool> S3Store::ExtendLock(const ObjectName& name) {
  if (options_.lock_mode.empty() || !IsToBeLocked(name.text())) return false;
  const std::string key = KeyOf(name);
  const Call look{.method = "HEAD", .key = key};
  ASSIGN_OR_RETURN(http::Response response, Send(look));
  if (response.status == 404) return MissingBy(key);
  ASSIGN_OR_RETURN(response, SuccessOf(look, std::move(response)));
  const auto end = http::ParseDate(response.header("x-amz-object-lock-retain-until-date"));
  const UnixNs now = clock_.Now() + CurrentSigner().clock_error;
  if (end && *end - now >= std::chrono::nanoseconds(options_.lock_for).count() / 2) return false;
  const Property property{
      .name = "retention", .root = "/Retention", .action = "s3:GetObjectRetention", .is_known = knows_retention_};
  RETURN_IF_ERROR(NeedKnows(property, key));
  const std::string body = fmt::format(
      "<Retention "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate>"
      "</Retention>",
      options_.lock_mode, LockEnd());
  const Call extend{.method = "PUT",
                    .key = key,
                    .query = {{"retention", ""}},
                    .headers = {{"Content-MD5", http::Base64Encode(Md5(AsBytes(body)))}},
                    .body = AsBytes(body),
                    .answer_bytes_max = kMiB};
  ASSIGN_OR_RETURN(const http::Response extended, Send(extend));
  if (extended.succeeded()) return true;
  const Failure failure = FailureOf(extended);
  if (IsGone(failure)) return NotThere(UrlOf(key));
  return ErrorOf(failure, "extending the lock of " + UrlOf(key), "s3:PutObjectRetention");
}

Result<void> S3Store::NeedKnows(const Property& property, const std::string& key) {
  if (property.is_known) return {};
  const Call look{.method = "GET", .key = key, .query = {{std::string(property.name), ""}}, .answer_bytes_max = kMiB};
  const std::string what = fmt::format("looking for the {} of {}", property.name, UrlOf(key));
  const auto unknown = [&] {
    return MakeError(
        ErrorCode::kUnsupported,
        "{}: the server answers with the object itself: it does not know that, and what sets it would take "
        "the object's place",
        what);
  };
  const auto response = Send(look);
  if (!response && response.error().code() == ErrorCode::kCorrupt) return unknown();  // it is longer
  RETURN_IF_ERROR(response);
  if (response->succeeded()) {
    std::string root;
    const auto read = http::ReadXml(response->body, {.begin = [&](std::string_view path) -> Result<void> {
                                                       if (root.empty()) root = path;
                                                       return {};
                                                     },
                                                     .end = {}});
    if (!read || root != property.root) return unknown();
    property.is_known = true;
    return {};
  }
  const Failure failure = FailureOf(*response);
  if (IsGone(failure)) return NotThere(UrlOf(key));
  // Of an object of which nothing is set: Amazon's words, and Ceph's.
  property.is_known =
      failure.code == "NoSuchObjectLockConfiguration" || failure.code == "ObjectLockConfigurationNotFoundError";
  return property.is_known ? Result<void>() : LockRefused(failure, what, property.action);
}

Error S3Store::LockRefused(const Failure& failure, const std::string& what, std::string_view action) {
  Error error = ErrorOf(failure, what, action);
  if (failure.status != 400 && failure.status != 409) return error;
  return MakeError(ErrorCode::kUnsupported,
                   "{}; it takes a bucket that was made with object lock (cairn init with s3.object-lock, or with -o "
                   "s3.legal-hold=yes, makes one)",
                   error.message());
}

Result<void> S3Store::SetHold(const std::string& key, const std::string& version, bool is_held) {
  const Property property{
      .name = "legal-hold", .root = "/LegalHold", .action = "s3:GetObjectLegalHold", .is_known = knows_holds_};
  // What is released was said to be held.
  if (is_held) RETURN_IF_ERROR(NeedKnows(property, key));
  const std::string body =
      fmt::format("<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{}</Status></LegalHold>",
                  is_held ? "ON" : "OFF");
  Call call{.method = "PUT",
            .key = key,
            .query = {{"legal-hold", ""}},
            .headers = {{"Content-MD5", http::Base64Encode(Md5(AsBytes(body)))}},
            .body = AsBytes(body),
            .answer_bytes_max = kMiB};
  if (!version.empty()) call.query.emplace_back("versionId", version);
  ASSIGN_OR_RETURN(const http::Response done, Send(call));
  if (done.succeeded()) return {};
  const Failure failure = FailureOf(done);
  if (IsGone(failure)) return NotThere(UrlOf(key));
  const std::string what = (is_held ? "holding " : "releasing ") + UrlOf(key);
  return LockRefused(failure, what, "s3:PutObjectLegalHold");
}

Result<bool> S3Store::LookForHold(const std::string& key, const std::string& version) {
  Call call{.method = "HEAD", .key = key};
  if (!version.empty()) call.query.emplace_back("versionId", version);
  ASSIGN_OR_RETURN(const http::Response response, Send(call));
  if (response.status == 404) return MissingBy(key, version);
  if (!response.succeeded()) return Refused(call, FailureOf(response));
  return response.header("x-amz-object-lock-legal-hold") == "ON";
}

Result<void> S3Store::Hold(const ObjectName& name) { return SetHold(KeyOf(name), "", true); }

Result<bool> S3Store::IsHeld(const ObjectName& name) { return LookForHold(KeyOf(name), ""); }

Result<bool> S3Store::IsVersionHeld(const ObjectVersion& version) {
  return LookForHold(KeyOf(version.name), version.id);
}

Result<bool> S3Store::Release(const ObjectVersion& version) {
  const std::string key = KeyOf(version.name);
  ASSIGN_OR_RETURN(const bool is_held, LookForHold(key, version.id));
  if (is_held) RETURN_IF_ERROR(SetHold(key, version.id, false));
  return is_held;
}

Result<void> S3Store::ListVersions(const std::function<Result<void>(const ObjectVersion&)>& each) {
  const std::string& above = options_.place.prefix;
  const std::string what = "listing the versions in " + description();
  std::string key, id;
  for (;;) {
    Call call{.method = "GET",
              .query = {{"versions", ""}, {"encoding-type", "url"}, {"prefix", above}},
              .answer_bytes_max = kPageBytesMax};
    if (!key.empty()) call.query.emplace_back("key-marker", key);
    if (!id.empty()) call.query.emplace_back("version-id-marker", id);
    ASSIGN_OR_RETURN(const http::Response response, Send(call));
    if (!response.succeeded()) return ErrorOf(FailureOf(response), what, "s3:ListBucketVersions");
    auto page = ParseVersionsPage(response.body);
    if (!page) return MakeError(ErrorCode::kIo, "{}: {}", what, page.error().message()).Transient();
    for (const ListedVersion& version : page->versions) {
      if (!version.key.starts_with(above)) continue;
      const auto name = ObjectName::Parse(version.key.substr(above.size()));
      if (name) RETURN_IF_ERROR(each({*name, version.id}));
    }
    if (page->next_key.empty()) return {};
    if (page->next_key == key && page->next_id == id) {
      return MakeError(ErrorCode::kIo, "{}: the next page is the same", what).Transient();
    }
    key = page->next_key;
    id = page->next_id;
  }
}

Result<Warmth> S3Store::LookAt(const ObjectName& name) {
  const Call call{.method = "HEAD", .key = KeyOf(name)};
  ASSIGN_OR_RETURN(const http::Response response, Send(call));
  if (response.status == 404) return MissingBy(call.key);
  if (!response.succeeded()) return Refused(call, FailureOf(response));
  constexpr std::array<std::string_view, 2> kArchives = {"GLACIER", "DEEP_ARCHIVE"};
  const std::string_view storage_class = response.header("x-amz-storage-class");
  if (std::ranges::find(kArchives, storage_class) == kArchives.end()) return Warmth::kWarm;
  // ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"
  const std::string_view restore = response.header("x-amz-restore");
  if (restore.find("ongoing-request=\"true\"") != std::string_view::npos) return Warmth::kWarming;
  return restore.find("ongoing-request=\"false\"") != std::string_view::npos ? Warmth::kWarm : Warmth::kCold;
}

// RestoreObject: 202 where it has begun, 200 where a copy is there, which stays for so many days from now.
Result<Warmth> S3Store::WarmUp(const ObjectName& name) {
  const std::string body = fmt::format(
      "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>{}</Days><GlacierJobParameters>"
      "<Tier>{}</Tier></GlacierJobParameters></RestoreRequest>",
      options_.restore_days, options_.restore_tier);
  const Call call{.method = "POST",
                  .key = KeyOf(name),
                  .query = {{"restore", ""}},
                  .headers = {{"Content-MD5", http::Base64Encode(Md5(AsBytes(body)))}},
                  .body = AsBytes(body),
                  .answer_bytes_max = kMiB};
  ASSIGN_OR_RETURN(const http::Response response, Send(call));
  if (response.succeeded()) return response.status == 202 ? Warmth::kWarming : Warmth::kWarm;
  const Failure failure = FailureOf(response);
  if (failure.code == "RestoreAlreadyInProgress") return Warmth::kWarming;
  if (failure.code == "InvalidObjectState") return Warmth::kWarm;  // "not allowed for its current storage class"
  if (IsGone(failure)) return NotThere(UrlOf(call.key));
  return ErrorOf(failure, "bringing back " + UrlOf(call.key), "s3:RestoreObject");
}

std::string S3Store::terms() const {
  const std::string_view takes = options_.restore_tier == "Expedited" ? "1 to 5 minutes (not of DEEP_ARCHIVE)"
                                 : options_.restore_tier == "Bulk"    ? "5 to 12 hours, of DEEP_ARCHIVE up to 48"
                                                                      : "3 to 5 hours, of DEEP_ARCHIVE up to 12";
  return fmt::format("it takes {} and lasts {} days (s3.restore-tier={}, s3.restore-days={})", takes,
                     options_.restore_days, options_.restore_tier, options_.restore_days);
}

// An answer to HEAD has no words: asked again for a byte, the server says what is missing.
Error S3Store::MissingBy(const std::string& key, const std::string& version) {
  Call call{.method = "GET", .key = key, .headers = {{"Range", "bytes=0-0"}}, .answer_bytes_max = 1, .is_range = true};
  if (!version.empty()) call.query.emplace_back("versionId", version);
  auto asked = Succeed(call);
  if (!asked) return std::move(asked).error();
  return MakeError(ErrorCode::kIo, "HEAD {}: the server said that it is not there, and then that it is", UrlOf(key))
      .Transient();
}

Result<void> S3Store::MakeBucket() {
  ASSIGN_OR_RETURN(
      const http::Response there,
      Send({.method = "GET", .query = {{"list-type", "2"}, {"max-keys", "1"}}, .answer_bytes_max = kPageBytesMax}));
  if (there.succeeded()) return {};
  const Failure failure = FailureOf(there);
  if (failure.status != 404) return ErrorOf(failure, "looking for the bucket of " + description(), "s3:ListBucket");
  std::string constraint;
  if (options_.place.is_aws() && options_.region != kFirstRegion) {
    constraint = fmt::format(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}"
        "</LocationConstraint></CreateBucketConfiguration>",
        options_.region);
  }
  http::Headers headers;
  if (!options_.lock_mode.empty() || options_.takes_holds) {
    headers.emplace_back("x-amz-bucket-object-lock-enabled", "true");
  }
  ASSIGN_OR_RETURN(
      const http::Response made,
      Send({.method = "PUT", .headers = std::move(headers), .body = AsBytes(constraint), .answer_bytes_max = kMiB}));
  if (made.succeeded()) return {};
  const Failure refused = FailureOf(made);
  if (refused.code == "BucketAlreadyOwnedByYou") return {};
  return ErrorOf(refused, "making the bucket of " + description(), "s3:CreateBucket");
}

}  // namespace cairn::s3
