#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/text.h"
#include "frontends/sqlite/table_list.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

template <class Value>
nlohmann::json NumberOrNull(const std::optional<Value>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

Result<int> Run(Cli& cli, const std::string& file) {
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
  CLI::App* command = app.add_subcommand("tables", "List the tables of a SQLite database, with rows and sizes");
  command->add_option("FILE", *file, "The database")->required();
  command->callback([&cli, &action, file] { action = [&cli, file] { return Run(cli, *file); }; });
}

}  // namespace cairn
