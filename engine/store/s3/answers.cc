#include "engine/store/s3/answers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/http/answer.h"
#include "engine/http/date.h"
#include "engine/http/percent.h"
#include "engine/http/xml_events.h"

namespace cairn::s3 {
namespace {

using http::OneLine;

constexpr std::string_view kIsThere = "FileAlreadyExists";  // with status 409: Alibaba's word for 412

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::ranges::find(all, text) != all.end();
}

// May the same request succeed later?
bool MayPass(const Failure& failure) {
  constexpr std::array kStatus = {409, 520, 521, 522, 523, 524};  // another call is under way; of a proxy in between
  if (failure.code == "BucketAlreadyExists" || failure.code == kIsThere) return false;
  if (flat::MayPassByStatus(failure) || std::ranges::find(kStatus, failure.status) != kStatus.end()) return true;
  // Bytes were broken, or lost, on the way.
  return IsOneOf(failure.code, {"RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody",
                                "SlowDown", "RequestTimeTooSkewed"});
}

ErrorCode CodeOf(const Failure& failure) {
  if (IsOneOf(failure.code, {"QuotaExceeded", "InsufficientStorage", "NotEnoughSpace", "XMinioStorageFull",
                             "XMinioAdminBucketQuotaExceeded"})) {
    return ErrorCode::kNoSpace;
  }
  if (failure.code == "EntityTooLarge" || failure.status == 413) return ErrorCode::kInvalidArgument;
  if (IsOneOf(failure.code, {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})) return ErrorCode::kPermission;
  if (failure.code == kIsThere) return ErrorCode::kAlreadyExists;
  if (failure.code == "InvalidObjectState") return ErrorCode::kArchived;
  if (failure.code == "NotImplemented") return ErrorCode::kUnsupported;
  return failure.status == 412 ? ErrorCode::kAlreadyExists : flat::CodeOfStatus(failure);
}

// Of "120", or a date; 0 where there is none. Amazon says it in seconds, proxies as they like.
std::chrono::seconds RetryAfter(const http::Response& response) {
  const std::string_view text = response.header("retry-after");
  uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) return std::chrono::seconds(seconds);
  const auto until = http::ParseDate(text), now = http::ParseDate(response.header("date"));
  if (!until || !now || *until <= *now) return {};
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds(*until - *now));
}

// Of a bucket that is elsewhere: the address to give.
std::string WayThere(const Failure& failure) {
  if (failure.status != 301 && failure.status != 307) return "";
  std::string told;
  if (!failure.region.empty()) told += " in " + failure.region;
  if (!failure.host.empty()) told += " at " + failure.host;
  return told.empty() ? "; the bucket is elsewhere: name its own host in the address of the repository"
                      : "; the bucket is" + told + ": name the host of there in the address of the repository";
}

std::string WayOut(const Failure& failure, std::string_view action) {
  if (failure.code == "NoSuchBucket") return "; cairn init makes it where the key may";
  if (failure.code == "InvalidObjectState") return "; it is in an archive (its storage class)";
  if (failure.code == "InvalidAccessKeyId") {
    return "; AWS_ACCESS_KEY_ID is not known to this server (one for a time goes with its AWS_SESSION_TOKEN, and both "
           "run "
           "out)";
  }
  if (failure.code == "SignatureDoesNotMatch") return "; AWS_SECRET_ACCESS_KEY is not the one of this access key";
  if (failure.code == "EntityTooLarge" || failure.status == 413) {
    return "; the server limits how large an object may be (-o store.object-size=32M, 16M at least)";
  }
  if (failure.code == "RequestTimeTooSkewed") return "; this machine's clock is wrong";
  if (IsOneOf(failure.code, {"ExpiredToken", "InvalidToken"})) return "; AWS_SESSION_TOKEN has run out, or is wrong";
  if (failure.status == 401 || failure.status == 403) {
    const std::string refused = "; the key is another, or has no right to do this";
    const bool by_a_policy = failure.code.empty() || failure.code == "AccessDenied";
    return by_a_policy && !action.empty() ? fmt::format("{}: it needs {} (STORES.md has policies)", refused, action)
                                          : refused;
  }
  return "";
}

// Keys as they were, where a listing is encoded.
Result<std::string> KeyOf(std::string key, bool is_encoded) {
  if (!is_encoded) return key;
  std::ranges::replace(key, '+', ' ');  // as Amazon encodes a blank
  return http::PercentDecode(key);
}

// A listing as it comes; not whole before IsTruncated was there.
class PageReader {
 public:
  Result<void> Take(std::string_view path, const std::string& text) {
    constexpr std::string_view kRoot = "/ListBucketResult";
    if (!path.starts_with(kRoot)) return Corrupt("the answer is {} and no listing", OneLine(path));
    const std::string_view name = path.substr(kRoot.size());
    if (name == "/IsTruncated") {
      is_truncated_ = text == "true";
      is_known_ = is_known_ || is_truncated_ || text == "false";
    } else if (name == "/NextContinuationToken") {
      page_.next = text;
    } else if (name == "/EncodingType") {
      is_encoded_ = text == "url";
    } else if (name == "/Contents/Key") {
      object_.key = text;
    } else if (name == "/Contents/LastModified") {
      const auto when = http::ParseDate(text);
      object_.modified = when ? *when : 0;
    } else if (name == "/Contents/ETag") {
      object_.tag = WithoutQuotes(text);
    } else if (name == "/Contents/Size") {
      const auto size = http::ParseNumber(text);
      if (!size) return Corrupt("\"{}\" is no size", OneLine(text));
      object_.size = *size;
      has_size_ = true;
    } else if (name == "/Contents") {
      if (object_.key.empty() || !has_size_) return Error(ErrorCode::kCorrupt, "an object has no key or no size");
      page_.objects.push_back(std::move(object_));
      object_ = {};
      has_size_ = false;
    }
    return {};
  }

