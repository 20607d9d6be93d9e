// A value of a query as people read it.
#pragma once

#include <string>

#include "frontends/query/rows.h"

namespace cairn {

// NULL, X'00ff', and texts as they are.
std::string CellText(const query::Cell& cell);
// A number as short as it can be read again, and as no integer.
std::string RealText(double value);
// The same of a value that may be long: its first bytes, and how long it is.
std::string ShortCellText(const query::Cell& cell, size_t bytes_max);

}  // namespace cairn
