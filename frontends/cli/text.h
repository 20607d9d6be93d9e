// Tables and texts as people read them; numbers, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/env/number_text.h"
#include "repo-format/base/result.h"

namespace cairn {

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
