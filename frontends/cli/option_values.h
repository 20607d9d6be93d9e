// What may stand behind an option: a value that cannot be read is a mistake of usage, told before anything is opened.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn {

// Takes what `parse` takes without an Error.
template <class Parse>
CLI::Validator ValueOf(Parse parse) {
  return CLI::Validator(
      [parse](std::string& text) {
        auto value = parse(text);
        return value ? std::string() : value.error().message();
      },
      "");
}

CLI::Validator SizeValue(uint64_t least = 0);  // "256M"; bytes
CLI::Validator TimeValue();                    // see ParseTime

// "14d", "36h", "2w", "90s", or "0": in seconds.
Result<uint32_t> ParseAge(const std::string& text);
std::string AgeText(uint32_t seconds);  // "14d", in the largest unit that has no rest
CLI::Validator AgeValue();

CLI::Validator TagsValue();  // see ParseTags
// Of several lists; each was checked by TagsValue.
std::vector<std::string> AllTags(const std::vector<std::string>& lists);

}  // namespace cairn
