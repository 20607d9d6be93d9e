#include "frontends/sqlite/table_list.h"

#include <map>

#include "frontends/sqlite/database.h"

namespace cairn {
namespace {

using sqlite::Patience;

constexpr std::chrono::seconds kPatience{60};

// Rows of two columns, a text and a number.
int TakeRow(void* rows, int columns, char** values, char**) {
  if (columns == 2 && values[0] != nullptr && values[1] != nullptr) {
    static_cast<std::map<std::string, uint64_t>*>(rows)->emplace(values[0], std::strtoull(values[1], nullptr, 10));
  }
  return 0;
}

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

Result<std::vector<SqliteTable>> ListSqliteTables(const std::string& file, const Clock& clock, std::stop_token stop) {
  Patience patience(clock, kPatience, stop);
  ASSIGN_OR_RETURN(const std::string path, sqlite::RealPath(file));
  ASSIGN_OR_RETURN(const sqlite::Connection connection, sqlite::OpenToRead(path, patience));
  const auto rows_of = [&](const char* query, std::map<std::string, uint64_t>& rows) {
    return sqlite3_exec(connection.get(), query, TakeRow, &rows, nullptr);
  };
  RETURN_IF_ERROR(sqlite::Run(connection.get(), "BEGIN", file, patience));
  std::map<std::string, uint64_t> is_virtual, bytes;
  const int code = rows_of(
      "SELECT name, sql LIKE 'CREATE VIRTUAL%' FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
      "ESCAPE '\\'",
      is_virtual);
  if (code != SQLITE_OK) return sqlite::ErrorOf(code, connection.get(), file, patience);
  // A library without this module says nothing of sizes.
  const int sized = rows_of(
      "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name WHERE d.aggregate "
      "= 1 "
      "GROUP BY 1",
      bytes);
  if (sized != SQLITE_OK && (sized & 0xff) != SQLITE_ERROR) {
    return sqlite::ErrorOf(sized, connection.get(), file, patience);
  }
  std::vector<SqliteTable> tables;
  for (const auto& [name, has_module] : is_virtual) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    SqliteTable table{.name = name, .rows = {}, .bytes = {}};
    const std::string query = "SELECT count(*) FROM " + Quoted(name);
    const auto counted = sqlite::Number(connection.get(), query.c_str(), file, patience);
    if (counted) table.rows = static_cast<uint64_t>(*counted);
    if (!counted && has_module == 0) return counted.error();
    if (const auto found = bytes.find(name); found != bytes.end()) table.bytes = found->second;
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace cairn
