#include "engine/store/webdav/place.h"

namespace cairn::webdav {
namespace {

Result<void> CheckRoot(std::string_view root) {
  while (!root.empty()) {
    root.remove_prefix(1);
    const std::string_view name = root.substr(0, root.find('/'));
    if (name.empty() || name == "." || name == "..") {
      return MakeError(ErrorCode::kInvalidArgument, "a WebDAV store's folder has the name \"{}\" in its path", name);
    }
    root.remove_prefix(name.size());
  }
  return {};
}

}  // namespace

Result<Place> Place::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(http::Address address, http::ParseAddress(text));
  Place place{.origin = std::move(address.origin), .root = std::move(address.path)};
  while (place.root.ends_with('/')) place.root.pop_back();
  RETURN_IF_ERROR(CheckRoot(place.root));
  return place;
}

std::string Place::PathOf(std::string_view relative) const {
  return http::PercentEncode(root + "/" + std::string(relative), http::Slash::kKept);
}

bool Place::is_loopback() const {
  const std::string_view host = origin.host;
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

}  // namespace cairn::webdav
