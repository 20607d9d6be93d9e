#include "frontends/serve/web_path.h"

#include <algorithm>

#include "engine/http/percent.h"
#include "repo-format/tree_path.h"

namespace cairn::serve {
namespace {

// What stands before the path of a target that is a whole address; the path alone has nothing before it.
std::string_view OriginOf(std::string_view target) {
  const size_t scheme = target.starts_with("http://") ? 7 : target.starts_with("https://") ? 8 : 0;
  return scheme == 0 ? std::string_view() : target.substr(0, target.find('/', scheme));
}

Result<Bytes> ParseName(std::string_view encoded) {
  ASSIGN_OR_RETURN(const std::string name, http::PercentDecode(encoded));
  const bool is_name =
      name != "." && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
  if (!is_name) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" can be no name of a file", PathForPeople(AsBytes(name)));
  }
  return ToBytes(AsBytes(name));
}

}  // namespace

Result<std::vector<Bytes>> ParseTarget(std::string_view target) {
  target.remove_prefix(OriginOf(target).size());
  std::vector<Bytes> names;
  if (!target.empty() && target.front() != '/') {
    return MakeError(ErrorCode::kInvalidArgument, "the path does not begin with \"/\"");
  }
  while (!target.empty()) {
    target.remove_prefix(1);
    const std::string_view encoded = target.substr(0, target.find('/'));
    target.remove_prefix(encoded.size());
    if (encoded.empty()) continue;
    ASSIGN_OR_RETURN(Bytes name, ParseName(encoded));
    names.push_back(std::move(name));
  }
  return names;
}

std::string_view HostOfTarget(std::string_view target) {
  std::string_view origin = OriginOf(target);
  if (!origin.empty()) origin.remove_prefix(origin.find("//") + 2);
  return origin;
}

std::string EncodePath(const std::vector<Bytes>& names) {
  if (names.empty()) return "/";
  std::string path;
  for (const Bytes& name : names) (path += '/') += http::PercentEncode(AsText(name));
  return path;
}

}  // namespace cairn::serve
