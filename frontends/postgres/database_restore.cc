#include "frontends/postgres/database_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "frontends/postgres/live_names.h"
#include "frontends/postgres/load_probe.h"
#include "frontends/postgres/possible_settings.h"

namespace cairn::postgres {
namespace {

constexpr size_t kNamedMax = 10;
constexpr std::chrono::hours kScriptPatience{24};

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamedMax) text += fmt::format(" and {} more", names.size() - kNamedMax);
  return text;
}

std::set<std::string> FirstColumn(const Rows& rows) {
  std::set<std::string> names;
  for (size_t i = 0; i < rows.size(); ++i) names.insert(rows.String(i, 0));
  return names;
}

}  // namespace

// --- the plan ---

Result<DatabaseRestorePlan> DatabaseRestore::Plan() {
  ASSIGN_OR_RETURN(description_, dump_.Description());
  DatabaseRestorePlan plan;
  plan.run = options_.run.empty() ? NewRun(context_.random) : options_.run;
  plan.target = options_.target.empty() ? description_.properties.name : options_.target;
  if (options_.is_drill) plan.target = DatabaseNameWith(plan.target, "drill_" + plan.run);
  plan.beside = KeptDatabase::NameOf(KeptDatabase::Role::kIncomplete, plan.target, plan.run);
  RETURN_IF_ERROR(LookAtDump(plan));
  ASSIGN_OR_RETURN(server_, Server::Open(options_.address, plan.run, waiter_, context_.clock, context_.stop));
  RETURN_IF_ERROR(LookAtServer(plan));
  RETURN_IF_ERROR(LookAtRoles(plan));
  RETURN_IF_ERROR(LookAtExtensions(plan));
  RETURN_IF_ERROR(LookAtProperties(plan));
  RETURN_IF_ERROR(LookAtTarget(plan));
  plan_ = plan;
  return plan;
}

Result<void> DatabaseRestore::LookAtDump(DatabaseRestorePlan& plan) {
  for (const TableDescription& table : description_.tables) {
    const bool has_rows = !table.file.empty() && options_.with_rows;
    if (!has_rows && options_.with_rows) continue;
    ++plan.tables;
    if (!has_rows) continue;
    plan.rows += table.rows.value_or(0);
    ASSIGN_OR_RETURN(const uint64_t size, dump_.Size(table.file));
    plan.bytes += size;
  }
  if (description_.has_schema) {
    ASSIGN_OR_RETURN(const Bytes archive, dump_.Read(kSchemaFile));
    auto definitions = Definitions::Parse(archive);
    if (definitions) definitions_ = *std::move(definitions);
    if (!definitions && definitions.error().code() != ErrorCode::kUnsupported) return definitions.error();
  }
  plan.large_objects = options_.with_rows ? description_.large_objects.size() : 0;
  if (!description_.has_schema) {
    plan.problems.emplace_back("the dump has rows and no definitions: a whole database is not made of it");
  } else if (!description_.has_rows && options_.with_rows) {
    plan.problems.emplace_back(
        "the dump has definitions and no rows: give --schema-only, and a database without rows is made of it");
  }
  if (description_.chosen.empty() && description_.excluded.empty()) return {};
  plan.notes.push_back(fmt::format(
      "the dump has not all tables ({}), and what its tables refer to may be missing: --data-only puts their "
      "rows into a database that has the rest",
      description_.chosen.empty() ? "not " + Listed(description_.excluded) : "only " + Listed(description_.chosen)));
  LookAtChosen(plan);
  return {};
}

