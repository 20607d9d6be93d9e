#include "frontends/postgres/load_script.h"

#include <fmt/format.h>
#include <algorithm>

#include "frontends/postgres/connection.h"

namespace cairn::postgres {
namespace {

constexpr const char* kHead = R"(-- Loads the rows of this dump. In its folder, into a new and empty database:
--   createdb --template=template0 --encoding={} NEW
--   pg_restore --exit-on-error --section=pre-data -d NEW create.pgdump
--   psql -d NEW -f load.sql
--   pg_restore --exit-on-error --section=post-data -d NEW create.pgdump
-- roles.sql has the server's roles. A command of psql has one line: a table whose name has more is not loaded here.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_encoding = '{}';
SET LOCAL search_path = '';
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL lc_monetary = 'C';
SET LOCAL xmloption = 'content';
SET LOCAL row_security = off;
)";

std::string Columns(const TableDescription& table) {
  std::string list;
  for (const Column& column : table.columns) {
    if (!column.generated) list += (list.empty() ? "" : ", ") + QuoteName(column.name);
  }
  return list;
}

std::string KeyOrder(const TableDescription& table) {
  std::string list;
  for (const std::string& column : table.key) list += (list.empty() ? " ORDER BY " : ", ") + QuoteName(column);
  return list;
}

bool IsOneLine(const std::string& text) { return text.find_first_of("\r\n") == std::string::npos; }

}  // namespace

std::string CopyOutStatement(const TableDescription& table) {
  if (table.condition || table.by_key) {
    return "COPY (SELECT " + Columns(table) + " FROM ONLY " + table.name.Quoted() + " " + table.condition.value_or("") +
           (table.by_key ? KeyOrder(table) : "") + ") TO STDOUT";
  }
  return "COPY " + table.name.Quoted() + " " + table.ColumnList() + " TO STDOUT";
}

std::string CopyInStatement(const TableDescription& table) {
  return "COPY " + table.name.Quoted() + " " + table.ColumnList() + " FROM STDIN";
}

std::string SequenceStatement(const SequenceDescription& sequence) {
  return fmt::format("SELECT pg_catalog.setval({}, {}, {})", QuoteLiteral(sequence.name.Quoted()), sequence.last_value,
                     sequence.is_called);
}

std::string LoadScript(const DatabaseDescription& description) {
  std::string text = fmt::format(kHead, description.properties.encoding, description.text_encoding);
  for (const TableDescription& table : description.tables) {
    if (table.file.empty()) continue;
    const std::string columns = table.ColumnList();
    if (!IsOneLine(table.name.Quoted() + columns)) {
      text += "-- not loaded, for the name of the table or of a column has a line break: " + table.file + "\n";
      continue;
    }
    text += "\\copy " + table.name.Quoted() + " " + columns + " FROM " + QuoteLiteral(table.file) + "\n";
  }
  for (const SequenceDescription& sequence : description.sequences) text += SequenceStatement(sequence) + ";\n";
  text += "COMMIT;\n";
  if (!description.large_objects.empty()) {
    text += fmt::format("-- {} large objects are in {}/{}, each by its number; cairn restore --postgres loads them.\n",
                        description.large_objects.size(), kDataFolder, kLargeObjectsFolder);
  }
  return text;
}

}  // namespace cairn::postgres
