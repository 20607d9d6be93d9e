#include "frontends/files/exclude_rules.h"

#include <fmt/core.h>

#include <algorithm>

namespace cairn {
namespace {

// The classes of POSIX in the C locale.
bool InNamedClass(std::string_view name, unsigned byte, bool* known) {
  const auto between = [byte](unsigned first, unsigned last) { return byte >= first && byte <= last; };
  const bool upper = between('A', 'Z'), lower = between('a', 'z'), digit = between('0', '9');
  const bool graph = between(0x21, 0x7e);
  *known = true;
  if (name == "alpha") return upper || lower;
  if (name == "digit") return digit;
  if (name == "alnum") return upper || lower || digit;
  if (name == "upper") return upper;
  if (name == "lower") return lower;
  if (name == "space") return byte == ' ' || between('\t', '\r');
  if (name == "blank") return byte == ' ' || byte == '\t';
  if (name == "punct") return graph && !upper && !lower && !digit;
  if (name == "print") return graph || byte == ' ';
  if (name == "graph") return graph;
  if (name == "cntrl") return byte < 0x20 || byte == 0x7f;
  if (name == "xdigit") return digit || between('a', 'f') || between('A', 'F');
  *known = false;
  return false;
}

Error Invalid(std::string_view pattern, std::string_view why) {
  return MakeError(ErrorCode::kInvalidArgument, "exclude pattern \"{}\" {}", pattern, why);
}

// Blanks at the end do not count, unless a backslash stands before them.
std::string_view WithoutTrailingBlanks(std::string_view text) {
  while (!text.empty() && text.back() == ' ') {
    size_t slashes = 0;
    while (slashes + 1 < text.size() && text[text.size() - 2 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 1) break;
    text.remove_suffix(1);
  }
  return text;
}

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    names.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return names;
}

}  // namespace

// Reads the class whose "[" is before `place`, and moves behind its "]"; false where it is not closed.
bool ExcludeRules::ReadClass(std::string_view text, size_t& place, std::bitset<256>& members) {
  const bool negated = place < text.size() && (text[place] == '!' || text[place] == '^');
  if (negated) ++place;
  const auto next_byte = [&]() -> int {
    if (place < text.size() && text[place] == '\\') ++place;
    return place < text.size() ? static_cast<uint8_t>(text[place++]) : -1;
  };
  for (bool first = true;; first = false) {
    if (place >= text.size()) return false;
    if (text[place] == ']' && !first) break;
    const size_t end = text.substr(place, 2) == "[:" ? text.find(":]", place + 2) : std::string_view::npos;
    if (end != std::string_view::npos) {
      bool known = false;
      const std::string_view name = text.substr(place + 2, end - place - 2);
      for (unsigned byte = 0; byte < 256; ++byte) {
        if (InNamedClass(name, byte, &known)) members.set(byte);
      }
      if (!known) return false;
      place = end + 2;
      continue;
    }
    const int low = next_byte();
    int high = low;
    if (place + 1 < text.size() && text[place] == '-' && text[place + 1] != ']') {
      ++place;
      high = next_byte();
    }
    if (low < 0 || high < 0) return false;
    members.set(static_cast<size_t>(low));  // also where the range runs backwards, as git has it
    for (int byte = low; byte <= high; ++byte) members.set(static_cast<size_t>(byte));
  }
  ++place;
  if (negated) members.flip();
  members.reset('/');  // no name holds one
  return true;
}

// The names of a pattern. A slash within a class ends none, and one behind a backslash is one like any other.
Result<std::vector<std::string_view>> ExcludeRules::SplitPattern(std::string_view text, std::string_view pattern) {
  std::vector<std::string_view> names;
  size_t begin = 0;
  for (size_t place = 0; place < text.size();) {
    const size_t end = place;
    char c = text[place++];
    if (c == '\\' && place < text.size()) c = text[place++] == '/' ? '/' : '\\';
    if (c == '[') {
      std::bitset<256> members;
      if (!ReadClass(text, place, members)) {
        return Invalid(pattern, "has a \"[\" that is not closed, or an unknown class");
      }
      if (members.none()) return Invalid(pattern, "has a class that matches no byte of a name: it could never match");
    } else if (c == '/') {
      names.push_back(text.substr(begin, end - begin));
      begin = place;
    }
  }
  names.push_back(text.substr(begin));
  return names;
}

Result<ExcludeRules::Part> ExcludeRules::ParsePart(std::string_view text, std::string_view pattern) {
  Part part;
  part.is_literal = true;
  for (size_t place = 0; place < text.size();) {
    const char c = text[place++];
    Token token{Token::Kind::kByte, static_cast<uint8_t>(c), {}};
    if (c == '*') {
      token.kind = Token::Kind::kStar;
      if (!part.tokens.empty() && part.tokens.back().kind == Token::Kind::kStar) continue;
    } else if (c == '?') {
      token.kind = Token::Kind::kAny;
    } else if (c == '[') {
      token.kind = Token::Kind::kClass;
      if (!ReadClass(text, place, token.members)) return Invalid(pattern, "has a \"[\" that is not closed");
    } else if (c == '\\') {
      if (place == text.size()) return Invalid(pattern, "has a backslash before nothing");
      token.byte = static_cast<uint8_t>(text[place++]);
    }
    part.is_literal = part.is_literal && token.kind == Token::Kind::kByte;
    part.literal.push_back(static_cast<char>(token.byte));
    part.tokens.push_back(token);
  }
  if (part.is_literal && (part.literal == "." || part.literal == "..")) {
    return Invalid(pattern, fmt::format("holds the name \"{}\", which no path in a backup has: it could never match; "
                                        "write it without",
                                        part.literal));
  }
  return part;
}

Result<void> ExcludeRules::Add(std::string_view pattern) {
  std::string_view text = WithoutTrailingBlanks(pattern);
  Rule rule;
  if (text.starts_with('!')) {
    rule.takes_in = true;
    text.remove_prefix(1);
  }
  const bool at_root = text.starts_with('/');
  if (at_root) text.remove_prefix(1);
  // More slashes than one are one, as in a path.
  while (text.ends_with('/')) {
    rule.folders_only = true;
    text.remove_suffix(1);
  }
  ASSIGN_OR_RETURN(const std::vector<std::string_view> names, SplitPattern(text, pattern));
  for (const std::string_view name : names) {
    if (name.empty()) continue;
    if (name == "**" && (names.size() > 1 || at_root)) {
      rule.parts.emplace_back().is_any_depth = true;
      continue;
    }
    ASSIGN_OR_RETURN(Part part, ParsePart(name, pattern));
    rule.parts.push_back(std::move(part));
  }
  if (rule.parts.empty()) return Invalid(pattern, "names nothing");
  // "a/**" is all that is in a, but not a itself.
  if (rule.parts.back().is_any_depth) {
    ASSIGN_OR_RETURN(Part any_name, ParsePart("*", pattern));
    rule.parts.push_back(std::move(any_name));
  }
  const bool is_path = text.find('/') != std::string_view::npos;
  rule.scope = at_root ? Rule::Scope::kRoot : is_path ? Rule::Scope::kBase : Rule::Scope::kName;
  patterns_.emplace_back(pattern);
  rules_.push_back(std::move(rule));
  return {};
}

std::vector<std::string> ExcludeRules::PatternsIn(std::string_view folder, const std::string& pattern) {
  if (!pattern.starts_with('/')) return {pattern};  // a name, wherever it is
  const std::string_view text = pattern;
  const auto names = SplitPattern(text.substr(1), pattern);
  if (!names) return {};
  const auto is_name = [](std::string_view name) { return !name.empty(); };
  const auto first = std::ranges::find_if(*names, is_name);
  const auto second = first == names->end() ? first : std::find_if(first + 1, names->end(), is_name);
  if (second == names->end()) return {};
  const std::string rest = "/" + std::string(text.substr(static_cast<size_t>(second->data() - text.data())));
  if (*first == "**") {
    std::vector<std::string> patterns = PatternsIn(folder, rest);
    patterns.insert(patterns.begin(), pattern);
    return patterns;
  }
  const auto part = ParsePart(*first, pattern);
  return part && part->Matches(folder) ? std::vector<std::string>{rest} : std::vector<std::string>();
}

Result<void> ExcludeRules::AddLines(std::string_view text, std::string_view name) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#') || WithoutTrailingBlanks(line).empty()) continue;
    RETURN_IF_ERROR(Add(line).While(fmt::format("{} line {}", name, number)));
  }
  return {};
}

