#include "frontends/sqlite/session.h"

#include <memory>

namespace cairn::sqlite {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

}  // namespace

Result<void> Session::Run(const std::string& statement) const {
  return sqlite::Run(connection, statement.c_str(), path, patience);
}

Result<void> Session::ForEachRow(const std::string& query, const std::function<void(sqlite3_stmt*)>& take,
                                 const std::vector<std::string>& values) const {
  sqlite3_stmt* prepared = nullptr;
  int code = sqlite3_prepare_v2(connection, query.c_str(), -1, &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, Finalize> statement(prepared);
  for (size_t i = 0; code == SQLITE_OK && i < values.size(); ++i) {
    code = sqlite3_bind_text(prepared, static_cast<int>(i + 1), values[i].data(), static_cast<int>(values[i].size()),
                             SQLITE_STATIC);
  }
  if (code != SQLITE_OK) return ErrorOf(code, connection, path, patience);
  while ((code = sqlite3_step(prepared)) == SQLITE_ROW) take(prepared);
  if (code == SQLITE_DONE) return {};
  return ErrorOf(code, connection, path, patience);
}

Result<int64_t> Session::Number(const std::string& query) const {
  std::optional<int64_t> number;
  RETURN_IF_ERROR(ForEachRow(query, [&](sqlite3_stmt* row) {
    if (!number) number = sqlite3_column_int64(row, 0);
  }));
  return number.value_or(0);
}

Result<uint64_t> Session::Change(const std::string& statement) const {
  RETURN_IF_ERROR(ForEachRow(statement, [](sqlite3_stmt*) {}));
  return static_cast<uint64_t>(sqlite3_changes64(connection));
}

Result<std::vector<Session::Row>> Session::Rows(const std::string& query,
                                                const std::vector<std::string>& values) const {
  std::vector<Row> rows;
  const auto take = [&](sqlite3_stmt* statement) {
    Row row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      if (text == nullptr) {
        row.emplace_back();
      } else {
        row.emplace_back(std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, i))));
      }
    }
    rows.push_back(std::move(row));
  };
  RETURN_IF_ERROR(ForEachRow(query, take, values));
  return rows;
}

}  // namespace cairn::sqlite
