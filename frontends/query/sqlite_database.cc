#include "frontends/query/query_database.h"
#include "frontends/query/read_connection.h"

namespace cairn::query {
namespace {

class SqliteDatabase final : public QueryDatabase {
 public:
  explicit SqliteDatabase(std::unique_ptr<ReadConnection> connection) : connection_(std::move(connection)) {}

  Result<std::vector<TableInfo>> Tables() override {
    std::vector<TableInfo> tables;
    RETURN_IF_ERROR(connection_->ForEach(
        "SELECT name, CASE WHEN sql LIKE 'CREATE VIRTUAL%' THEN 'virtual table' ELSE type END FROM sqlite_schema "
        "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        [&](sqlite3_stmt* row) -> Result<void> {
          tables.push_back({.name = TextOf(row, 0), .kind = TextOf(row, 1), .rows = {}, .columns = {}});
          return {};
        }));
    for (TableInfo& table : tables) {
      const auto take = [&](sqlite3_stmt* row) -> Result<void> {
        const std::string type = TextOf(row, 2);
        table.columns.push_back(TextOf(row, 1) + (type.empty() ? "" : " " + type));
        return {};
      };
      const auto read = connection_->ForEach("PRAGMA table_xinfo(" + QuotedName(table.name) + ")", take);
      if (!read && read.error().code() != ErrorCode::kInvalidArgument) return read.error();
      // Of a view whose tables are gone, or a module that is not here, nothing can be said.
    }
    return tables;
  }

  Result<void> Run(std::string_view sql, RowSink& rows) override {
    auto done = connection_->Run(sql, rows);
    if (done || done.error().message().find("no such table") == std::string::npos) return done;
    return MakeError(done.error().code(), "{}; --tables lists those that there are", done.error().message());
  }

 private:
  const std::unique_ptr<ReadConnection> connection_;
};

}  // namespace

Result<std::unique_ptr<QueryDatabase>> OpenSqliteDatabase(std::shared_ptr<const FileView> file, Executor& executor,
                                                          const QueryOptions& options) {
  ASSIGN_OR_RETURN(auto connection, ReadConnection::Open(std::make_unique<ViewFiles>(std::move(file), executor),
                                                         options.name, options.memory_bytes, options.stop));
  return std::make_unique<SqliteDatabase>(std::move(connection));
}

Result<std::unique_ptr<QueryDatabase>> OpenLiveSqliteDatabase(const std::string& path, const LiveOptions& live,
                                                              const QueryOptions& options) {
  ASSIGN_OR_RETURN(auto connection, ReadConnection::OpenLive(path, live, options.memory_bytes, options.stop));
  return std::make_unique<SqliteDatabase>(std::move(connection));
}

}  // namespace cairn::query
