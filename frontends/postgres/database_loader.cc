#include "frontends/postgres/database_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>

#include "frontends/postgres/connection.h"
#include "frontends/postgres/definition_script.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/row_loader.h"
#include "frontends/postgres/shared_snapshot.h"
#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr std::chrono::hours kStatementPatience{24};  // for an index, or all statistics: the network is watched apart
constexpr int kKnowsTransactionTimeout = 17;

}  // namespace

DatabaseLoader::DatabaseLoader(const JobContext& context, DumpReader& dump, const DatabaseDescription& description,
                               Options options)
    : context_(context), dump_(dump), description_(description), options_(std::move(options)), waiter_(context.stop) {}

Result<DatabaseLoader::Report> DatabaseLoader::Run() {
  if (description_.has_schema) {
    ASSIGN_OR_RETURN(const Bytes schema, dump_.Read(kSchemaFile));
    ASSIGN_OR_RETURN(schema_, TextInMemory(schema, kSchemaFile));
    context_.progress.SetPhase("making the tables");
    RETURN_IF_ERROR(MakeSchemas());
    RETURN_IF_ERROR(RestoreSection("pre-data", false));
  }
  if (options_.with_rows) {
    context_.progress.SetPhase("loading rows");
    RETURN_IF_ERROR(LoadRows());
  }
  if (description_.has_schema) {
    context_.progress.SetPhase("making indexes and constraints");
    RETURN_IF_ERROR(RestoreSection("post-data", true));
  }
  context_.progress.SetPhase("gathering statistics");
  RETURN_IF_ERROR(AnalyzeRest());
  return report_;
}

// Tables were, when they were loaded: here is what is made of them, and what only an index has statistics of.
Result<void> DatabaseLoader::AnalyzeRest() {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  ASSIGN_OR_RETURN(const Rows rows, connection->Query(R"(
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (c.relkind IN ('m', 'p') OR EXISTS (
  SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL)))"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const TableName name{rows.String(i, 0), rows.String(i, 1)};
    RETURN_IF_ERROR(connection->Query("ANALYZE " + name.Quoted(), kStatementPatience));
  }
  return {};
}

// --- definitions ---

Result<void> DatabaseLoader::MakeSchemas() {
  if (options_.schemas.empty()) return {};
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  for (const std::string& schema : options_.schemas) {
    RETURN_IF_ERROR(connection->Query("CREATE SCHEMA IF NOT EXISTS " + QuoteName(schema)));
  }
  return {};
}

Result<void> DatabaseLoader::RestoreSection(const std::string& section, bool parallel) {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  const int server = connection->server_version() / 10000;
  // A pg_restore of 17 and later sets what older servers do not know, and takes that for an error.
  const bool is_too_new = options_.pg_restore.major >= kKnowsTransactionTimeout && server < kKnowsTransactionTimeout;
  return is_too_new ? RunScript(section) : RunProgram(section, parallel);
}

Result<void> DatabaseLoader::RunProgram(const std::string& section, bool parallel) {
  std::vector<std::string> command = {options_.pg_restore.path, "--exit-on-error", "--section=" + section};
  if (!options_.with_owners) command.insert(command.end(), {"--no-owner", "--no-acl"});
  if (!options_.with_tablespaces) command.emplace_back("--no-tablespaces");
  command.emplace_back("--no-password");
  command.push_back("--dbname=" + options_.address.WithoutPassword());
  if (parallel) command.push_back(fmt::format("--jobs={}", options_.sessions));
  stream::ChildOptions child_options = ClientOptions(options_.address);
  child_options.input = schema_.get();
  child_options.ends_with_thread = true;
  stream::OwnedFd list;
  if (options_.entries) {
    ASSIGN_OR_RETURN(list, TextInMemory(AsBytes(*options_.entries), "entries"));
    child_options.kept = {list.get()};
    command.push_back(fmt::format("--use-list=/proc/self/fd/{}", list.get()));
  }
  command.emplace_back("/proc/self/fd/0");  // a name, for it is opened by each of its processes
  ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(command, waiter_, child_options));
  Bytes ignored(4096);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, child->Read(ignored));
    if (got == 0) break;
  }
  return child->Wait();
}

Result<void> DatabaseLoader::RunScript(const std::string& section) {
  ASSIGN_OR_RETURN(const std::string script, DefinitionScript(schema_,
                                                              {.pg_restore = options_.pg_restore,
                                                               .section = section,
                                                               .with_owners = options_.with_owners,
                                                               .with_tablespaces = options_.with_tablespaces,
                                                               .entries = options_.entries},
                                                              waiter_));
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  RETURN_IF_ERROR(connection->Query(script, kStatementPatience));
  return {};
}

// --- rows ---