// pg_dump leaves out what tables hang on that was not chosen; of foreign keys it leaves out the other side alone.
void DatabaseRestore::LookAtChosen(DatabaseRestorePlan& plan) {
  std::set<int> made = definitions_.ids(), left_out;
  std::set<std::string> schemas;
  for (const Definition& one : definitions_.all()) {
    if (one.kind == "SCHEMA") schemas.insert(one.name);
    const auto parent = one.kind == "FK CONSTRAINT" ? ReferencedTable(one.create) : std::nullopt;
    if (!parent || definitions_.FindTable(*parent) != nullptr) continue;
    left_out.insert(one.id);
    plan.notes.push_back(fmt::format("the foreign key {}.{} is left out, for the dump has no table {}", one.schema,
                                     one.name, parent->ForPeople()));
  }
  for (const Definition& one : definitions_.all()) {
    if (one.schema.empty() || one.schema == "public" || !IsRelation(one) || !schemas.insert(one.schema).second)
      continue;
    schemas_.push_back(one.schema);
    plan.notes.push_back(
        fmt::format("the dump has not the definition of the schema {}: it is made, without grants", one.schema));
  }
  if (left_out.empty()) return;
  for (const int id : definitions_.WithTheirs(left_out)) made.erase(id);
  entries_ = definitions_.ListOf(made);
}

Result<void> DatabaseRestore::LookAtServer(DatabaseRestorePlan& plan) {
  Connection& connection = server_->connection();
  plan.server = connection.server_text("server_version");
  const int ours = connection.server_version() / 10000, theirs = description_.server_version / 10000;
  if (ours < theirs) {
    plan.problems.push_back(
        fmt::format("the server is PostgreSQL {}, the dump is of {}: restore into {} or later", ours, theirs, theirs));
  }
  auto program = FindClientProgram("pg_restore", description_.dumped_by, waiter_);
  if (program) {
    plan.pg_restore = *program;
  } else if (program.error().code() == ErrorCode::kNotFound) {
    plan.problems.push_back(program.error().message());
  } else {
    return std::move(program).error();
  }
  ASSIGN_OR_RETURN(const bool may_create, server_->MayCreate());
  if (!may_create) {
    plan.problems.push_back(
        fmt::format("the role {} may not create databases, and a restore is made beside the database in use: take a "
                    "role with CREATEDB",
                    connection.user()));
  }
  const DatabaseProperties& properties = description_.properties;
  if (ours < 15 && properties.provider != "libc") {
    plan.problems.push_back(fmt::format("the dump's locale is of {}, which PostgreSQL {} has not for a database",
                                        properties.provider, ours));
  }
  return {};
}

Result<void> DatabaseRestore::LookAtRoles(DatabaseRestorePlan& plan) {
  if (!options_.with_owners) return {};
  std::set<std::string> owners = OwnersOf(definitions_, definitions_.ids());
  owners.insert(description_.properties.owner);
  if (options_.with_rows) {
    for (const LargeObject& object : description_.large_objects) owners.insert(object.owner);
  }
  ASSIGN_OR_RETURN(
      const auto problems,
      ProblemsOfRoles(server_->connection(), {description_.roles.begin(), description_.roles.end()}, owners));
  plan.problems.insert(plan.problems.end(), problems.begin(), problems.end());
  return {};
}

Result<void> DatabaseRestore::LookAtProperties(DatabaseRestorePlan& plan) {
  ASSIGN_OR_RETURN(properties_, PossibleSettings(server_->connection(), description_.properties, plan.notes));
  ASSIGN_OR_RETURN(const auto impossible,
                   ImpossibleTablespaces(server_->connection(), definitions_.TablespacesOf(definitions_.ids())));
  with_tablespaces_ = impossible.empty();
  if (with_tablespaces_) return {};
  plan.notes.push_back(fmt::format("the server has no tablespace {} for this role: all is made in the database's own",
                                   Listed(impossible)));
  return {};
}

Result<void> DatabaseRestore::LookAtExtensions(DatabaseRestorePlan& plan) {
  ASSIGN_OR_RETURN(const Rows rows, server_->connection().Query("SELECT name FROM pg_catalog.pg_available_extensions"));
  const std::set<std::string> there = FirstColumn(rows);
  std::vector<std::string> missing;
  for (const Extension& extension : description_.extensions) {
    if (!there.contains(extension.name)) missing.push_back(extension.name + " " + extension.version);
  }
  if (missing.empty()) return {};
  plan.problems.push_back(
      fmt::format("the server does not have the extension {}: install it there first", Listed(missing)));
  return {};
}

