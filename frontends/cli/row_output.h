// Rows of a query as people and programs read them.
#pragma once

#include <memory>
#include <string>

#include "frontends/cli/cli.h"
#include "frontends/query/rows.h"

namespace cairn {

enum class RowForm : uint8_t {
  kTable,  // for people: NULL, X'00ff', line breaks as \n
  kCsv,    // RFC 4180 with plain line ends; NULL is nothing, an empty text "", a blob X'00ff'
  kJson,   // a row an object a line; a blob {"hex": "00ff"}; columns of one name get :1, :2 behind it
};
// To standard output; kInterrupted once nobody reads that any more. Memory: of a table the first 1,000 rows or 1 MiB,
// by which its columns become as wide as they are.
std::unique_ptr<query::RowSink> MakeRowOutput(RowForm form, Cli& cli);

// Characters, not bytes.
size_t WidthOf(const std::string& text);

}  // namespace cairn
