#include "frontends/postgres/copy_csv.h"

namespace cairn::postgres {
namespace {

// Alone in its line, `\.` would be the end of the rows.
bool NeedsQuotes(const std::string& value, bool is_alone) {
  return value.empty() || (is_alone && value == "\\.") || value.find_first_of(",\"\r\n") != std::string::npos;
}

}  // namespace

void AppendCsvLine(std::span<const std::optional<std::string>> values, std::string& text) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ',';
    if (!values[i]) continue;
    const std::string& value = *values[i];
    if (!NeedsQuotes(value, values.size() == 1)) {
      text += value;
      continue;
    }
    text += '"';
    for (const char c : value) {
      if (c == '"') text += '"';
      text += c;
    }
    text += '"';
  }
  text += '\n';
}

}  // namespace cairn::postgres
