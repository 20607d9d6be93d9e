#include "frontends/postgres/in_place_restore.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontends/postgres/default_privileges.h"
#include "frontends/postgres/definition_script.h"
#include "frontends/postgres/in_place_rights.h"
#include "frontends/postgres/load_probe.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/possible_settings.h"
#include "frontends/postgres/row_loader.h"
#include "frontends/postgres/schema_dump.h"
#include "frontends/postgres/server.h"
#include "frontends/postgres/shared_snapshot.h"

namespace cairn::postgres {
namespace {

constexpr std::chrono::hours kStatementPatience{24};  // for an index: the network is watched apart
constexpr size_t kNamedMax = 10;

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamedMax) text += fmt::format(" and {} more", names.size() - kNamedMax);
  return text;
}

// As pg_restore --if-exists writes it: what goes with another is gone already.
std::string DropIfThere(const Definition& one) {
  std::string text = one.drop;
  const auto put_after = [&](const std::string& word) {
    const size_t at = text.find(word);
    if (at != std::string::npos) text.insert(at + word.size(), " IF EXISTS");
  };
  if (text.starts_with("ALTER TABLE ")) {
    put_after("ALTER TABLE");
    put_after("DROP CONSTRAINT");
  } else if (text.starts_with("DROP ")) {
    put_after("DROP " + one.kind);
  }
  return text;
}

}  // namespace

Result<std::string> WhyNotBeside(Server& server, const std::string& target) {
  ASSIGN_OR_RETURN(const bool exists, server.Exists(target));
  if (!exists) return std::string();
  ASSIGN_OR_RETURN(const bool may_create, server.MayCreate());
  const std::string user = server.connection().user();
  if (!may_create) return "the role " + user + " may not create databases";
  ASSIGN_OR_RETURN(const bool owns, server.Owns(target));
  return owns ? std::string() : "the role " + user + " does not own " + target + ", and may not rename it";
}

// --- the plan ---

Result<InPlacePlan> InPlaceRestore::Plan() {
  RETURN_IF_ERROR(ReadDump());
  ASSIGN_OR_RETURN(connection_, Connection::Open(options_.address, waiter_));
  plan_.run = NewRun(context_.random);
  plan_.database = connection_->database();
  plan_.server = connection_->server_text("server_version");
  const int major = connection_->server_version() / 10000;
  LookAtVersion(major);
  if (!plan_.problems.empty()) return plan_;
  ASSIGN_OR_RETURN(pg_restore_, FindClientProgram("pg_restore", description_.dumped_by, waiter_));
  ASSIGN_OR_RETURN(pg_dump_, FindClientProgram("pg_dump", major, waiter_));
  auto read = ReadLive();
  if (!read && read.error().code() == ErrorCode::kInterrupted) return read.error();
  if (!read) {
    plan_.problems.push_back(
        fmt::format("the role {} cannot read the definitions of {}: {}; take its owner, or grant pg_read_all_data",
                    connection_->user(), plan_.database, read.error().message()));
    return plan_;
  }
  Definitions undone;
  if (!options_.undone.empty()) {
    ASSIGN_OR_RETURN(undone, Definitions::Parse(options_.undone));
  }
  changes_ = CompareDefinitions(live_, definitions_, undone);
  for (const int id : changes_.dropped) plan_.dropped += live_.IsRoot(*live_.Find(id)) ? 1 : 0;
  for (const int id : changes_.made) plan_.made += definitions_.IsRoot(*definitions_.Find(id)) ? 1 : 0;
  plan_.kept = changes_.kept;
  plan_.staying = changes_.staying;
  plan_.problems = changes_.problems;
  plan_.notes = changes_.notes;
  plan_.notes.emplace_back("settings, grants and comment of the database itself stay as they are");
  InPlaceRights rights({.connection = *connection_,
                        .live = live_,
                        .dump = definitions_,
                        .changes = changes_,
                        .description = description_,
                        .with_owners = options_.with_owners,
                        .with_rows = options_.with_rows},
                       plan_.problems, plan_.notes);
  RETURN_IF_ERROR(rights.Look());
  ASSIGN_OR_RETURN(const auto impossible,
                   ImpossibleTablespaces(*connection_, definitions_.TablespacesOf(changes_.made)));
  with_tablespaces_ = impossible.empty();
  if (!with_tablespaces_) {
    plan_.notes.push_back(fmt::format(
        "the server has no tablespace {} for this role: all is made in the database's own", Listed(impossible)));
  }
  return plan_;
}

