// What a client is told of one file or folder.
#pragma once

#include <optional>
#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/wire_writer.h"

namespace cairn::serve {

struct Resource {
  Bytes name;        // the last of its path; empty: the root
  std::string href;  // its path, percent-encoded; a folder's ends with "/"
  bool is_folder = false;
  // Bytes of a file; nothing: of one that is made of others, which could not be read now.
  std::optional<uint64_t> size = 0;
  std::optional<WireTime> modified, born;
  std::string etag = {};  // of a file: strong, in quotes, and the same wherever and whenever the bytes are the same
  // Of a folder in a snapshot: how many bytes its files have all together.
  std::optional<uint64_t> used = {};
};

// "Wed, 12 Oct 2009 17:50:30 GMT"; nothing for a time that HTTP does not write.
std::optional<std::string> HttpDate(const WireTime& time);
// By its name: "text/plain; charset=utf-8", "application/octet-stream" where it says nothing.
std::string_view ContentType(ByteSpan name);

}  // namespace cairn::serve