// Byte by byte; where it fails, the last star takes one byte more. Never slower than the product of the lengths.
bool ExcludeRules::Part::Matches(std::string_view name) const {
  if (is_literal) return literal == name;
  size_t at = 0, token = 0;
  size_t star = tokens.size(), star_at = 0;
  const auto one = [](const Token& pattern, char c) {
    const auto byte = static_cast<uint8_t>(c);
    return pattern.kind == Token::Kind::kAny || (pattern.kind == Token::Kind::kByte && pattern.byte == byte) ||
           (pattern.kind == Token::Kind::kClass && pattern.members.test(byte));
  };
  while (at < name.size()) {
    if (token < tokens.size() && tokens[token].kind == Token::Kind::kStar) {
      star = token++;
      star_at = at;
    } else if (token < tokens.size() && one(tokens[token], name[at])) {
      ++token;
      ++at;
    } else if (star < tokens.size()) {
      token = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (token < tokens.size() && tokens[token].kind == Token::Kind::kStar) ++token;
  return token == tokens.size();
}

// The same over names, with "**" as the star.
bool ExcludeRules::MatchParts(const std::vector<Part>& parts, std::string_view path) {
  const std::vector<std::string_view> names = SplitPath(path);
  size_t at = 0, part = 0;
  size_t star = parts.size(), star_at = 0;
  while (at < names.size()) {
    if (part < parts.size() && parts[part].is_any_depth) {
      star = part++;
      star_at = at;
    } else if (part < parts.size() && parts[part].Matches(names[at])) {
      ++part;
      ++at;
    } else if (star < parts.size()) {
      part = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (part < parts.size() && parts[part].is_any_depth) ++part;
  return part == parts.size();
}

bool ExcludeRules::Rule::Matches(std::string_view path, size_t base_length) const {
  // The last part is never "**", and most paths fail at it.
  if (!parts.back().Matches(path.substr(path.rfind('/') + 1))) return false;
  if (scope == Scope::kName) return true;
  if (scope == Scope::kRoot) return MatchParts(parts, path);
  if (base_length >= path.size()) return false;
  return MatchParts(parts, path.substr(base_length == 0 ? 0 : base_length + 1));
}

bool ExcludeRules::Excludes(ByteSpan path, size_t base_length, bool is_folder) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->folders_only && !is_folder) continue;
    if (rule->Matches(AsText(path), base_length)) return !rule->takes_in;
  }
  return false;
}

}  // namespace cairn