Result<void> DatabaseRestore::LookAtTarget(DatabaseRestorePlan& plan) {
  ASSIGN_OR_RETURN(const bool exists, server_->Exists(plan.target));
  for (const char* place : {"postgres", "template0", "template1"}) {
    if (plan.target != place) continue;
    plan.problems.push_back(fmt::format("{} is the server's own, and is not replaced: give --as NAME", plan.target));
  }
  if (!exists) return {};
  plan.kept = KeptDatabase::NameOf(KeptDatabase::Role::kBefore, plan.target, plan.run);
  ASSIGN_OR_RETURN(target_oid_, server_->OidOf(plan.target));
  if (!options_.replaces) {
    plan.problems.push_back(
        fmt::format("there is a database {} already: give --strategy replace, or --as NAME", plan.target));
  }
  ASSIGN_OR_RETURN(
      const Rows rows,
      server_->connection().Query("SELECT t.spcname, d.datistemplate, pg_catalog.has_tablespace_privilege(t.oid, "
                                  "'CREATE') FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid "
                                  "= d.dattablespace WHERE d.datname = $1 AND t.spcname <> 'pg_default' OR "
                                  "d.datname = $1 AND d.datistemplate",
                                  {plan.target}));
  if (rows.size() > 0 && rows.Text(0, 0) != "pg_default" && rows.Flag(0, 2)) tablespace_ = rows.String(0, 0);
  if (rows.size() > 0 && rows.Flag(0, 1)) {
    plan.notes.push_back(
        fmt::format("{0} is a template, and what takes its place is none: ALTER DATABASE {1} "
                    "IS_TEMPLATE true makes it one",
                    plan.target, QuoteName(plan.target)));
  }
  ASSIGN_OR_RETURN(const bool owns, server_->Owns(plan.target));
  if (!owns) {
    plan.problems.push_back(
        fmt::format("the role {} does not own {}, and may not rename it: take its owner, or a superuser",
                    server_->connection().user(), plan.target));
  }
  ASSIGN_OR_RETURN(const Rows size,
                   server_->connection().Query("SELECT CASE WHEN pg_catalog.has_database_privilege($1, 'CONNECT') THEN "
                                               "pg_catalog.pg_database_size($1::name) END",
                                               {plan.target}));
  if (size.size() > 0) plan.target_bytes = static_cast<uint64_t>(size.Number(0, 0));
  ASSIGN_OR_RETURN(plan.sessions, server_->SessionsOf(plan.target));
  return {};
}

Result<std::optional<double>> DatabaseRestore::Estimate() {
  CHECK(server_ != nullptr);
  if (!options_.with_rows) return std::optional<double>();
  const Address place = options_.address.WithDatabase(server_->connection().database());
  return SecondsOfRows(place, dump_, description_, options_.verifies, waiter_, context_.clock);
}

// --- the work ---

Result<DatabaseRestoreReport> DatabaseRestore::Run(const std::function<Result<void>()>& before_swap) {
  CHECK(server_ != nullptr);
  if (!plan_.problems.empty()) {
    std::string all;
    for (const std::string& problem : plan_.problems) all += (all.empty() ? "" : "; ") + problem;
    return Error(ErrorCode::kInvalidArgument, all);
  }
  auto report = Load(before_swap);
  if (report) return report;
  return AfterFailure(report.error());
}

