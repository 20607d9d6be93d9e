// Numbers, sizes and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn {

std::string HumanBytes(uint64_t bytes);      // "1.5 MiB"
std::string HumanCount(uint64_t count);      // "12,345"
std::string HumanSeconds(uint64_t seconds);  // "1:02:03", "0:07"

// Control characters as \xNN, so that no name or tag speaks to the terminal; the rest, and newlines, as it is.
std::string Printable(std::string_view text);

// Columns as wide as their widest cell; a column of numbers is aligned to the right where its header begins with ">".
class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}
  void Add(std::vector<std::string> cells);
  std::string Text() const;
  bool empty() const { return rows_.empty(); }

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cairn
