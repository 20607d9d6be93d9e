#include "frontends/config/table_reader.h"

#include <algorithm>

#include "frontends/config/nearest_name.h"
#include "repo-format/tree_path.h"

namespace cairn {

std::string TableReader::PathOf(std::string_view key) const {
  const std::string shown = PathForPeople(AsBytes(key));
  return path_.empty() ? shown : shown.empty() ? path_ : path_ + "." + shown;
}

Error TableReader::At(TextPlace place, std::string_view key, std::string_view text) const {
  return MakeError(ErrorCode::kInvalidArgument, "{}:{}:{}: {}: {}", file_, place.line, place.column, PathOf(key), text);
}

Error TableReader::WrongKind(const TomlEntry& entry, std::string_view expected) const {
  return At(entry.value.place, entry.key, fmt::format("it is {}, expected {}", KindText(entry.value.kind), expected));
}

const TomlEntry* TableReader::Take(std::string_view key) {
  known_.emplace_back(key);
  const auto found = std::ranges::find(table_.entries, key, &TomlEntry::key);
  return found == table_.entries.end() ? nullptr : &*found;
}

Result<const TomlEntry*> TableReader::Take(std::string_view key, TomlValue::Kind kind) {
  const TomlEntry* entry = Take(key);
  if (entry != nullptr && entry->value.kind != kind) return WrongKind(*entry, KindText(kind));
  return entry;
}

Result<void> TableReader::String(std::string_view key, std::string* target, const Check& check) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, Take(key, TomlValue::Kind::kString));
  if (entry == nullptr) return {};
  const auto checked = check ? check(entry->value.text) : Result<void>();
  if (!checked) return At(entry->value.place, key, checked.error().message());
  *target = entry->value.text;
  return {};
}

Result<void> TableReader::Word(std::string_view key, std::string* target, const Check& check) {
  const TomlEntry* entry = Take(key);
  if (entry == nullptr) return {};
  const bool is_number = entry->value.kind == TomlValue::Kind::kInteger;
  if (!is_number && entry->value.kind != TomlValue::Kind::kString) {
    return WrongKind(*entry, "a string or an integer");
  }
  const std::string text = is_number ? fmt::format("{}", entry->value.number) : entry->value.text;
  const auto checked = check ? check(text) : Result<void>();
  if (!checked) return At(entry->value.place, key, checked.error().message());
  *target = text;
  return {};
}

Result<void> TableReader::Strings(std::string_view key, std::vector<std::string>* target, const Check& check) {
  const TomlEntry* entry = Take(key);
  if (entry == nullptr) return {};
  const bool is_one = entry->value.kind == TomlValue::Kind::kString;
  if (!is_one && entry->value.kind != TomlValue::Kind::kArray) {
    return WrongKind(*entry, "a string or an array of strings");
  }
  const std::vector<TomlValue> items = is_one ? std::vector{entry->value} : entry->value.items;
  for (const TomlValue& item : items) {
    if (item.kind != TomlValue::Kind::kString) {
      return At(item.place, key, fmt::format("one of them is {}, expected a string", KindText(item.kind)));
    }
    if (item.text.empty()) return At(item.place, key, "an empty string is none");
    const auto checked = check ? check(item.text) : Result<void>();
    if (!checked) return At(item.place, key, checked.error().message());
    target->push_back(item.text);
  }
  return {};
}

Result<void> TableReader::Flag(std::string_view key, bool* target) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, Take(key, TomlValue::Kind::kBoolean));
  if (entry != nullptr) *target = entry->value.flag;
  return {};
}

Result<void> TableReader::Number(std::string_view key, uint32_t least, uint32_t most, uint32_t* target) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, Take(key, TomlValue::Kind::kInteger));
  if (entry == nullptr) return {};
  const int64_t number = entry->value.number;
  if (number < least || number > most) {
    return At(entry->value.place, key, fmt::format("it is {}, expected {} to {}", number, least, most));
  }
  *target = static_cast<uint32_t>(number);
  return {};
}

Result<void> TableReader::Finish() const {
  const TomlEntry* first = nullptr;
  for (const TomlEntry& entry : table_.entries) {
    if (std::ranges::find(known_, entry.key) != known_.end()) continue;
    const auto is_before = [](const TextPlace& a, const TextPlace& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    };
    if (first == nullptr || is_before(entry.place, first->place)) first = &entry;
  }
  if (first == nullptr) return {};
  std::string names;
  for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
  const std::string nearest = NearestName(first->key, known_);
  return At(first->place, first->key,
            nearest.empty() ? "there is no such key; there are " + names
                            : "there is no such key; did you mean \"" + nearest + "\"?");
}

}  // namespace cairn
