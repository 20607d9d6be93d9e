#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/cli/text.h"
#include "frontends/postgres/catalog.h"
#include "frontends/sqlite/table_list.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

template <class Value>
nlohmann::json NumberOrNull(const std::optional<Value>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::string_view WordOf(const postgres::TableDescription& table) {
  switch (table.no_rows) {
    case postgres::NoRows::kPartitioned:
      return "partitioned";
    case postgres::NoRows::kForeign:
      return "foreign";
    case postgres::NoRows::kMaterialized:
      return "materialized view";
    default:
      return table.is_unlogged ? "unlogged" : "";
  }
}

Result<int> RunPostgres(Cli& cli, const std::string& text) {
  ASSIGN_OR_RETURN(const postgres::Address address, ParseAddress(cli, text));
  const stream::Waiter waiter(cli.stop());
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(address, waiter));
  ASSIGN_OR_RETURN(auto tables, postgres::ListTables(*connection));
  RETURN_IF_ERROR(connection->Query("SET lock_timeout = '5s'"));
  RETURN_IF_ERROR(postgres::ReadSizes(*connection, tables).While("the sizes of tables"));
  if (cli.json()) {
    nlohmann::json all = nlohmann::json::array();
    for (const postgres::TableListing& one : tables) {
      all.push_back({{"schema", one.table.name.schema},
                     {"name", one.table.name.name},
                     {"kind", one.table.is_unlogged ? "unlogged" : WordOf(one.table)},
                     {"rows_about", one.rows_about},
                     {"bytes", one.bytes},
                     {"key", one.table.key},
                     {"readable", one.may_read && !one.hides_rows}});
    }
    cli.PrintJson({{"database", connection->database()}, {"tables", std::move(all)}});
    return 0;
  }
  Table shown({"Schema", "Table", ">Rows, about", ">Size", ""});
  for (const postgres::TableListing& one : tables) {
    const bool has_rows = one.table.no_rows == postgres::NoRows::kHasRows;
    shown.Add({PathForPeople(AsBytes(one.table.name.schema)), PathForPeople(AsBytes(one.table.name.name)),
               has_rows ? HumanCount(one.rows_about) : "", one.bytes > 0 ? HumanBytes(one.bytes) : "",
               std::string(WordOf(one.table)) +
                   (has_rows && (!one.may_read || one.hides_rows) ? "this role may not read all of it" : "")});
  }
  cli.Print(shown.Text());
  return 0;
}

Result<int> Run(Cli& cli, const std::string& file) {
  if (IsAddress(file)) return RunPostgres(cli, file);
  ASSIGN_OR_RETURN(const auto tables, ListSqliteTables(file, SystemClock(), cli.stop()));
  if (cli.json()) {
    nlohmann::json all = nlohmann::json::array();
    for (const SqliteTable& table : tables) {
      all.push_back({{"name", table.name}, {"rows", NumberOrNull(table.rows)}, {"bytes", NumberOrNull(table.bytes)}});
    }
    cli.PrintJson({{"tables", std::move(all)}});
    return 0;
  }
  Table shown({"Table", ">Rows", ">Size"});
  for (const SqliteTable& table : tables) {
    shown.Add({PathForPeople(AsBytes(table.name)), table.rows ? HumanCount(*table.rows) : "?",
               table.bytes ? HumanBytes(*table.bytes) : ""});
  }
  cli.Print(shown.Text());
  return 0;
}

}  // namespace

void AddTables(CLI::App& app, Cli& cli, Action& action) {
  auto file = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("tables", "List the tables of a SQLite or PostgreSQL database, with rows and sizes");
  command->add_option("DATABASE", *file, "A SQLite file, or a PostgreSQL address")->required();
  command->callback([&cli, &action, file] { action = [&cli, file] { return Run(cli, *file); }; });
}

}  // namespace cairn