  Result<ListedPage> Finish() && {
    if (!is_known_) return Error(ErrorCode::kCorrupt, "the listing does not say whether it is whole");
    if (is_truncated_ && page_.next.empty()) {
      return Error(ErrorCode::kCorrupt, "the listing says that there is more, and not where");
    }
    if (!is_truncated_) page_.next.clear();
    for (ListedObject& object : page_.objects) {
      ASSIGN_OR_RETURN(object.key, KeyOf(std::move(object.key), is_encoded_));
    }
    return std::move(page_);
  }

 private:
  ListedPage page_;
  ListedObject object_;
  bool is_truncated_ = false, is_known_ = false, is_encoded_ = false, has_size_ = false;
};

class VersionsReader {
 public:
  Result<void> Take(std::string_view path, const std::string& text) {
    constexpr std::string_view kRoot = "/ListVersionsResult";
    if (!path.starts_with(kRoot)) return Corrupt("the answer is {} and no listing of versions", OneLine(path));
    const std::string_view name = path.substr(kRoot.size());
    if (name == "/IsTruncated") {
      is_truncated_ = text == "true";
      is_known_ = is_known_ || is_truncated_ || text == "false";
    } else if (name == "/NextKeyMarker") {
      page_.next_key = text;
    } else if (name == "/NextVersionIdMarker") {
      page_.next_id = text;
    } else if (name == "/EncodingType") {
      is_encoded_ = text == "url";
    } else if (name == "/Version/Key") {
      version_.key = text;
    } else if (name == "/Version/VersionId") {
      version_.id = text;
    } else if (name == "/Version") {
      if (version_.key.empty() || version_.id.empty()) return Corrupt("a version has no key or no id");
      page_.versions.push_back(std::exchange(version_, {}));
    }
    return {};
  }

  Result<VersionsPage> Finish() && {
    if (!is_known_) return Corrupt("the listing of versions does not say whether it is whole");
    if (is_truncated_ && page_.next_key.empty()) return Corrupt("the listing says that there is more, and not where");
    if (!is_truncated_) page_.next_key.clear();
    ASSIGN_OR_RETURN(page_.next_key, KeyOf(std::move(page_.next_key), is_encoded_));
    for (ListedVersion& version : page_.versions) {
      ASSIGN_OR_RETURN(version.key, KeyOf(std::move(version.key), is_encoded_));
    }
    return std::move(page_);
  }

 private:
  VersionsPage page_;
  ListedVersion version_;
  bool is_truncated_ = false, is_known_ = false, is_encoded_ = false;
};

}  // namespace

std::string WithoutQuotes(std::string_view tag) {
  if (tag.starts_with('"') && tag.ends_with('"') && tag.size() > 1) tag = tag.substr(1, tag.size() - 2);
  return std::string(tag);
}

Failure FailureOf(const http::Response& response) {
  Failure failure;
  failure.status = response.status;
  failure.region = OneLine(response.header("x-amz-bucket-region"));
  failure.retry_after = RetryAfter(response);
  // What is no XML says no more than its status does.
  const auto read = http::ReadXml(
      response.body, {.begin = {}, .end = [&](std::string_view path, const std::string& text) -> Result<void> {
                        if (path == "/Error/Code") failure.code = OneLine(text);
                        if (path == "/Error/Message") failure.message = OneLine(text);
                        if (path == "/Error/Region") failure.region = OneLine(text);
                        if (path == "/Error/Endpoint") failure.host = OneLine(text);
                        return {};
                      }});
  if (!read && failure.code.empty()) failure.message.clear();
  return failure;
}

Error ErrorOf(const Failure& failure, std::string_view what, std::string_view action) {
  Error error(CodeOf(failure), flat::Said(failure, what).append(WayOut(failure, action)).append(WayThere(failure)));
  if (MayPass(failure)) return std::move(error).Transient();
  return error;
}

Result<ListedPage> ParseListedPage(ByteSpan body) {
  PageReader reader;
  RETURN_IF_ERROR(http::ReadXml(body, {.begin = {}, .end = [&](std::string_view path, const std::string& text) {
                                         return reader.Take(path, text);
                                       }}));
  return std::move(reader).Finish();
}

Result<VersionsPage> ParseVersionsPage(ByteSpan body) {
  VersionsReader reader;
  RETURN_IF_ERROR(http::ReadXml(body, {.begin = {}, .end = [&](std::string_view path, const std::string& text) {
                                         return reader.Take(path, text);
                                       }}));
  return std::move(reader).Finish();
}

}  // namespace cairn::s3
