#include "frontends/postgres/missing_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontends/postgres/default_privileges.h"
#include "frontends/postgres/definition_script.h"
#include "frontends/postgres/live_names.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/possible_settings.h"
#include "frontends/postgres/row_loader.h"

namespace cairn::postgres {
namespace {

constexpr std::chrono::hours kStatementPatience{24};  // for an index: the network is watched apart

const Definition* TableOf(const Definitions& definitions, const Definition& key) {
  for (const int id : key.needs) {
    const Definition* need = definitions.Find(id);
    const bool is_its =
        need != nullptr && IsRelation(*need) && need->schema == key.schema && key.name.starts_with(need->name + " ");
    if (is_its) return need;
  }
  return nullptr;
}

}  // namespace

Result<void> MissingTables::Plan(Connection& connection, const LiveTables& live, const std::set<TableName>& names,
                                 std::vector<std::string>& problems, std::vector<std::string>& notes) {
  const bool any = std::ranges::any_of(names, [&](const TableName& name) { return !live.tables.contains(name); });
  if (!any) return {};
  ASSIGN_OR_RETURN(archive_, dump_.Read(kSchemaFile));
  ASSIGN_OR_RETURN(definitions_, Definitions::Parse(archive_));
  Choose(live, names);
  ChooseForeignKeys(live, notes);
  RETURN_IF_ERROR(LookAtNeeds(connection, problems, notes));
  LookAtReaders(notes);
  return {};
}

void MissingTables::Choose(const LiveTables& live, const std::set<TableName>& names) {
  std::set<TableName> wanted = names;
  for (const TableName& name : names) {
    if (live.tables.contains(name)) continue;
    for (const TableName& one : definitions_.PartitionsOf(name)) wanted.insert(one);
  }
  std::set<int> roots;
  for (const TableName& name : wanted) {
    const Definition* table = definitions_.FindTable(name);
    if (table == nullptr || live.tables.contains(name)) continue;
    roots.insert(table->id);
    const auto described = std::ranges::find(description_.tables, name, &TableDescription::name);
    const bool has_rows = options_.with_rows && described != description_.tables.end();
    tables_.push_back({name, has_rows ? described->rows.value_or(0) : 0});
  }
  ids_ = definitions_.WithTheirs(roots);
}

bool MissingTables::IsMade(const TableName& name) const {
  return std::ranges::find(tables_, name, &MissingTable::name) != tables_.end();
}

void MissingTables::ChooseForeignKeys(const LiveTables& live, std::vector<std::string>& notes) {
  std::set<int> without;
  for (const int id : ids_) {
    const Definition& one = *definitions_.Find(id);
    const auto parent = one.kind == "FK CONSTRAINT" ? ReferencedTable(one.create) : std::nullopt;
    if (!parent || IsMade(*parent)) continue;
    if (live.tables.contains(*parent)) {
      neighbours_.insert(*parent);
      continue;
    }
    without.insert(id);
    notes.push_back(fmt::format("the foreign key {}.{} is left out, for there is no table {}", one.schema, one.name,
                                parent->ForPeople()));
  }
  for (const int id : definitions_.WithTheirs(without)) ids_.erase(id);
  std::set<int> others;
  for (const MissingTable& table : tables_) {
    for (const Definition* key : definitions_.ForeignKeysTo(table.name)) {
      if (ids_.contains(key->id) || without.contains(key->id)) continue;
      const Definition* from = TableOf(definitions_, *key);
      if (from == nullptr || !live.tables.contains({from->schema, from->name})) {
        notes.push_back(fmt::format("the foreign key {}.{} to {} is left out, for its own table is not there",
                                    key->schema, key->name, table.name.ForPeople()));
        continue;
      }
      others.insert(key->id);
      neighbours_.insert({from->schema, from->name});
    }
  }
  for (const int id : definitions_.WithTheirs(others)) ids_.insert(id);
}

// Whatever is of a kind that is not looked for, the server says, before any row is loaded.
Result<void> MissingTables::LookAtNeeds(Connection& connection, std::vector<std::string>& problems,
                                        std::vector<std::string>& notes) {
  ASSIGN_OR_RETURN(const auto impossible, ImpossibleTablespaces(connection, definitions_.TablespacesOf(ids_)));
  with_tablespaces_ = impossible.empty();
  for (const std::string& one : impossible) {
    notes.push_back(
        fmt::format("the server has no tablespace {} for this role: all is made in the database's own", one));
  }
  ASSIGN_OR_RETURN(const LiveNames names, LiveNames::Read(connection));
  for (const int id : definitions_.NeedsOf(ids_)) {
    const Definition& need = *definitions_.Find(id);
    const TableName name{need.schema, need.name};
    if (names.Has(need).value_or(true)) {
      if (need.kind == "TABLE") neighbours_.insert(name);
      continue;
    }
    problems.push_back(fmt::format(
        "what is to be made needs the {}, and {} has none: {}, or restore the whole database under another name "
        "(--as NAME), and take it from there",
        need.ForPeople(), connection.database(),
        IsRelation(need) && need.kind != "VIEW" ? "choose it too (--table)" : "make it there first"));
  }
  for (const int id : ids_) {
    const Definition& one = *definitions_.Find(id);
    if ((!IsRelation(one) && one.kind != "SEQUENCE" && one.kind != "INDEX") || !names.Has(one).value_or(false))
      continue;
    problems.push_back(fmt::format("the {} is to be made, and {} has something of this name already: rename that",
                                   one.ForPeople(), connection.database()));
  }
  if (!options_.with_owners) return {};
  ASSIGN_OR_RETURN(const auto of_roles, ProblemsOfRoles(connection, GranteesOf(definitions_, ids_, description_.roles),
                                                        OwnersOf(definitions_, ids_)));
  problems.insert(problems.end(), of_roles.begin(), of_roles.end());
  return {};
}

// They went with it, and are not asked for.
void MissingTables::LookAtReaders(std::vector<std::string>& notes) const {
  for (const Definition& one : definitions_.all()) {
    const bool is_view = one.kind == "VIEW" || one.kind == "MATERIALIZED VIEW";
    const bool reads = std::ranges::any_of(one.needs, [&](int id) { return ids_.contains(id); });
    if (!is_view || !reads || ids_.contains(one.id)) continue;
    notes.push_back(fmt::format("the {} reads what is made, and is not made with it", one.ForPeople()));
  }
}

// To a table that is there a partition is attached with its rows and indexes: before, that one's triggers would fire
// for them, and its indexes be made under their names.
std::set<int> MissingTables::AttachedToWhatIsThere() const {
  std::set<int> attached;
  for (const int id : ids_) {
    const Definition& one = *definitions_.Find(id);
    const bool is_all_made = std::ranges::all_of(one.needs, [&](int need) { return ids_.contains(need); });
    if (one.kind == "TABLE ATTACH" && !is_all_made) attached.insert(id);
  }
  return attached;
}

// With what makes them valid: an index of a partition's partition belongs to one of the partition.
std::set<int> MissingTables::IndexesBefore(const std::set<int>& attached) const {
  std::set<TableName> partitions;
  for (const int id : attached) partitions.insert({definitions_.Find(id)->schema, definitions_.Find(id)->name});
  const auto is_index = [](const Definition& one) { return one.kind == "INDEX" || one.kind == "CONSTRAINT"; };
  std::set<int> indexes;
  for (const int id : ids_) {
    const Definition& one = *definitions_.Find(id);
    const Definition* owner = definitions_.OwnerOf(one);
    // pg_restore takes a comment to be of the section of what stands before it.
    const bool is_comment = one.kind == "COMMENT" && owner != nullptr && is_index(*owner);
    if (is_index(one) || is_comment) indexes.insert(id);
    const Definition* index = one.kind == "INDEX ATTACH" ? owner : nullptr;
    const Definition* table = index != nullptr ? definitions_.OwnerOf(*index) : nullptr;
    if (table != nullptr && !partitions.contains({table->schema, table->name})) indexes.insert(id);
  }
  return indexes;
}

Result<void> MissingTables::Prepare() {
  if (is_empty()) return {};
  ASSIGN_OR_RETURN(const ClientProgram program, FindClientProgram("pg_restore", description_.dumped_by, waiter_));
  ASSIGN_OR_RETURN(const stream::OwnedFd archive, TextInMemory(archive_, kSchemaFile));
  const auto script = [&](const char* section, const std::set<int>& ids) {
    return DefinitionScript(archive,
                            {.pg_restore = program,
                             .section = section,
                             .with_owners = options_.with_owners,
                             .with_tablespaces = with_tablespaces_,
                             .entries = definitions_.ListOf(ids)},
                            waiter_);
  };
  const std::set<int> attached = AttachedToWhatIsThere();
  std::set<int> rest = ids_;
  for (const int id : attached) rest.erase(id);
  ASSIGN_OR_RETURN(before_rows_, script("pre-data", rest));
  if (!attached.empty()) {
    const std::set<int> indexes = IndexesBefore(attached);
    for (const int id : indexes) rest.erase(id);
    ASSIGN_OR_RETURN(const std::string of_indexes, script("post-data", indexes));
    ASSIGN_OR_RETURN(const std::string of_partitions, script("pre-data", attached));
    attaching_ = {of_indexes, of_partitions};
  }
  ASSIGN_OR_RETURN(after_rows_, script("post-data", rest));
  return {};
}

Result<void> MissingTables::Make(Connection& connection, const std::string& settings) {
  if (is_empty()) return {};
  context_.progress.SetPhase("making the tables that are missing");
  ASSIGN_OR_RETURN(const DefaultPrivileges defaults, DefaultPrivileges::Read(connection));
  for (const std::string& one : defaults.suspend) RETURN_IF_ERROR(connection.Query(one));
  RETURN_IF_ERROR(connection.Query(before_rows_, kStatementPatience).While("making the tables that are missing"));
  for (const std::string& one : defaults.resume) RETURN_IF_ERROR(connection.Query(one));
  RETURN_IF_ERROR(connection.Query(settings));
  if (!options_.with_rows) return {};
  RowLoader loader(connection, dump_, context_.progress);
  for (const MissingTable& one : tables_) {
    const auto table = std::ranges::find(description_.tables, one.name, &TableDescription::name);
    if (table == description_.tables.end() || table->file.empty()) continue;
    context_.progress.SetCurrent(one.name.ForPeople());
    ASSIGN_OR_RETURN(const CopiedRows loaded, loader.Load(*table, true).While(one.name.ForPeople()));
    if (options_.verifies) RETURN_IF_ERROR(loader.Verify(*table, loaded).While(one.name.ForPeople()));
  }
  return {};
}

Result<void> MissingTables::Attach(Connection& connection, const std::string& settings) {
  for (const std::string& statements : std::exchange(attaching_, {})) {
    RETURN_IF_ERROR(connection.Query(statements, kStatementPatience).While("attaching partitions"));
    RETURN_IF_ERROR(connection.Query(settings));
  }
  return {};
}

Result<void> MissingTables::Finish(Connection& connection, const std::string& settings) {
  if (is_empty()) return {};
  context_.progress.SetPhase("making indexes and constraints");
  RETURN_IF_ERROR(Attach(connection, settings));
  RETURN_IF_ERROR(connection.Query(after_rows_, kStatementPatience).While("making indexes and constraints"));
  RETURN_IF_ERROR(connection.Query(settings));
  if (!options_.with_rows) return {};
  for (const MissingTable& one : tables_) {
    const bool is_here = definitions_.FindTable(one.name)->kind != "FOREIGN TABLE";
    if (is_here) RETURN_IF_ERROR(connection.Query("ANALYZE " + one.name.Quoted(), kStatementPatience));
  }
  for (const SequenceDescription& sequence : description_.sequences) {
    const bool is_made = std::ranges::any_of(ids_, [&](int id) {
      const Definition& one = *definitions_.Find(id);
      return one.kind == "SEQUENCE" && one.schema == sequence.name.schema && one.name == sequence.name.name;
    });
    if (is_made) RETURN_IF_ERROR(connection.Query(SequenceStatement(sequence)).While(sequence.name.ForPeople()));
  }
  return {};
}

}  // namespace cairn::postgres
