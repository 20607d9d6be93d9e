#include "engine/store/azure/place.h"

namespace cairn::azure {
namespace {

constexpr std::string_view kLettersAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789";

Result<void> CheckContainer(std::string_view container) {
  if (container.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "an Azure store is named azure:https://ACCOUNT.blob.core.windows.net/container/prefix, or "
                 "azure:container:/prefix: the container is missing");
  }
  const bool is_plain = container.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
  if (is_plain && container.size() >= 3 && container.size() <= 63 && container.front() != '-') return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" is no name of a container: 3 to 63 small letters, digits and dashes", container);
}

Result<void> CheckAccount(std::string_view account) {
  if (account.empty()) {
    return Error(ErrorCode::kInvalidArgument, "there is no account for the Azure store: set AZURE_ACCOUNT_NAME");
  }
  if (account.find_first_not_of(kLettersAndDigits) == std::string_view::npos) return {};
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no name of an Azure account: small letters and digits",
                   account);
}

bool IsWithoutDomain(std::string_view host) {
  return host.front() == '[' || host.find('.') == std::string_view::npos ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// "container:/prefix", nothing of "host:443/container".
bool IsShort(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find('/') < colon) return false;
  const std::string_view rest = text.substr(colon + 1);
  return rest.empty() || (rest.starts_with('/') && !rest.starts_with("//"));
}

// Cuts the name before the first "/" off a path.
std::string TakeName(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string name(path.substr(0, slash));
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return name;
}

Result<std::string> PrefixOf(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.starts_with('/') || path.find("//") != std::string_view::npos) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\": an empty name in the prefix", path);
  }
  return path.empty() ? std::string() : std::string(path) + "/";
}

Result<Place> ParseShort(std::string_view text, const Account& given) {
  const size_t colon = text.find(':');
  Place place;
  place.account = given.name;
  RETURN_IF_ERROR(CheckAccount(place.account));
  const std::string suffix = given.endpoint_suffix.empty() ? "core.windows.net" : given.endpoint_suffix;
  ASSIGN_OR_RETURN(const http::Address address, http::ParseAddress("https://" + place.account + ".blob." + suffix));
  place.origin = address.origin;
  place.container = text.substr(0, colon);
  std::string_view path = text.substr(colon + 1);
  if (path.starts_with('/')) path.remove_prefix(1);
  ASSIGN_OR_RETURN(place.prefix, PrefixOf(path));
  RETURN_IF_ERROR(CheckContainer(place.container));
  return place;
}

}  // namespace

Result<Place> Place::Parse(std::string_view text, const Account& given) {
  if (IsShort(text)) return ParseShort(text, given);
  ASSIGN_OR_RETURN(const http::Address address, http::ParseAddress(text));
  Place place;
  place.origin = address.origin;
  place.account_in_path = IsWithoutDomain(place.origin.host);
  std::string_view path = std::string_view(address.path).substr(address.path.empty() ? 0 : 1);
  if (place.account_in_path) {
    place.account = TakeName(path);
  } else {
    place.account = given.name.empty() ? place.origin.host.substr(0, place.origin.host.find('.')) : given.name;
  }
  place.container = TakeName(path);
  ASSIGN_OR_RETURN(place.prefix, PrefixOf(path));
  RETURN_IF_ERROR(CheckAccount(place.account));
  RETURN_IF_ERROR(CheckContainer(place.container));
  return place;
}

std::string Place::PathOf(std::string_view blob) const {
  std::string path = account_in_path ? "/" + account + "/" + container : "/" + container;
  if (!blob.empty()) (path += '/') += blob;
  return path;
}

std::string Place::text() const {
  return "azure:" + origin.text() + PathOf(std::string_view(prefix).substr(0, prefix.empty() ? 0 : prefix.size() - 1));
}

}  // namespace cairn::azure
