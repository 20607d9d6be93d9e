// What is asked of an entry that is looked for in snapshots.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontends/cli/name_pattern.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn {

// As it was typed.
struct FindWords {
  std::vector<std::string> patterns, sizes, folders;
  std::string newer, older, larger, smaller, type;
  bool ignores_case = false, are_regexes = false;
};

// All that was asked for holds; of several patterns one. Safe for concurrent use.
class FindQuery {
 public:
  static Result<FindQuery> Parse(const FindWords& words);
  // "+10M" more than, "-10M" less than, "10M" exactly.
  static Result<void> CheckSize(const std::string& text);

  bool asks_nothing() const { return asks_nothing_; }
  bool Matches(const TreePath& path, const Node& node) const;
  // Whether what is in a folder may be of interest; nothing of it is where the path leads elsewhere.
  bool MayBeIn(const TreePath& folder) const;

 private:
  struct Size {
    char sign = '=';
    uint64_t bytes = 0;
    bool Holds(uint64_t size) const { return sign == '+' ? size > bytes : sign == '-' ? size < bytes : size == bytes; }
  };
  static Result<Size> ParseSize(const std::string& text);
  bool IsInScope(const TreePath& path) const;

  std::vector<NamePattern> names_;
  std::vector<Size> sizes_;
  std::vector<TreePath> folders_;
  std::optional<WireTime> newer_than_, older_than_;
  std::string types_;
  bool asks_nothing_ = false;
};

}  // namespace cairn
