// Where an S3 store is: the server, the bucket, and the prefix of its objects.
#pragma once

#include <string>
#include <string_view>

#include "engine/http/percent.h"

namespace cairn::s3 {

// Amazon's first, which it takes for the one that is meant where none is named; other servers call theirs so.
inline constexpr std::string_view kFirstRegion = "us-east-1";

// Forms, all of them after "s3:":
//   https://host[:port]/bucket[/prefix], http://..., host[:port]/bucket[/prefix]   any server
//   //bucket[/prefix]                                                              AWS
struct Place {
  http::Origin origin;  // without the bucket
  std::string bucket;
  std::string prefix;  // "" or ending with "/"
  // The bucket is part of the host's name, and not of the path: where the server knows no other way (Alibaba's), or may
  // give up the other (Amazon's).
  bool virtual_host = false;

  // `text` is without "s3:". kInvalidArgument names what is wrong with it.
  static Result<Place> Parse(std::string_view text);
  // As people write it.
  std::string text() const;
  // Of requests to the bucket in a region: "bucket.host" or "host".
  std::string HostIn(std::string_view region) const;
  // Of an object by its whole key, or of the bucket where `key` is "": begins with "/", decoded.
  std::string PathOf(std::string_view key) const;
  bool is_aws() const;
  bool is_alibaba() const;
  bool is_google() const;
};

}  // namespace cairn::s3
