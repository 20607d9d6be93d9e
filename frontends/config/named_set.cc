#include "frontends/config/named_set.h"

#include "repo-format/limits.h"
#include "repo-format/snapshot.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

// What may stand before the colon of a WHAT; a path that begins so is written with "./" before it.
constexpr std::string_view kKinds[] = {"sqlite", "postgres"};

}  // namespace

std::string QuotedAddress(const std::string& text) {
  const size_t at = text.find("://");
  const std::string shown = at == std::string::npos ? text : text.substr(0, at + 3) + "...";
  return "\"" + PathForPeople(AsBytes(shown)) + "\"";
}

Error BadItemName(const std::string& name) {
  return MakeError(
      ErrorCode::kInvalidArgument,
      "{} is no name for an item: it has 1 to {} bytes of text without a slash, and is not \".\" or \"..\"",
      QuotedAddress(name), limits::kItemNameBytesMax);
}

Result<NamedSet> NamedSet::Parse(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size()) {
    return MakeError(ErrorCode::kInvalidArgument, "{}: write NAME=PATH, NAME=sqlite:FILE, or NAME=postgres:ADDRESS",
                     QuotedAddress(text));
  }
  NamedSet set{.name = text.substr(0, equals), .kind = "", .where = text.substr(equals + 1)};
  if (!IsItemName(set.name)) return BadItemName(set.name);
  for (const char* scheme : {"postgresql://", "postgres://"}) {
    if (!set.where.starts_with(scheme)) continue;
    set.kind = "postgres";
    return set;
  }
  for (const std::string_view kind : kKinds) {
    if (!set.where.starts_with(std::string(kind) + ":")) continue;
    set.kind = kind;
    set.where.erase(0, kind.size() + 1);
    if (set.where.empty()) return MakeError(ErrorCode::kInvalidArgument, "{}: nothing stands behind {}:", text, kind);
  }
  return set;
}

}  // namespace cairn