Result<void> InPlaceRestore::ReadDump() {
  ASSIGN_OR_RETURN(description_, dump_.Description());
  if (!description_.has_schema || (!description_.has_rows && options_.with_rows)) {
    plan_.problems.emplace_back(
        description_.has_schema
            ? "the dump has definitions and no rows: give --schema-only, and a database without rows is made of it"
            : "the dump has rows and no definitions: a whole database is not made of it");
    return {};
  }
  ASSIGN_OR_RETURN(archive_, dump_.Read(kSchemaFile));
  ASSIGN_OR_RETURN(definitions_, Definitions::Parse(archive_));
  for (const TableDescription& table : description_.tables) {
    if (table.file.empty() || !options_.with_rows) continue;
    ++plan_.tables;
    plan_.rows += table.rows.value_or(0);
    ASSIGN_OR_RETURN(const uint64_t size, dump_.Size(table.file));
    plan_.bytes += size;
  }
  plan_.large_objects = options_.with_rows ? description_.large_objects.size() : 0;
  return {};
}

void InPlaceRestore::LookAtVersion(int major) {
  const int theirs = description_.server_version / 10000;
  if (major >= theirs) return;
  plan_.problems.push_back(
      fmt::format("the server is PostgreSQL {}, the dump is of {}: restore into {} or later", major, theirs, theirs));
}

// Of the database as it is now, in pg_dump's custom form.
Result<std::string> InPlaceRestore::ReadDefinitions() {
  ASSIGN_OR_RETURN(SchemaDump dump, SchemaDump::Start({.program = pg_dump_, .address = options_.address}, waiter_));
  return dump.Read();
}

Result<void> InPlaceRestore::ReadLive() {
  ASSIGN_OR_RETURN(live_archive_, ReadDefinitions());
  ASSIGN_OR_RETURN(live_, Definitions::Parse(AsBytes(live_archive_)));
  ASSIGN_OR_RETURN(const std::string bytes,
                   connection_->Value("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"));
  plan_.database_bytes = std::strtoull(bytes.c_str(), nullptr, 10);
  return {};
}

Result<std::optional<double>> InPlaceRestore::Estimate() {
  if (!options_.with_rows) return std::optional<double>();
  return SecondsOfRows(options_.address, dump_, description_, options_.verifies, waiter_, context_.clock);
}

// --- the work ---

std::string InPlaceRestore::Settings() const {
  return ReadingSettings(*connection_) +
         fmt::format(" SET LOCAL lock_timeout = '{}ms';",
                     std::max<int64_t>(std::chrono::milliseconds(options_.lock_patience).count(), 1));  // 0 is no limit
}

Result<DatabaseLoader::Report> InPlaceRestore::Run(const Steps& steps) {
  CHECK(connection_ != nullptr || !plan_.problems.empty());
  if (!plan_.problems.empty()) {
    std::string all;
    for (const std::string& problem : plan_.problems) all += (all.empty() ? "" : "; ") + problem;
    return Error(ErrorCode::kInvalidArgument, all);
  }
  auto done = Work(steps);
  if (done) return done;
  const int process = connection_->process();
  connection_.reset();  // and the transaction, where it is open
  const ErrorCode code = done.error().code();
  if (is_committing_ && (code == ErrorCode::kIo || code == ErrorCode::kInterrupted || code == ErrorCode::kBusy)) {
    return MakeError(code,
                     "{} (the database was being changed for good: whether that was done is not known; process {} of "
                     "the server did it)",
                     done.error().message(), process);
  }
  return MakeError(code, "{} ({} is as it was)", done.error().message(), plan_.database);
}

