// What names and paths of a snapshot are compared with: globs, regular expressions.
#pragma once

#include <regex.h>

#include <memory>
#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

// In characters of UTF-8; of what is no UTF-8, in bytes. Safe for concurrent use.
class NamePattern {
 public:
  // As the shell's: of a name; with a slash in it of a whole path, or, where it does not begin with one, of its end. A
  // star then stands for slashes too.
  static NamePattern Glob(const std::string& text, bool ignores_case);
  // Extended, as of grep -E, found anywhere in a whole path. kInvalidArgument says what is wrong with it.
  static Result<NamePattern> Regex(const std::string& text, bool ignores_case);

  // `path` begins with a slash, and ends with `name`.
  bool Matches(const std::string& path, const std::string& name) const;

 private:
  using Compiled = std::shared_ptr<const regex_t>;
  std::string glob_;
  bool is_path_ = false, ignores_case_ = false;
  Compiled of_utf8_, of_bytes_;  // of a regular expression; else nothing
};

}  // namespace cairn
