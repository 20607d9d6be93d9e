// Rows as COPY ... WITH (FORMAT csv) writes them.
#pragma once

#include <optional>
#include <span>
#include <string>

namespace cairn::postgres {

// One line behind `text`: NULL is nothing, an empty text "".
void AppendCsvLine(std::span<const std::optional<std::string>> values, std::string& text);

}  // namespace cairn::postgres
