#include "frontends/cli/name_pattern.h"

#include <fnmatch.h>
#include <locale.h>

#include "repo-format/base/utf8.h"

namespace cairn {
namespace {

// Of this thread, while it lives.
class CharacterSet {
 public:
  explicit CharacterSet(bool is_utf8) {
    static const locale_t of_utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    static const locale_t of_bytes = ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    const locale_t wanted = is_utf8 ? of_utf8 : of_bytes;
    if (wanted != nullptr) before_ = ::uselocale(wanted);
  }
  ~CharacterSet() {
    if (before_ != nullptr) ::uselocale(before_);
  }
  CharacterSet(const CharacterSet&) = delete;
  CharacterSet& operator=(const CharacterSet&) = delete;

 private:
  locale_t before_ = nullptr;
};

// Classes of other dialects, which would be taken for the letter.
Result<void> RefuseOtherDialect(const std::string& text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') continue;
    const char letter = text[++i];
    if (letter != 'd' && letter != 'D') continue;
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\": \\{} is no class here: write [{}0-9]", text, letter,
                     letter == 'd' ? "" : "^");
  }
  return {};
}

Result<std::shared_ptr<const regex_t>> Compile(const std::string& text, int flags) {
  auto regex = std::make_unique<regex_t>();
  const int code = ::regcomp(regex.get(), text.c_str(), flags);
  if (code != 0) {
    char why[256] = {};
    ::regerror(code, regex.get(), why, sizeof(why));
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no regular expression: {}", text, why);
  }
  return std::shared_ptr<const regex_t>(regex.release(), [](const regex_t* one) {
    ::regfree(const_cast<regex_t*>(one));
    delete one;
  });
}

}  // namespace

NamePattern NamePattern::Glob(const std::string& text, bool ignores_case) {
  NamePattern pattern;
  pattern.is_path_ = text.find('/') != std::string::npos;
  pattern.glob_ = pattern.is_path_ && text.front() != '/' && text.front() != '*' ? "*/" + text : text;
  pattern.ignores_case_ = ignores_case;
  return pattern;
}

Result<NamePattern> NamePattern::Regex(const std::string& text, bool ignores_case) {
  RETURN_IF_ERROR(RefuseOtherDialect(text));
  const int flags = REG_EXTENDED | REG_NOSUB | (ignores_case ? REG_ICASE : 0);
  NamePattern pattern;
  for (const bool is_utf8 : {true, false}) {
    const CharacterSet characters(is_utf8);
    ASSIGN_OR_RETURN((is_utf8 ? pattern.of_utf8_ : pattern.of_bytes_), Compile(text, flags));
  }
  return pattern;
}

bool NamePattern::Matches(const std::string& path, const std::string& name) const {
  const bool is_utf8 = IsUtf8(AsBytes(path));
  const CharacterSet characters(is_utf8);
  if (of_utf8_ != nullptr) {
    return ::regexec((is_utf8 ? of_utf8_ : of_bytes_).get(), path.c_str(), 0, nullptr, 0) == 0;
  }
  return ::fnmatch(glob_.c_str(), (is_path_ ? path : name).c_str(), ignores_case_ ? FNM_CASEFOLD : 0) == 0;
}

}  // namespace cairn
