// A TOML document as plain values, each with its place in the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "frontends/config/configuration.h"
#include "repo-format/base/result.h"

namespace cairn {

struct TomlEntry;

struct TomlValue {
  enum class Kind : uint8_t { kString, kInteger, kBoolean, kArray, kTable, kOther };
  Kind kind = Kind::kOther;
  TextPlace place;
  std::string text;                // kString
  int64_t number = 0;              // kInteger
  bool flag = false;               // kBoolean
  std::vector<TomlValue> items;    // kArray
  std::vector<TomlEntry> entries;  // kTable; ascending by key
};

struct TomlEntry {
  std::string key;
  TextPlace place;  // of the key
  TomlValue value;
};

// "a string", "a table" ...
std::string_view KindText(TomlValue::Kind kind);

// The whole document, as a table. kInvalidArgument: "FILE:LINE:COLUMN: what is wrong".
Result<TomlValue> ParseToml(std::string_view text, const std::string& file);

}  // namespace cairn
