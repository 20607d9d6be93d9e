// Reads the keys of one table of a configuration, and refuses those that nobody has asked for.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "frontends/config/toml_value.h"

namespace cairn {

// Each error is kInvalidArgument: "FILE:LINE:COLUMN: job.shop.tag: what is wrong, and what would be right". What is not
// there leaves its target as it was. One thread; borrows the table.
class TableReader {
 public:
  // What a value is refused for; nothing: it may stay.
  using Check = std::function<Result<void>(const std::string& value)>;

  // `path`: of the table, "" of the document.
  TableReader(std::string file, std::string path, const TomlValue& table)
      : file_(std::move(file)), path_(std::move(path)), table_(table) {}

  // nullptr: it is not there.
  const TomlEntry* Take(std::string_view key);
  // As Take, and is of this kind.
  Result<const TomlEntry*> Take(std::string_view key, TomlValue::Kind kind);

  Result<void> String(std::string_view key, std::string* target, const Check& check = {});
  // A string, or an array of strings.
  Result<void> Strings(std::string_view key, std::vector<std::string>* target, const Check& check = {});
  // A string, or an integer in its place.
  Result<void> Word(std::string_view key, std::string* target, const Check& check = {});
  Result<void> Flag(std::string_view key, bool* target);
  Result<void> Number(std::string_view key, uint32_t least, uint32_t most, uint32_t* target);

  // After all that is known has been asked for: the first key that is not known.
  Result<void> Finish() const;

  Error At(TextPlace place, std::string_view key, std::string_view text) const;
  Error WrongKind(const TomlEntry& entry, std::string_view expected) const;
  std::string PathOf(std::string_view key) const;
  const std::string& file() const { return file_; }
  TextPlace place() const { return table_.place; }

 private:
  const std::string file_, path_;
  const TomlValue& table_;
  std::vector<std::string> known_;
};

// A check of what a function that reads the value gives.
template <class Parse>
TableReader::Check CheckedBy(Parse parse) {
  return [parse](const std::string& text) -> Result<void> {
    RETURN_IF_ERROR(parse(text));
    return {};
  };
}

}  // namespace cairn