Result<void> DatabaseLoader::LoadRows() {
  std::vector<std::pair<uint64_t, const TableDescription*>> sizes;
  for (const TableDescription& table : description_.tables) {
    if (table.file.empty()) continue;
    ASSIGN_OR_RETURN(const uint64_t size, dump_.Size(table.file));
    sizes.emplace_back(size, &table);
    context_.progress.bytes_total += size;
  }
  std::ranges::sort(sizes, {}, [](const auto& one) { return std::pair(one.first, one.second->name.ForPeople()); });
  std::vector<const TableDescription*> queue;  // the largest last, which is begun first
  for (const auto& [size, table] : sizes) queue.push_back(table);

  std::mutex mutex;  // of all below
  std::condition_variable done;
  std::optional<Error> error;
  unsigned running = std::max(1u, std::min(options_.sessions, context_.executor.workers()));
  for (unsigned i = 0, begun = running; i < begun; ++i) {
    context_.executor.Submit([&] {
      auto loaded = LoadTables(queue, mutex);
      const std::lock_guard lock(mutex);
      if (!loaded) {
        if (!error) error = loaded.error();
        queue.clear();  // the others end with what they have
      }
      --running;
      done.notify_all();
    });
  }
  {
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return running == 0; });
  }
  if (error) return *error;
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  RETURN_IF_ERROR(LoadLargeObjects(*connection));
  return SetSequences(*connection);
}

Result<void> DatabaseLoader::LoadTables(std::vector<const TableDescription*>& queue, std::mutex& mutex) {
  std::unique_ptr<Connection> connection;
  for (;;) {
    const TableDescription* table = nullptr;
    {
      const std::lock_guard lock(mutex);
      if (queue.empty()) return {};
      table = queue.back();
      queue.pop_back();
    }
    if (connection == nullptr) {
      ASSIGN_OR_RETURN(connection, Connection::Open(options_.address, waiter_));
    }
    context_.progress.SetCurrent(table->name.ForPeople());
    RETURN_IF_ERROR(LoadTable(*connection, *table).While(table->name.ForPeople()));
  }
}

Result<void> DatabaseLoader::LoadTable(Connection& connection, const TableDescription& table) {
  RETURN_IF_ERROR(connection.Query("BEGIN; " + ReadingSettings(connection)));
  // Rows of a table that is emptied in the same transaction need not be frozen later. An extension's has rows of its
  // own already.
  const bool is_new = !table.condition;
  if (is_new) RETURN_IF_ERROR(connection.Query("TRUNCATE ONLY " + table.name.Quoted()));
  RowLoader loader(connection, dump_, context_.progress);
  ASSIGN_OR_RETURN(const CopiedRows loaded, loader.Load(table, is_new));
  RETURN_IF_ERROR(connection.Query("COMMIT"));
  // An extension's own rows lie among those: how many came is all that is known.
  const bool verifies = options_.verifies && !table.condition;
  if (verifies) {
    RETURN_IF_ERROR(connection.Query("BEGIN READ ONLY; " + ReadingSettings(connection)));
    RETURN_IF_ERROR(loader.Verify(table, loaded));
    RETURN_IF_ERROR(connection.Query("COMMIT"));
  }
  RETURN_IF_ERROR(connection.Query("ANALYZE " + table.name.Quoted(), kStatementPatience));
  ++context_.progress.items_done;
  const std::lock_guard lock(mutex_);
  ++report_.tables;
  report_.rows += loaded.rows;
  report_.bytes += loaded.bytes;
  if (verifies) ++report_.verified;
  return {};
}

// --- large objects, sequences ---

Result<void> DatabaseLoader::LoadLargeObjects(Connection& connection) {
  for (const LargeObject& object : description_.large_objects) {
    RETURN_IF_ERROR(LoadLargeObject(connection, object).While(fmt::format("large object {}", object.oid)));
  }
  return {};
}

Result<void> DatabaseLoader::LoadLargeObject(Connection& connection, const LargeObject& object) {
  RETURN_IF_ERROR(connection.Query("BEGIN; " + ReadingSettings(connection)));
  RowLoader loader(connection, dump_, context_.progress);
  ASSIGN_OR_RETURN(const uint64_t size, loader.LoadLargeObject(object, options_.with_owners, options_.verifies));
  RETURN_IF_ERROR(connection.Query("COMMIT"));
  const std::lock_guard lock(mutex_);
  ++report_.large_objects;
  report_.bytes += size;
  if (options_.verifies) ++report_.verified;
  return {};
}

Result<void> DatabaseLoader::SetSequences(Connection& connection) {
  for (const SequenceDescription& sequence : description_.sequences) {
    RETURN_IF_ERROR(connection.Query(SequenceStatement(sequence)).While(sequence.name.ForPeople()));
    const std::lock_guard lock(mutex_);
    ++report_.sequences;
  }
  return {};
}

}  // namespace cairn::postgres
