#include "frontends/config/toml_value.h"

#include <toml++/toml.h>

#include <utility>

namespace cairn {
namespace {

TextPlace PlaceOf(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

TomlValue Converted(const toml::node& node) {
  TomlValue value;
  value.place = PlaceOf(node.source());
  if (const auto* text = node.as_string()) {
    value.kind = TomlValue::Kind::kString;
    value.text = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.kind = TomlValue::Kind::kInteger;
    value.number = number->get();
  } else if (const auto* flag = node.as_boolean()) {
    value.kind = TomlValue::Kind::kBoolean;
    value.flag = flag->get();
  } else if (const auto* array = node.as_array()) {
    value.kind = TomlValue::Kind::kArray;
    for (const toml::node& item : *array) value.items.push_back(Converted(item));
  } else if (const auto* table = node.as_table()) {
    value.kind = TomlValue::Kind::kTable;
    for (const auto& [key, entry] : *table) {
      value.entries.push_back({std::string(key.str()), PlaceOf(key.source()), Converted(entry)});
    }
  }
  return value;
}

bool HasZero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// nullptr: there is none. Neither a path, nor a command, nor what else is given to the system goes on behind it.
const TomlValue* FindZero(const TomlValue& value) {
  if (HasZero(value.text)) return &value;
  for (const TomlValue& item : value.items) {
    if (const TomlValue* bad = FindZero(item)) return bad;
  }
  for (const TomlEntry& entry : value.entries) {
    const TomlValue* bad = HasZero(entry.key) ? &entry.value : FindZero(entry.value);
    if (bad != nullptr) return bad;
  }
  return nullptr;
}

}  // namespace

std::string_view KindText(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::kString:
      return "a string";
    case TomlValue::Kind::kInteger:
      return "an integer";
    case TomlValue::Kind::kBoolean:
      return "true or false";
    case TomlValue::Kind::kArray:
      return "an array";
    case TomlValue::Kind::kTable:
      return "a table";
    case TomlValue::Kind::kOther:
      break;
  }
  return "a number with a fraction, or a time";
}

Result<TomlValue> ParseToml(std::string_view text, const std::string& file) {
  try {
    TomlValue document = Converted(toml::parse(text));
    const TomlValue* bad = FindZero(document);
    if (bad == nullptr) return document;
    return MakeError(ErrorCode::kInvalidArgument,
                     "{}:{}:{}: a text with a character 0 in it, at which the system would cut it off", file,
                     bad->place.line, bad->place.column);
  } catch (const toml::parse_error& error) {
    const TextPlace place = PlaceOf(error.source());
    return MakeError(ErrorCode::kInvalidArgument, "{}:{}:{}: {}", file, place.line, place.column, error.description());
  }
}

}  // namespace cairn