Result<DatabaseLoader::Report> InPlaceRestore::Work(const Steps& steps) {
  DatabaseLoader::Report report;
  RETURN_IF_ERROR(Lock());
  RETURN_IF_ERROR(steps.before_change(plan_.run));
  // The locks are of tables: a function may have been changed while the safety snapshot was taken, which lacks that.
  RETURN_IF_ERROR(NeedSameShape());
  context_.progress.SetPhase("dropping what the dump has too");
  RETURN_IF_ERROR(Drop());
  ASSIGN_OR_RETURN(const DefaultPrivileges defaults, DefaultPrivileges::Read(*connection_));
  for (const std::string& one : defaults.suspend) RETURN_IF_ERROR(connection_->Query(one));
  RETURN_IF_ERROR(RunScript("pre-data", "making the tables"));
  if (options_.with_rows) {
    RETURN_IF_ERROR(LoadRows(report));
    RETURN_IF_ERROR(LoadLargeObjects(report));
    RETURN_IF_ERROR(SetSequences(report));
  }
  for (const std::string& one : defaults.resume) RETURN_IF_ERROR(connection_->Query(one));
  RETURN_IF_ERROR(RunScript("post-data", "making indexes and constraints"));
  if (options_.with_rows) RETURN_IF_ERROR(Analyze());
  RETURN_IF_ERROR(steps.before_commit());
  is_committing_ = true;
  RETURN_IF_ERROR(connection_->Query("COMMIT", kStatementPatience));
  return report;
}

// Against writers, not against who reads: the safety snapshot does. What is locked is what was planned with.
Result<void> InPlaceRestore::Lock() {
  std::string names;
  for (const int id : changes_.dropped) {
    const Definition& one = *live_.Find(id);
    if (one.kind != "TABLE") continue;
    names += (names.empty() ? "ONLY " : ", ONLY ") + TableName{one.schema, one.name}.Quoted();
  }
  // An extension's is not dropped, and its rows go all the same.
  for (const TableDescription& table : description_.tables) {
    if (!table.condition || !options_.with_rows) continue;
    ASSIGN_OR_RETURN(const Rows there,
                     connection_->Query("SELECT pg_catalog.to_regclass($1) IS NOT NULL", {table.name.Quoted()}));
    if (there.Flag(0, 0)) names += (names.empty() ? "ONLY " : ", ONLY ") + table.name.Quoted();
  }
  auto locked = connection_->Query(
      "BEGIN; " + Settings() + (names.empty() ? "" : " LOCK TABLE " + names + " IN SHARE ROW EXCLUSIVE MODE"),
      options_.lock_patience + Connection::kPatience);
  RETURN_IF_ERROR(std::move(locked).While("locking the tables"));
  return NeedSameShape();
}

Result<void> InPlaceRestore::NeedSameShape() {
  ASSIGN_OR_RETURN(const std::string now,
                   ReadDefinitions().While("reading the definitions of " + plan_.database + " again"));
  if (now == live_archive_) return {};
  return MakeError(ErrorCode::kBusy, "{} was changed in shape meanwhile: run it again", plan_.database);
}

// The last that was made first, so that nothing stands on what goes. No CASCADE but pg_dump's
// own, of base types: what is not known of is not dropped.
Result<void> InPlaceRestore::Drop() {
  const auto& all = live_.all();
  std::set<int> attached;  // indexes of partitions, which go with their parents'
  for (const Definition& one : all) {
    const Definition* index = one.kind == "INDEX ATTACH" ? live_.OwnerOf(one) : nullptr;
    if (index != nullptr) attached.insert(index->id);
  }
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (!changes_.dropped.contains(it->id) || it->drop.empty() || attached.contains(it->id)) continue;
    RETURN_IF_ERROR(connection_->Query(DropIfThere(*it), kStatementPatience).While("dropping the " + it->ForPeople()));
  }
  if (!options_.with_rows) return {};
  for (const LargeObject& object : description_.large_objects) {
    RETURN_IF_ERROR(connection_->Query(fmt::format(
        "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = {}", object.oid)));
  }
  return {};
}

