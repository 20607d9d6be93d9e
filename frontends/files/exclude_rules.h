// Which paths to leave out, in the syntax of gitignore.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

// Patterns in order; of those that match, the last decides, and one that begins with "!" takes a path in again. What is
// in a folder that is left out stays out. `*` and `?` match within a name, `[a-z]` and `[!a-z]` one byte (also
// `[[:alpha:]]`; never a slash), `**` between slashes any number of folders, `\` takes the next byte as it is; a slash
// at the end means folders only. A pattern without a slash before its end matches the name, wherever it is. One that
// begins with a slash matches the whole path; one with a slash elsewhere the path below the base: the path that is
// backed up. Names are bytes.
//
// A plain value; Excludes is safe for concurrent use.
class ExcludeRules {
 public:
  // kInvalidArgument where the pattern could never match: an open "[", a class of slashes alone, a "\" at the end, a
  // name that is "." or "..", nothing but slashes.
  Result<void> Add(std::string_view pattern);
  // Lines as in a .gitignore: empty ones and those that begin with "#" are passed over. `name` is for errors.
  Result<void> AddLines(std::string_view text, std::string_view name);

  // `path`: names joined by "/", without one at the beginning. `base_length`: how much of it is the base, without the
  // slash that follows.
  bool Excludes(ByteSpan path, size_t base_length, bool is_folder) const;
  // A pattern that takes nothing in, as patterns that say the same of what is in a folder at the root, for paths that
  // begin there; none where it says nothing of that.
  static std::vector<std::string> PatternsIn(std::string_view folder, const std::string& pattern);
  bool empty() const { return rules_.empty(); }
  const std::vector<std::string>& patterns() const { return patterns_; }  // as they were added

 private:
  struct Token {
    enum class Kind : uint8_t { kByte, kAny, kStar, kClass } kind;
    uint8_t byte = 0;
    std::bitset<256> members;
  };
  // One name of a pattern, or "**".
  struct Part {
    bool is_any_depth = false;
    bool is_literal = false;
    std::string literal;
    std::vector<Token> tokens;
    bool Matches(std::string_view name) const;
  };
  struct Rule {
    bool takes_in = false;
    bool folders_only = false;
    enum class Scope : uint8_t { kName, kRoot, kBase } scope = Scope::kName;
    std::vector<Part> parts;
    bool Matches(std::string_view path, size_t base_length) const;
  };

  static Result<std::vector<std::string_view>> SplitPattern(std::string_view text, std::string_view pattern);
  static Result<Part> ParsePart(std::string_view text, std::string_view pattern);
  static bool ReadClass(std::string_view text, size_t& place, std::bitset<256>& members);
  static bool MatchParts(const std::vector<Part>& parts, std::string_view path);

  std::vector<Rule> rules_;
  std::vector<std::string> patterns_;
};

}  // namespace cairn
