#include "frontends/cli/compared_database.h"

#include <algorithm>

#include "frontends/cli/postgres_options.h"
#include "frontends/compare/postgres_rows.h"
#include "frontends/compare/sqlite_rows.h"
#include "frontends/sqlite/schema.h"
#include "repo-format/sqlite_parameters.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

query::QueryOptions OptionsFor(Cli& cli, std::string name) {
  return {.name = std::move(name), .memory_bytes = cli.context().limits.memory_bytes / 4, .stop = cli.stop()};
}

}  // namespace

Result<std::unique_ptr<ComparedDatabase>> ComparedDatabase::OpenSnapshot(Cli& cli, BlobSource& blobs,
                                                                         const QueriedPlace& place) {
  std::unique_ptr<ComparedDatabase> made(new ComparedDatabase(cli));
  if (!place.file) {
    made->is_postgres_ = true;
    made->name_ = place.item->name;
    made->dump_ = std::make_unique<postgres::DumpReader>(blobs, place.item->root, cli.stop());
    ASSIGN_OR_RETURN(made->description_, made->dump_->Description());
    made->rows_ = compare::MakeDumpRows(*made->dump_);
    return made;
  }
  made->name_ = "/" + ToString(place.path);
  std::string no_rows;
  if (place.item->kind == ItemKind::kSqlite) RETURN_IF_ERROR(made->DescribePart(*place.item, &no_rows));
  made->ahead_ = MakeThreadPool(cli.context().executor.workers());
  const auto file = std::make_shared<const Node>(*place.file);
  const auto view = std::make_shared<const BlobFileView>(blobs, file);
  ASSIGN_OR_RETURN(made->database_, query::OpenSqliteDatabase(view, *made->ahead_, OptionsFor(cli, made->name_)));
  made->stored_.emplace(compare::StoredDatabase{*made->database_, blobs, file, view});
  made->rows_ = compare::MakeSqliteRows(*made->database_, no_rows);
  return made;
}

Result<void> ComparedDatabase::DescribePart(const SnapshotItem& item, std::string* no_rows) {
  if (!item.source_parameters) return {};
  ASSIGN_OR_RETURN(const SqliteParameters part, SqliteParameters::Parse(*item.source_parameters));
  chosen_ = part.chosen;
  excluded_ = part.excluded;
  if (part.no_rows) *no_rows = "its rows were not backed up";
  return {};
}

Result<std::unique_ptr<ComparedDatabase>> ComparedDatabase::OpenFile(Cli& cli, const std::string& file,
                                                                     uint32_t lock_wait_s) {
  std::unique_ptr<ComparedDatabase> made(new ComparedDatabase(cli));
  made->name_ = file;
  ASSIGN_OR_RETURN(made->database_,
                   query::OpenLiveSqliteDatabase(file, {.clock = SystemClock(), .lock_patience_s = lock_wait_s},
                                                 OptionsFor(cli, file)));
  made->rows_ = compare::MakeSqliteRows(*made->database_);
  return made;
}

Result<std::unique_ptr<ComparedDatabase>> ComparedDatabase::OpenServer(Cli& cli, const std::string& text,
                                                                       const ComparedDatabase& snapshot,
                                                                       const Takes& takes, uint32_t lock_wait_s) {
  if (!snapshot.description_) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is no PostgreSQL database: --postgres has nothing to be compared with",
                     PathForPeople(AsBytes(snapshot.name_)));
  }
  const postgres::DatabaseDescription& description = *snapshot.description_;
  ASSIGN_OR_RETURN(postgres::Address address, ParseAddress(cli, text));
  if (address.database().empty()) address = address.WithDatabase(description.properties.name);
  std::unique_ptr<ComparedDatabase> made(new ComparedDatabase(cli));
  made->is_postgres_ = true;
  made->name_ = address.database();
  ASSIGN_OR_RETURN(postgres::TableChoice choice, ChoiceOf(address, description, takes, made->waiter_));
  ASSIGN_OR_RETURN(made->server_, postgres::SharedSnapshot::Open({.address = address,
                                                                  .choice = std::move(choice),
                                                                  .needs_rows = true,
                                                                  .sessions = 1,
                                                                  .lock_patience = std::chrono::seconds(lock_wait_s)},
                                                                 made->waiter_, SystemClock(), cli.stop()));
  made->rows_ = compare::MakeLiveRows(*made->server_);
  return made;
}

// By their names: a table that was chosen need not be there any more.
Result<postgres::TableChoice> ComparedDatabase::ChoiceOf(const postgres::Address& address,
                                                         const postgres::DatabaseDescription& description,
                                                         const Takes& takes, const stream::Waiter& waiter) {
  postgres::TableChoice choice{.chosen = {}, .excluded = description.excluded, .names = {}};
  if (description.chosen.empty() && !takes) return choice;
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(address, waiter));
  ASSIGN_OR_RETURN(const auto tables, postgres::ListTables(*connection));
  for (const postgres::TableListing& one : tables) {
    const postgres::TableName& name = one.table.name;
    const bool was_chosen =
        description.chosen.empty() ||
        std::ranges::any_of(description.tables, [&](const auto& table) { return table.name == name; });
    if (was_chosen && (!takes || takes({.schema = name.schema, .base = name.name}))) choice.names.push_back(name);
  }
  if (choice.names.empty()) choice.excluded = {"*"};  // no names would be all
  return choice;
}

bool ComparedDatabase::CanHave(const compare::TableShape& table) const {
  if (!is_postgres_) return sqlite::TakesName(chosen_, excluded_, table.base);
  if (!description_) return true;
  const postgres::TableName name{table.schema, table.base};
  const bool is_there = std::ranges::any_of(description_->tables, [&](const auto& one) { return one.name == name; });
  const postgres::TableChoice choice{.chosen = description_->chosen, .excluded = description_->excluded, .names = {}};
  return is_there || choice.Takes(name, std::nullopt);
}

}  // namespace cairn
