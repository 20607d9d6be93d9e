#include "frontends/cli/find_query.h"

#include <algorithm>

#include "engine/env/clock.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/command.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

char LetterOf(NodeType type) {
  switch (type) {
    case NodeType::kFile:
      return 'f';
    case NodeType::kFolder:
      return 'd';
    case NodeType::kSymlink:
      return 'l';
    case NodeType::kFifo:
      return 'p';
    case NodeType::kCharDevice:
      return 'c';
    case NodeType::kBlockDevice:
      return 'b';
    default:
      return '?';
  }
}

// Is `path` the folder, or in it?
bool IsIn(ByteSpan path, ByteSpan folder) {
  return path.size() >= folder.size() && Equal(path.first(folder.size()), folder) &&
         (folder.empty() || path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

Result<FindQuery::Size> FindQuery::ParseSize(const std::string& text) {
  const bool is_signed = text.starts_with("+") || text.starts_with("-");
  ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(text.substr(is_signed ? 1 : 0)));
  return Size{is_signed ? text.front() : '=', bytes};
}

Result<void> FindQuery::CheckSize(const std::string& text) {
  RETURN_IF_ERROR(ParseSize(text));
  return {};
}

Result<FindQuery> FindQuery::Parse(const FindWords& words) {
  FindQuery query;
  for (const std::string& pattern : words.patterns) {
    if (!words.are_regexes) {
      query.names_.push_back(NamePattern::Glob(pattern, words.ignores_case));
      continue;
    }
    ASSIGN_OR_RETURN(NamePattern one, NamePattern::Regex(pattern, words.ignores_case));
    query.names_.push_back(std::move(one));
  }
  std::vector<std::string> sizes = words.sizes;
  if (!words.larger.empty()) sizes.push_back("+" + words.larger);
  if (!words.smaller.empty()) sizes.push_back("-" + words.smaller);
  for (const std::string& text : sizes) {
    ASSIGN_OR_RETURN(const Size size, ParseSize(text));
    query.sizes_.push_back(size);
  }
  if (!words.newer.empty()) {
    ASSIGN_OR_RETURN(query.newer_than_, ParseTime(words.newer, SystemClock()));
  }
  if (!words.older.empty()) {
    ASSIGN_OR_RETURN(query.older_than_, ParseTime(words.older, SystemClock()));
  }
  for (const std::string& folder : words.folders) {
    query.folders_.push_back(ToBytes(AsBytes(SnapshotPath::Parse(":" + folder).path)));
  }
  query.types_ = words.type;
  query.asks_nothing_ =
      query.names_.empty() && query.sizes_.empty() && query.types_.empty() && !query.newer_than_ && !query.older_than_;
  return query;
}

bool FindQuery::Matches(const TreePath& path, const Node& node) const {
  if (newer_than_ && node.modified <= *newer_than_) return false;
  if (older_than_ && node.modified >= *older_than_) return false;
  if (!std::ranges::all_of(sizes_, [&](const Size& one) { return one.Holds(node.size); })) return false;
  // A folder has no size, and is not looked for by one.
  if (!sizes_.empty() && node.type != NodeType::kFile) return false;
  if (!types_.empty() && types_.find(LetterOf(node.type)) == std::string::npos) return false;
  if (!IsInScope(path)) return false;
  if (names_.empty()) return true;
  const std::string whole = "/" + ToString(path), name = ToString(node.name);
  return std::ranges::any_of(names_, [&](const NamePattern& one) { return one.Matches(whole, name); });
}

bool FindQuery::IsInScope(const TreePath& path) const {
  if (folders_.empty()) return true;
  return std::ranges::any_of(folders_, [&](const TreePath& folder) { return IsIn(path, folder); });
}

bool FindQuery::MayBeIn(const TreePath& folder) const {
  if (folders_.empty()) return true;
  return std::ranges::any_of(folders_,
                             [&](const TreePath& wanted) { return IsIn(folder, wanted) || IsIn(wanted, folder); });
}

}  // namespace cairn
