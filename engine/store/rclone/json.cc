#include "engine/store/rclone/json.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "repo-format/base/units.h"
#include "repo-format/base/utf8.h"

namespace cairn::rclone {
namespace {

constexpr size_t kObjectBytesMax = 64 * kKiB;
constexpr int kDepthMax = 32;

// Where a text is being read. Each Take... returns false, or nothing, where what is there is something else.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool Take(char c) {
    SkipBlanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool is_at(char c) {
    SkipBlanks();
    return rest_.starts_with(c);
  }
  bool is_at_end() {
    SkipBlanks();
    return rest_.empty();
  }

  std::optional<std::string> TakeText() {
    if (!Take('"')) return std::nullopt;
    std::string text;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() != '\\') {
        text.push_back(rest_.front());
        rest_.remove_prefix(1);
      } else if (!TakeEscape(text)) {
        return std::nullopt;
      }
    }
    return Take('"') ? std::optional(std::move(text)) : std::nullopt;
  }

  // A number, true, false or null.
  std::string_view TakeWord() {
    SkipBlanks();
    const size_t end = std::min(rest_.find_first_of(",]} \t\r\n"), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }

  bool SkipValue(int depth) {
    if (depth > kDepthMax) return false;
    if (is_at('"')) return TakeText().has_value();
    if (!is_at('{') && !is_at('[')) return !TakeWord().empty();
    const bool is_object = Take('{');
    if (!is_object) Take('[');
    const char end = is_object ? '}' : ']';
    if (Take(end)) return true;
    do {
      if (is_object && !(TakeText() && Take(':'))) return false;
      if (!SkipValue(depth + 1)) return false;
    } while (Take(','));
    return Take(end);
  }

 private:
  void SkipBlanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  std::optional<uint32_t> TakeFourDigits() {
    uint32_t code = 0;
    if (rest_.size() < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, code, 16);
    if (error != std::errc() || end != rest_.data() + 4) return std::nullopt;
    rest_.remove_prefix(4);
    return code;
  }

  bool TakeEscape(std::string& text) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeaning = "\"\\/\b\f\n\r\t";
    rest_.remove_prefix(1);
    if (rest_.empty()) return false;
    const char letter = rest_.front();
    rest_.remove_prefix(1);
    if (const size_t at = kLetters.find(letter); at != std::string_view::npos) {
      text.push_back(kMeaning[at]);
      return true;
    }
    auto code = letter == 'u' ? TakeFourDigits() : std::nullopt;
    if (!code) return false;
    if (*code >= 0xd800 && *code < 0xdc00 && rest_.starts_with("\\u")) {  // the first half of a pair
      rest_.remove_prefix(2);
      const auto low = TakeFourDigits();
      if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
      code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
    }
    AppendUtf8(text, *code);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::string JsonQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

Result<std::map<std::string, std::string>> ParseJsonObject(std::string_view text) {
  const auto wrong = [&] { return Corrupt("what rclone says is no JSON object of {} bytes", text.size()); };
  std::map<std::string, std::string> members;
  Cursor cursor(text);
  if (!cursor.Take('{')) return wrong();
  for (bool is_first = true; !cursor.Take('}'); is_first = false) {
    if (!is_first && !cursor.Take(',')) return wrong();
    const auto name = cursor.TakeText();
    if (!name || !cursor.Take(':')) return wrong();
    if (cursor.is_at('"')) {
      auto value = cursor.TakeText();
      if (!value) return wrong();
      members[*name] = *std::move(value);
    } else if (cursor.is_at('{') || cursor.is_at('[')) {
      if (!cursor.SkipValue(1)) return wrong();
    } else {
      const std::string_view word = cursor.TakeWord();
      if (word.empty()) return wrong();
      if (word != "null") members[*name] = word;
    }
  }
  if (!cursor.is_at_end()) return wrong();
  return members;
}

Result<void> JsonListReader::Push(ByteSpan piece) {
  for (const char c : AsText(piece)) RETURN_IF_ERROR(TakeCharacter(c));
  return {};
}

Result<void> JsonListReader::TakeCharacter(char c) {
  constexpr size_t kInObject = 3;  // {"list":[{
  const bool was_in_object = brackets_.size() >= kInObject;
  if (in_text_) {
    if (c == '"' && !is_escaped_) in_text_ = false;
    is_escaped_ = c == '\\' && !is_escaped_;
  } else if (c == '"') {
    in_text_ = true;
  } else if (std::string_view("{}[]").find(c) != std::string_view::npos) {
    RETURN_IF_ERROR(TakeBracket(c));
  }
  const bool is_in_object = brackets_.size() >= kInObject;
  if (was_in_object || is_in_object) object_.push_back(c);
  if (object_.size() > kObjectBytesMax) return Corrupt("an entry of a listing has more than {} bytes", kObjectBytesMax);
  if (!was_in_object || is_in_object) return {};
  RETURN_IF_ERROR(each_(object_));
  object_.clear();
  return {};
}

Result<void> JsonListReader::TakeBracket(char c) {
  constexpr std::string_view kWayToObject = "{[{";
  const auto wrong = [] { return Error(ErrorCode::kCorrupt, "what rclone says is no listing"); };
  if (c == '{' || c == '[') {
    if (is_over_ || brackets_.size() >= kDepthMax) return wrong();
    if (brackets_.size() < kWayToObject.size() && c != kWayToObject[brackets_.size()]) return wrong();
    brackets_.push_back(c);
    has_list_ = has_list_ || brackets_ == "{[";
    return {};
  }
  if (brackets_.empty() || brackets_.back() != (c == '}' ? '{' : '[')) return wrong();
  brackets_.pop_back();
  is_over_ = brackets_.empty();
  return {};
}

Result<void> JsonListReader::Finish() const {
  if (is_over_ && has_list_) return {};
  return Error(ErrorCode::kCorrupt, "the listing is not whole");
}

}  // namespace cairn::rclone
