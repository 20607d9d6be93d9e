#include "frontends/postgres/kept_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "frontends/postgres/description.h"

namespace cairn::postgres {
namespace {

constexpr size_t kNameBytesMax = 63;
constexpr size_t kRunDigits = 8;

constexpr std::array<std::pair<KeptDatabase::Role, const char*>, 3> kRoleWords = {
    {{KeptDatabase::Role::kIncomplete, "incomplete"},
     {KeptDatabase::Role::kBefore, "before"},
     {KeptDatabase::Role::kUndone, "undone"}}};

// "2026-11-23T10:00:00Z"
bool IsTime(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !is_digit : text[i] != kForm[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view Name(KeptDatabase::Role role) {
  for (const auto& [one, word] : kRoleWords) {
    if (one == role) return word;
  }
  return "unknown";
}

std::string KeptDatabase::Comment() const {
  const std::string end = until.empty() ? "" : ", until " + until;
  return fmt::format("[cairn: run {}, {}, of {}{}]{}{}", run, Name(role), FileNameOf(of), end,
                     comment.empty() ? "" : " ", comment);
}

std::optional<KeptDatabase> KeptDatabase::Parse(const std::string& name, const std::string& comment) {
  std::string_view rest = comment;
  // What stands before `mark`, which goes too.
  const auto take = [&](std::string_view mark) -> std::optional<std::string> {
    const size_t at = rest.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    std::string part(rest.substr(0, at));
    rest.remove_prefix(at + mark.size());
    return part;
  };
  KeptDatabase kept;
  kept.name = name;
  if (take("[cairn: run ") != "") return std::nullopt;
  const auto run = take(", "), role = take(", of "), where = take("]");
  if (!run || !IsRun(*run) || !role || !where) return std::nullopt;
  kept.run = *run;
  const auto known = std::ranges::find(kRoleWords, *role, [](const auto& one) { return std::string(one.second); });
  if (known == kRoleWords.end()) return std::nullopt;
  kept.role = known->first;
  constexpr std::string_view kUntil = ", until ";
  const size_t end = where->rfind(kUntil);
  kept.of = NameOfFile(where->substr(0, end));
  if (end != std::string::npos) kept.until = where->substr(end + kUntil.size());
  const bool has_time = kept.role != Role::kIncomplete;
  if (has_time ? !IsTime(kept.until) : !kept.until.empty()) return std::nullopt;
  kept.comment = rest.starts_with(' ') ? std::string(rest.substr(1)) : std::string(rest);
  return kept;
}

std::string KeptDatabase::NameOf(Role role, const std::string& of, const std::string& run) {
  const char* word = role == Role::kIncomplete ? "restore_" : role == Role::kBefore ? "before_" : "undone_";
  return DatabaseNameWith(of, word + run);
}

std::string MakeRun(std::string_view six_digits) {
  unsigned sum = 0x5a;
  for (const char c : six_digits) sum = (sum * 31 + static_cast<unsigned char>(c)) & 0xff;
  return std::string(six_digits) + fmt::format("{:02x}", sum);
}

std::string NewRun(const Random& random) {
  Bytes bytes(3);
  random.Fill(bytes);
  return MakeRun(ToHex(bytes));
}

bool IsRun(std::string_view text) {
  if (text.size() != kRunDigits || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  return MakeRun(text.substr(0, kRunDigits - 2)) == text;
}

std::string DatabaseNameWith(const std::string& base, const std::string& suffix) {
  size_t size = std::min(base.size(), kNameBytesMax - suffix.size() - 1);
  while (size > 0 && size < base.size() && (static_cast<unsigned char>(base[size]) & 0xc0) == 0x80) --size;
  return base.substr(0, size) + "_" + suffix;
}

}  // namespace cairn::postgres