Result<DatabaseRestoreReport> DatabaseRestore::Load(const std::function<Result<void>()>& before_swap) {
  KeptDatabase mark{.name = plan_.beside, .run = plan_.run, .of = plan_.target};
  context_.progress.SetPhase("making the database");
  auto created = server_->Create(mark, description_.properties, tablespace_);
  has_name_ = created || created.error().code() != ErrorCode::kAlreadyExists;
  RETURN_IF_ERROR(created);
  ASSIGN_OR_RETURN(beside_oid_, server_->OidOf(plan_.beside));
  if (!script_.empty()) RETURN_IF_ERROR(server_->KeepOut(plan_.beside));
  DatabaseLoader loader(context_, dump_, description_,
                        {.address = options_.address.WithDatabase(plan_.beside),
                         .pg_restore = plan_.pg_restore,
                         .sessions = options_.sessions,
                         .with_owners = options_.with_owners,
                         .verifies = options_.verifies,
                         .with_tablespaces = with_tablespaces_,
                         .with_rows = options_.with_rows,
                         .entries = entries_,
                         .schemas = schemas_});
  DatabaseRestoreReport report;
  ASSIGN_OR_RETURN(report.loaded, loader.Run());
  if (!script_.empty()) RETURN_IF_ERROR(RunScript());
  RETURN_IF_ERROR(server_->Apply(plan_.beside, properties_, options_.with_owners));
  if (options_.is_drill) {
    RETURN_IF_ERROR(server_->Drop(plan_.beside, true));
    return report;
  }
  RETURN_IF_ERROR(before_swap());
  context_.progress.SetPhase("putting it in its place");
  KeptDatabase kept{.name = KeptDatabase::NameOf(KeptDatabase::Role::kBefore, plan_.target, plan_.run),
                    .run = plan_.run,
                    .of = plan_.target,
                    .role = KeptDatabase::Role::kBefore};
  ASSIGN_OR_RETURN(kept.until, server_->TimeFromNow(options_.keeps));
  RETURN_IF_ERROR(server_->Swap(plan_.target, target_oid_, plan_.beside, description_.properties.comment, kept,
                                {options_.session_patience, options_.disconnects}));
  report.oid = beside_oid_;
  if (!target_oid_.empty()) {
    report.kept = kept.name;
    report.kept_until = kept.until;
  }
  return report;
}

Result<void> DatabaseRestore::RunScript() {
  context_.progress.SetPhase("running the script");
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address.WithDatabase(plan_.beside), waiter_));
  RETURN_IF_ERROR(connection->Query("SET search_path = \"$user\", public"));
  RETURN_IF_ERROR(connection->Query("BEGIN"));
  ASSIGN_OR_RETURN(const std::string transaction, connection->Value("SELECT pg_catalog.txid_current()"));
  auto run = connection->Query(script_, kScriptPatience);
  if (!run) return std::move(run).error().While(script_name_);
  const auto refuse = [&](const char* why) -> Result<void> {
    return MakeError(ErrorCode::kInvalidArgument, "{} {}", script_name_, why);
  };
  // What was undone at its end, or never run, is not to be taken for done.
  if (!connection->is_in_transaction()) {
    return refuse(
        "ends the transaction in which it is run, or leaves a COPY open: leave BEGIN, COMMIT, ROLLBACK and "
        "COPY ... FROM STDIN out of it");
  }
  ASSIGN_OR_RETURN(const std::string now, connection->Value("SELECT pg_catalog.txid_current()"));
  if (now != transaction) return refuse("begins another transaction: leave BEGIN, COMMIT and ROLLBACK out of it");
  RETURN_IF_ERROR(connection->Query("COMMIT"));
  return server_->LetIn(plan_.beside);
}

// Also where stop was asked for: with a session of its own that does not listen to that.
Error DatabaseRestore::AfterFailure(Error error) {
  const stream::Waiter waiter{std::stop_token()};
  const int process = server_->connection().process();
  const bool is_known = server_->is_outcome_known();
  server_.reset();
  auto server = Server::Open(options_.address, "", waiter, context_.clock, std::stop_token());
  // What the server was asked for it does to its end, though nobody listens: CREATE DATABASE may still be under way.
  auto asked = server ? (*server)->WaitForEnd(process) : Result<void>(server.error());
  Result<std::string> now = asked ? (*server)->OidOf(plan_.target) : Result<std::string>(asked.error());
  if (!now) {
    const std::string state = !is_known            ? ""
                              : plan_.kept.empty() ? "no database was made; "
                                                   : plan_.target + " is as it was; ";
    return Error(error.code(), fmt::format("{} ({}{} may be left, and the server cannot be asked: {}; cairn restore "
                                           "--clean-up looks when it answers)",
                                           error.message(), state, plan_.beside, now.error().message()));
  }
  if (!beside_oid_.empty() && *now == beside_oid_) {
    return Error(error.code(),
                 fmt::format("{} ({} is in its place all the same{})", error.message(), plan_.target,
                             plan_.kept.empty() ? "" : "; what was there before is kept as " + plan_.kept));
  }
  const std::string state = *now != target_oid_   ? plan_.target + " was changed by somebody else"
                            : target_oid_.empty() ? std::string("no database was made")
                                                  : plan_.target + " is as it was";
  auto dropped = has_name_ ? (*server)->Drop(plan_.beside, true) : Result<void>();
  if (dropped) return Error(error.code(), fmt::format("{} ({})", error.message(), state));
  return Error(error.code(),
               fmt::format("{} ({}; {} is left, and could not be dropped: {}; cairn restore --clean-up does "
                           "it)",
                           error.message(), state, plan_.beside, dropped.error().message()));
}