Result<void> InPlaceRestore::RunScript(const std::string& section, const std::string& what) {
  context_.progress.SetPhase(what);
  ASSIGN_OR_RETURN(const stream::OwnedFd archive, TextInMemory(archive_, kSchemaFile));
  ASSIGN_OR_RETURN(const std::string script, DefinitionScript(archive,
                                                              {.pg_restore = pg_restore_,
                                                               .section = section,
                                                               .with_owners = options_.with_owners,
                                                               .with_tablespaces = with_tablespaces_,
                                                               .entries = definitions_.ListOf(changes_.made)},
                                                              waiter_));
  RETURN_IF_ERROR(connection_->Query(script, kStatementPatience).While(what));
  RETURN_IF_ERROR(connection_->Query(Settings()));
  return {};
}

Result<void> InPlaceRestore::LoadRows(DatabaseLoader::Report& report) {
  context_.progress.SetPhase("loading rows");
  context_.progress.bytes_total += plan_.bytes;
  RowLoader loader(*connection_, dump_, context_.progress);
  for (const TableDescription& table : description_.tables) {
    if (table.file.empty()) continue;
    const std::string name = table.name.ForPeople();
    context_.progress.SetCurrent(name);
    // An extension's table is there, with rows of its own.
    if (table.condition) {
      RETURN_IF_ERROR(
          connection_->Query("DELETE FROM ONLY " + table.name.Quoted() + " " + *table.condition, kStatementPatience)
              .While(name));
    }
    ASSIGN_OR_RETURN(const CopiedRows loaded, loader.Load(table, !table.condition).While(name));
    const bool verifies = options_.verifies && !table.condition;
    if (verifies) RETURN_IF_ERROR(loader.Verify(table, loaded).While(name));
    ++context_.progress.items_done;
    ++report.tables;
    report.rows += loaded.rows;
    report.bytes += loaded.bytes;
    if (verifies) ++report.verified;
  }
  return {};
}

Result<void> InPlaceRestore::LoadLargeObjects(DatabaseLoader::Report& report) {
  RowLoader loader(*connection_, dump_, context_.progress);
  for (const LargeObject& object : description_.large_objects) {
    ASSIGN_OR_RETURN(const uint64_t size, loader.LoadLargeObject(object, options_.with_owners, options_.verifies)
                                              .While(fmt::format("large object {}", object.oid)));
    ++report.large_objects;
    report.bytes += size;
    if (options_.verifies) ++report.verified;
  }
  return {};
}

// setval() is not undone with its transaction, but where that has made the sequence, or has restarted it.
Result<void> InPlaceRestore::SetSequences(DatabaseLoader::Report& report) {
  std::set<TableName> made;
  for (const int id : changes_.made) {
    const Definition& one = *definitions_.Find(id);
    if (one.kind == "SEQUENCE") made.insert({one.schema, one.name});
  }
  for (const SequenceDescription& sequence : description_.sequences) {
    const std::string name = sequence.name.ForPeople();
    if (!made.contains(sequence.name)) {
      RETURN_IF_ERROR(connection_->Query("ALTER SEQUENCE " + sequence.name.Quoted() + " RESTART").While(name));
    }
    RETURN_IF_ERROR(connection_->Query(SequenceStatement(sequence)).While(name));
    ++report.sequences;
  }
  return {};
}

Result<void> InPlaceRestore::Analyze() {
  context_.progress.SetPhase("gathering statistics");
  for (const int id : changes_.made) {
    const Definition& one = *definitions_.Find(id);
    if (one.kind != "TABLE" && one.kind != "MATERIALIZED VIEW") continue;
    RETURN_IF_ERROR(connection_->Query("ANALYZE " + TableName{one.schema, one.name}.Quoted(), kStatementPatience));
  }
  return {};
}

}  // namespace cairn::postgres
