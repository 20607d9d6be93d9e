#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/queried_place.h"
#include "frontends/cli/row_output.h"
#include "frontends/cli/text.h"
#include "frontends/query/query_database.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

struct QueryCommand {
  FilterOptions filter;
  std::string name, sql;
  bool csv = false, tables = false;

  Result<int> Run(Cli& cli) const {
    if (tables != sql.empty()) {
      return Error(ErrorCode::kInvalidArgument, "give a statement, or --tables to see what there is: one of the two");
    }
    if (csv && cli.json()) return Error(ErrorCode::kInvalidArgument, "--csv and --json: give one of the two");
    const SnapshotPath wanted = SnapshotPath::Parse(name);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    RETURN_IF_ERROR(opened.repository->keyring().Need(Rights::kContentKey, "reading a database"));
    const auto tell = [&cli](const std::string& note) { cli.context().log.Warning("{}", note); };
    ASSIGN_OR_RETURN(const QueriedPlace place, FindQueried(*opened.reader, *opened.snapshot, wanted.path, tell));
    const Limits& limits = cli.context().limits;
    // Threads that read ahead end before what they read from.
    const auto ahead =
        MakeThreadPool(opened.repository->store().is_far() ? limits.gets : cli.context().executor.workers());
    const query::QueryOptions options{.name = place.file ? "/" + ToString(place.path) : place.item->name,
                                      .memory_bytes = limits.memory_bytes / 4,
                                      .stop = cli.stop(),
                                      .tell = [&cli](const std::string& note) { cli.context().log.Info("{}", note); }};
    postgres::DumpReader dump(*opened.reader, place.item->root, cli.stop());
    ASSIGN_OR_RETURN(const auto database, place.file ? OpenFile(opened, *place.file, *ahead, options)
                                                     : query::OpenPostgresDatabase(dump, options));
    if (tables) return ShowTables(cli, *database);
    const RowForm form = cli.json() ? RowForm::kJson : csv ? RowForm::kCsv : RowForm::kTable;
    const auto output = MakeRowOutput(form, cli);
    RETURN_IF_ERROR(database->Run(sql, *output));
    return 0;
  }

  static Result<std::unique_ptr<query::QueryDatabase>> OpenFile(const OpenedSnapshot& opened, const Node& file,
                                                                Executor& ahead, const query::QueryOptions& options) {
    const auto view = std::make_shared<const BlobFileView>(*opened.reader, std::make_shared<const Node>(file));
    return query::OpenSqliteDatabase(view, ahead, options);
  }

  static Result<int> ShowTables(Cli& cli, query::QueryDatabase& database) {
    ASSIGN_OR_RETURN(const auto tables, database.Tables());
    if (cli.json()) {
      nlohmann::json all = nlohmann::json::array();
      for (const query::TableInfo& table : tables) {
        nlohmann::json one = {{"name", table.name}, {"kind", table.kind}, {"columns", table.columns}};
        if (table.rows) one["rows"] = *table.rows;
        all.push_back(std::move(one));
      }
      cli.PrintJson({{"tables", std::move(all)}});
      return 0;
    }
    Table shown({"Table", "Kind", ">Rows", "Columns"});
    for (const query::TableInfo& table : tables) {
      std::string columns;
      for (const std::string& column : table.columns) {
        columns += (columns.empty() ? "" : ", ") + PathForPeople(AsBytes(column));
      }
      shown.Add({PathForPeople(AsBytes(table.name)), table.kind, table.rows ? HumanCount(*table.rows) : "", columns});
    }
    cli.Print(shown.Text());
    return 0;
  }
};

}  // namespace

void AddQuery(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<QueryCommand>();
  CLI::App* command = app.add_subcommand("query", "Ask a database of a snapshot, by SQL, without restoring it");
  command
      ->add_option("SNAPSHOT[:PATH]", options->name,
                   "A snapshot of one database, an item of it, or a SQLite file in it")
      ->required();
  command->add_option("SQL", options->sql, "Statements that only look, in SQLite's SQL: SELECT, EXPLAIN, PRAGMA");
  command->add_flag("--tables", options->tables, "Show tables and views, with their columns");
  command->add_flag("--csv", options->csv, "Rows as CSV, with the names of the columns first");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
