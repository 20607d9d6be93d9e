#include "frontends/cli/table_diff.h"

#include <algorithm>

#include "frontends/cli/command.h"
#include "frontends/cli/table_options.h"
#include "frontends/compare/postgres_rows.h"
#include "frontends/sqlite/schema.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

bool Matches(const std::string& pattern, const compare::TableShape& table, bool is_postgres) {
  if (!is_postgres) return sqlite::MatchesName(pattern, table.base);
  const postgres::TableChoice choice{.chosen = {pattern}, .excluded = {}, .names = {}};
  return choice.Takes({table.schema, table.base}, std::nullopt);
}

}  // namespace

void TableDiffOptions::AddTo(CLI::App& command) {
  const size_t before = command.get_options().size();
  command
      .add_option("--table", tables,
                  "Only tables that match: table, in PostgreSQL schema.table too, with * and ? (repeatable)")
      ->type_name("PATTERN");
  command.add_option("--exclude-table", excluded, "Not these tables (repeatable)")->type_name("PATTERN");
  command.add_flag("--rows", rows, "Show the rows that differ, by their keys: + added, - removed, ~ changed");
  command.add_option("--limit", limit, "Rows of a table that are shown")
      ->check(CLI::Range(uint64_t{1}, uint64_t{100'000}))
      ->type_name("NUMBER")
      ->capture_default_str();
  command
      .add_option("--key", keys,
                  "By which columns rows of a table are the same (default: the primary key, or what else is unique and "
                  "never NULL)")
      ->type_name("TABLE=COLUMN,...");
  command.add_option("--postgres", address, "Compare with this database as it is now")->type_name("ADDRESS");
  command
      .add_option("--lock-wait", lock_wait_s,
                  "Seconds to wait for a table, or a SQLite database, that another program has locked")
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--files", files, "The files that a database is kept as, and not its rows: nothing of them is read");
  GroupOptions(command, before, "Of databases");
}

bool TableDiff::Takes(const compare::TableShape& table, bool is_postgres) {
  bool is_chosen = options_.tables.empty();
  for (const std::string& pattern : options_.tables) {
    if (!Matches(pattern, table, is_postgres)) continue;
    matched_.insert(pattern);
    is_chosen = true;
  }
  return is_chosen && std::ranges::none_of(options_.excluded, [&](const std::string& pattern) {
           return Matches(pattern, table, is_postgres);
         });
}

ComparedDatabase::Takes TableDiff::Choice() {
  if (options_.tables.empty() && options_.excluded.empty()) return {};
  return [this](const compare::TableShape& table) { return Takes(table, /*is_postgres=*/true); };
}

Result<void> TableDiff::Compare(ComparedDatabase& before, ComparedDatabase& after, const std::string& item,
                                const std::string& folder) {
  const bool is_postgres = before.is_postgres();
  if (is_postgres != after.is_postgres()) {
    return MakeError(ErrorCode::kInvalidArgument, "{} and {} cannot be compared: one is of PostgreSQL, one of SQLite",
                     PathForPeople(AsBytes(before.name())), PathForPeople(AsBytes(after.name())));
  }
  TableOptions keys;
  keys.keys = options_.keys;
  compare::DatabaseDiffOptions options;
  ASSIGN_OR_RETURN(options.keys, keys.ParseKeys());
  options.takes = [&](const compare::TableShape& table) {
    return Takes(table, is_postgres) && before.CanHave(table) && after.CanHave(table);
  };
  if (before.dump() != nullptr && after.dump() != nullptr) {
    options.narrow = compare::NarrowByStream(*before.dump(), *after.dump());
  }
  if (before.stored() && after.stored()) {
    options.narrow = compare::NarrowByPages(*before.stored(), *after.stored(), [&](const std::string& text) {
      cli_.context().log.Debug("{}: {}", PathForPeople(AsBytes(after.name())), text);
    });
  }
  options.rows.folder = folder;
  cli_.context().random.Fill(options.rows.hash_key);
  options.rows.rows_max = options_.rows ? options_.limit : 0;
  options.tells_rows = options_.rows;
  options.stop = cli_.stop();
  ++totals_.databases;
  const auto progress = cli_.ShowProgress();
  TableReport report(cli_, item, options_.rows, totals_);
  RETURN_IF_ERROR(DiffDatabases(before.rows(), after.rows(), options, report));
  report.End();
  return {};
}

Result<void> TableDiff::NeedMatches() const {
  for (const std::string& pattern : options_.tables) {
    if (matched_.contains(pattern)) continue;
    return MakeError(ErrorCode::kNotFound, "no table is called {}", PathForPeople(AsBytes(pattern)));
  }
  return {};
}

}  // namespace cairn