namespace {

Result<KeptDatabase> FindFormer(Server& server, const UndoneRun& wanted) {
  ASSIGN_OR_RETURN(const auto all, server.ListKept());
  std::vector<KeptDatabase> found;
  std::string others, names;
  for (const KeptDatabase& one : all) {
    if (one.role != KeptDatabase::Role::kBefore) continue;
    others += fmt::format("{}{} (of {})", others.empty() ? "" : ", ", one.run, one.of);
    if (one.run != wanted.run || (!wanted.database.empty() && one.of != wanted.database)) continue;
    names += (names.empty() ? "" : ", ") + one.of;
    found.push_back(one);
  }
  if (found.size() == 1) return found.front();
  if (!found.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "run {} has replaced {}: name one of them in the address", wanted.run,
                     names);
  }
  return MakeError(ErrorCode::kNotFound, "the server keeps no former database{} of run {}: {}",
                   wanted.database.empty() ? "" : " " + wanted.database, wanted.run,
                   others.empty() ? "there is none of any run" : "there are those of " + others);
}

}  // namespace

Result<UndoReport> UndoRestore(Server& server, const UndoneRun& undone, const Server::Swapping& how,
                               std::chrono::hours keeps, bool dry_run) {
  ASSIGN_OR_RETURN(const KeptDatabase former, FindFormer(server, undone));
  ASSIGN_OR_RETURN(const std::string live, server.OidOf(former.of));
  if (!live.empty()) {
    // Comments are anybody's who owns a database: one of another owner does not take this one's place.
    ASSIGN_OR_RETURN(const std::string owner,
                     server.connection().Value("SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database "
                                               "WHERE oid = " +
                                               live));
    if (owner != former.owner) {
      return MakeError(
          ErrorCode::kPermission,
          "{} belongs to {}, and {} to {}: make sure that it is what was there before, then rename it by hand",
          former.name, former.owner, former.of, owner);
    }
  }
  KeptDatabase kept{.name = KeptDatabase::NameOf(KeptDatabase::Role::kUndone, former.of, former.run),
                    .run = former.run,
                    .of = former.of,
                    .role = KeptDatabase::Role::kUndone};
  ASSIGN_OR_RETURN(kept.until, server.TimeFromNow(keeps));
  const std::optional<std::string> comment =
      former.comment.empty() ? std::nullopt : std::optional<std::string>(former.comment);
  if (!dry_run) RETURN_IF_ERROR(server.Swap(former.of, live, former.name, comment, kept, how));
  return UndoReport{former.of, live.empty() ? "" : kept.name, live.empty() ? "" : kept.until};
}

Result<CleanUpReport> CleanUpAfterRestores(Server& server, bool dry_run) {
  ASSIGN_OR_RETURN(const auto all, server.ListKept());
  CleanUpReport report;
  for (const KeptDatabase& one : all) {
    const bool is_incomplete = one.role == KeptDatabase::Role::kIncomplete;
    if (is_incomplete ? one.is_in_work : !one.is_expired || one.is_used) {
      report.left.push_back(one);
      continue;
    }
    auto dropped = dry_run ? Result<void>() : server.Drop(one.name, is_incomplete && one.is_marked);
    if (dropped) {
      report.dropped.push_back(one);
    } else if (dropped.error().code() == ErrorCode::kInterrupted) {
      return dropped.error();
    } else {
      report.failed.emplace_back(one, dropped.error());
    }
  }
  return report;
}

}  // namespace cairn::postgres
