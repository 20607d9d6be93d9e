// What WebDAV servers answer to PROPFIND. RFC 4918, section 14.16.
#pragma once

#include <functional>
#include <string>

#include "engine/env/clock.h"
#include "engine/http/xml_events.h"

namespace cairn::webdav {

// Of a resource that a folder holds, or of the folder itself.
struct Entry {
  std::string name;  // decoded, within the folder; "": itself
  bool is_folder = false;
  uint64_t size = 0;
  UnixNs modified = 0;  // 0: not said
};

// What to ask for.
constexpr std::string_view kPropfindBody =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>"
    "<getlastmodified/></prop></propfind>";

// Takes an answer in pieces, and tells each entry as it comes; what went away meanwhile is left out. `folder` is the
// path that was asked for, decoded, ending with "/". kCorrupt where the answer is none or names what is not in the
// folder, kPermission where the server keeps an entry back. One thread at a time.
class MultistatusReader {
 public:
  using Each = std::function<Result<void>(Entry entry)>;
  MultistatusReader(std::string folder, Each each);
  MultistatusReader(const MultistatusReader&) = delete;
  MultistatusReader& operator=(const MultistatusReader&) = delete;

  Result<void> Push(ByteSpan piece) { return events_.Push(piece); }
  Result<void> Finish();  // once: the answer ends here

 private:
  Result<void> Take(std::string_view path, const std::string& text);
  Result<void> EndOfResponse();
  Result<std::string> NameOf(const std::string& href) const;

  const std::string folder_;
  const Each each_;
  http::XmlEvents events_;
  std::string href_;
  Entry entry_;
  int status_ = 200;  // of the response that is being read
};

}  // namespace cairn::webdav
