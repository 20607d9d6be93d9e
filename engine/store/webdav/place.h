// Where a WebDAV store is: the server, and the folder.
#pragma once

#include <string>
#include <string_view>

#include "engine/http/percent.h"

namespace cairn::webdav {

// After "webdav:" comes https://host[:port]/folder, http://... or host[:port]/folder, which is https.
struct Place {
  http::Origin origin;
  std::string root;  // decoded; "" or beginning with "/", never ending with one

  // `text` is without "webdav:". kInvalidArgument names what is wrong with it.
  static Result<Place> Parse(std::string_view text);
  // As people write it.
  std::string text() const { return "webdav:" + origin.text() + root; }
  // Of what is below the folder, encoded; "": the folder itself. A folder's name ends with "/".
  std::string PathOf(std::string_view relative) const;
  std::string UrlOf(std::string_view relative) const { return origin.text() + PathOf(relative); }
  // The server is this machine: nobody is on the way.
  bool is_loopback() const;
};

}  // namespace cairn::webdav
