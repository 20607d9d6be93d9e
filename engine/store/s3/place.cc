#include "engine/store/s3/place.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kAws = "amazonaws.com";
constexpr std::string_view kAnyRegion = "s3.amazonaws.com";

bool EndsWithDomain(std::string_view host, std::string_view domain) {
  return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

// As Amazon has it, and what others allow beyond: nothing that would change the path, or the host.
Result<void> CheckBucket(std::string_view bucket) {
  if (bucket.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "an S3 store is named s3:https://host/bucket/prefix: the bucket is missing");
  }
  const bool is_plain = bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
                        std::string_view::npos;
  if (is_plain && bucket.size() <= 255 && bucket.front() != '.' && bucket.front() != '-') return {};
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no name of a bucket", bucket);
}

}  // namespace

bool Place::is_aws() const {
  return EndsWithDomain(origin.host, kAws) || EndsWithDomain(origin.host, "amazonaws.com.cn");
}

bool Place::is_alibaba() const { return EndsWithDomain(origin.host, "aliyuncs.com"); }
bool Place::is_google() const { return EndsWithDomain(origin.host, "storage.googleapis.com"); }

Result<Place> Place::Parse(std::string_view text) {
  const bool is_bucket_of_aws = text.starts_with("//");
  ASSIGN_OR_RETURN(const http::Address address,
                   http::ParseAddress(is_bucket_of_aws ? "https://s3.amazonaws.com" + std::string(text.substr(1))
                                                       : std::string(text)));
  Place place;
  place.origin = address.origin;
  const std::string_view path = std::string_view(address.path).substr(address.path.empty() ? 0 : 1);
  const size_t slash = path.find('/');
  place.bucket = path.substr(0, slash);
  if (slash != std::string_view::npos) place.prefix = path.substr(slash + 1);
  while (place.prefix.ends_with('/')) place.prefix.pop_back();
  if (place.prefix.starts_with('/') || place.prefix.find("//") != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\": an empty name in the prefix", place.prefix);
  }
  for (const char c : place.prefix) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      return Error(ErrorCode::kInvalidArgument, "a prefix has no line breaks and other control characters");
    }
  }
  const std::string parts = "/" + place.prefix + "/";
  if (parts.find("/./") != std::string::npos || parts.find("/../") != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\": what is on the way takes . and .. out of the prefix",
                     place.prefix);
  }
  if (!place.prefix.empty()) place.prefix += '/';
  RETURN_IF_ERROR(CheckBucket(place.bucket));
  // A dot in a bucket's name fits no certificate.
  const bool may_be_virtual = place.bucket.find('.') == std::string::npos;
  place.virtual_host = may_be_virtual && (place.is_aws() || place.is_alibaba());
  return place;
}

std::string Place::text() const {
  std::string all = "s3:" + origin.text() + "/" + bucket;
  if (!prefix.empty()) all += "/" + http::PercentEncode(prefix.substr(0, prefix.size() - 1), http::Slash::kKept);
  return all;
}

// Amazon's host of all regions sends others on, for a day after a bucket was made.
std::string Place::HostIn(std::string_view region) const {
  const bool is_any = origin.authority() == kAnyRegion && region != kFirstRegion;
  const std::string host = is_any ? fmt::format("s3.{}.{}", region, kAws) : origin.authority();
  return virtual_host ? bucket + "." + host : host;
}

std::string Place::PathOf(std::string_view key) const {
  std::string path = virtual_host ? "/" : "/" + bucket;
  if (key.empty()) return path;
  if (!virtual_host) path += '/';
  return path.append(key);
}

}  // namespace cairn::s3
