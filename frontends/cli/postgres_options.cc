#include "frontends/cli/postgres_options.h"

#include <algorithm>
#include <filesystem>

#include "engine/env/executor.h"
#include "frontends/cli/command.h"
#include "frontends/postgres/catalog.h"
#include "frontends/postgres/kept_database.h"
#include "frontends/postgres/postgres_source.h"

namespace cairn {

Result<postgres::Address> ParseAddress(Cli& cli, const std::string& text) {
  ASSIGN_OR_RETURN(postgres::Address address, postgres::Address::Parse(text));
  if (address.shows_password()) {
    cli.Findings()(
        {Finding::Severity::kNote, ErrorCode::kInvalidArgument, "the address of the PostgreSQL server",
         "everybody on this machine can read the password in it: give env:NAME for an environment variable that "
         "holds the address, PGPASSWORD, or ~/.pgpass"});
  }
  return address;
}

bool IsAddress(const std::string& text) {
  for (const char* begin : {"postgresql://", "postgres://", "env:"}) {
    if (text.starts_with(begin)) return true;
  }
  std::error_code ignored;
  return text.find('=') != std::string::npos && !std::filesystem::exists(text, ignored);
}

void PostgresOptions::AddTo(CLI::App& command) {
  const size_t before = command.get_options().size();
  command
      .add_option("--postgres", addresses,
                  "Back up a PostgreSQL database, or all of a server's (postgresql://user@host/database, key=value, or "
                  "env:NAME)")
      ->type_name("ADDRESS");
  command.add_option("--database", databases, "Of the server, only these (repeatable)")->type_name("NAME");
  command.add_option("--order", order, "Rows as they lie in the table (heap), or by primary key (pk)")
      ->check(CLI::IsMember({"heap", "pk"}))
      ->capture_default_str();
  command.add_option("-j,--jobs", jobs, "Tables that are read at once (default: as many as there are threads)")
      ->check(CLI::Range(1u, 64u))
      ->type_name("NUMBER");
  GroupOptions(command, before, "Of a PostgreSQL server");
  const size_t before_tables = command.get_options().size();
  command
      .add_option("--table", tables,
                  "Only tables that match: table, in PostgreSQL schema.table too, with * and ? (repeatable)")
      ->type_name("PATTERN");
  command.add_option("--exclude-table", excluded, "Not these tables (repeatable)")->type_name("PATTERN");
  command.add_flag("--schema-only", schema_only, "Definitions, and no rows");
  command.add_flag("--data-only", data_only, "Rows, and no definitions")->excludes("--schema-only");
  GroupOptions(command, before_tables, "A part of a database");
}

SqliteParameters PostgresOptions::SqlitePart() const {
  SqliteParameters part{.chosen = tables, .excluded = excluded, .no_rows = schema_only, .no_others = data_only};
  part.is_part = schema_only || data_only || !tables.empty() || !excluded.empty();
  return part;
}

Result<std::vector<postgres::Address>> PostgresOptions::DatabasesOf(Cli& cli, const std::string& text) const {
  ASSIGN_OR_RETURN(const postgres::Address address, ParseAddress(cli, text));
  std::vector<std::string> names = databases;
  if (names.empty() && !address.database().empty()) names.push_back(address.database());
  if (names.empty()) {
    const stream::Waiter waiter(cli.stop());
    ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(address.WithDatabase("postgres"), waiter));
    ASSIGN_OR_RETURN(const auto listed, postgres::ListDatabases(*connection));
    for (const postgres::DatabaseListing& one : listed) {
      const auto kept = postgres::KeptDatabase::Parse(one.name, one.comment);
      if (!kept || !kept->HasItsName()) names.push_back(one.name);
    }
  }
  std::vector<postgres::Address> all;
  for (const std::string& name : names) all.push_back(address.WithDatabase(name));
  return all;
}

Result<std::unique_ptr<Source>> PostgresOptions::MakeSource(Cli& cli, const postgres::Address& address,
                                                            std::string item, uint32_t lock_patience_s) const {
  const unsigned workers = cli.context().executor.workers();
  PostgresSourceOptions options{.address = address,
                                .item = std::move(item),
                                .choice = {tables, excluded},
                                .schema = !data_only,
                                .rows = !schema_only,
                                .by_key = order == "pk",
                                // More would only wait: a table is read by a thread.
                                .sessions = jobs == 0 ? workers : std::min(jobs, workers),
                                .lock_patience_s = lock_patience_s};
  ASSIGN_OR_RETURN(auto source, PostgresSource::Make(std::move(options), SystemClock(), cli.stop()));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace cairn
