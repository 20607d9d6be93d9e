#include "frontends/postgres/table_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "frontends/postgres/kept_database.h"
#include "frontends/postgres/key_triggers.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/row_loader.h"
#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr std::chrono::hours kStatementPatience{24};  // rows of a large table: the network is watched apart
constexpr unsigned kSamples = 10;
constexpr unsigned kRoundsMax = 1000;  // of a merge: as deep as rows refer to rows

Result<uint64_t> NumberOf(Connection& connection, const std::string& statement) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(statement, kStatementPatience));
  return rows.size() > 0 ? static_cast<uint64_t>(rows.Number(0, 0)) : 0;
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

// --- the plan ---

Result<TableRestorePlan> TableRestore::Plan() {
  ASSIGN_OR_RETURN(description_, dump_.Description());
  ASSIGN_OR_RETURN(connection_, Connection::Open(options_.address, waiter_));
  ASSIGN_OR_RETURN(live_, ReadLiveTables(*connection_));
  TableRestorePlan plan;
  plan.run = NewRun(context_.random);
  plan.database = connection_->database();
  plan.server = connection_->server_text("server_version");
  std::vector<TableListing> in_dump;
  for (const TableDescription& table : description_.tables) in_dump.push_back({.table = table});
  RETURN_IF_ERROR(options_.choice.NeedMatches(in_dump).While("the dump"));
  RETURN_IF_ERROR(LookAtMissing(plan));
  for (const TableDescription& table : description_.tables) {
    if (!options_.choice.Takes(table.name, std::nullopt) || table.file.empty()) continue;
    const bool is_made = std::ranges::find(plan.missing, table.name, &MissingTable::name) != plan.missing.end();
    if (is_made) continue;
    if (options_.with_rows) {
      RETURN_IF_ERROR(LookAtTable(table, plan));
    } else if (live_.tables.contains(table.name)) {
      plan.notes.push_back(table.name.ForPeople() + " is there, and is left as it is");
    }
  }
  LookAtKeys(plan);
  RETURN_IF_ERROR(LookAtKeyTriggers(plan));
  if (plan.tables.empty() && plan.missing.empty() && plan.problems.empty()) {
    plan.problems.emplace_back(options_.with_rows ? "the dump has no rows of the tables chosen"
                                                  : "none of the tables chosen is missing: there is nothing to make");
  }
  plan_ = plan;
  return plan;
}

Result<void> TableRestore::LookAtMissing(TableRestorePlan& plan) {
  if (!options_.makes_missing || !description_.has_schema) return {};
  std::set<TableName> names;
  for (const TableDescription& table : description_.tables) {
    const bool has_what_it_needs = !options_.with_rows || description_.has_rows;
    if (has_what_it_needs && options_.choice.Takes(table.name, std::nullopt)) names.insert(table.name);
  }
  RETURN_IF_ERROR(missing_.Plan(*connection_, live_, names, plan.problems, plan.notes));
  plan.missing = missing_.tables();
  if (missing_.is_empty() || options_.keys.empty()) return {};
  plan.problems.push_back(
      fmt::format("{} is missing: make it first (--table, without --strategy merge), for rows that are merged by --key "
                  "may have other numbers here than those that it refers to",
                  plan.missing.front().name.ForPeople()));
  return {};
}

std::string TableRestore::Settings() const {
  return ReadingSettings(*connection_) +
         fmt::format(" SET LOCAL lock_timeout = '{}ms';",
                     std::max<int64_t>(std::chrono::milliseconds(options_.lock_patience).count(), 1));  // 0 is no limit
}

Result<void> TableRestore::LookAtTable(const TableDescription& table, TableRestorePlan& plan) {
  const auto live = live_.tables.find(table.name);
  if (live == live_.tables.end() || live->second.listing.table.no_rows != NoRows::kHasRows) {
    plan.problems.push_back(
        fmt::format("{} has no table {}{}: {}", plan.database, table.name.ForPeople(),
                    !description_.has_schema ? ", and the dump no definitions" : "",
                    description_.has_schema && !options_.makes_missing
                        ? "leave --data-only away, and it is made"
                        : "restore a whole database under another name (--as NAME), and take the table from there"));
    return {};
  }
  StagedTable staged{.dump = &table, .live = &live->second};
  staged.stage = fmt::format("pg_temp.cairn_stage_{}", staged_.size());
  TablePlan one{.name = table.name, .rows = table.rows.value_or(0)};
  for (const Column& column : table.columns) {
    const Column* here = live->second.Find(column.name);
    if (column.generated) continue;
    if (here == nullptr || here->generated) {
      one.only_in_dump.push_back(column.name);
    } else {
      staged.columns.push_back(column.name);
    }
  }
  for (const Column& column : live->second.listing.table.columns) {
    const bool is_common = std::ranges::find(staged.columns, column.name) != staged.columns.end();
    if (!is_common && !column.generated) one.only_here.push_back(column.name);
  }
  if (staged.columns.empty() && !table.columns.empty()) {
    plan.problems.push_back(
        fmt::format("{}: the dump's table and the one here have no column in common", table.name.ForPeople()));
  }
  if (options_.merges) RETURN_IF_ERROR(ChooseKey(staged, one, plan));
  if (!one.only_in_dump.empty()) {
    plan.notes.push_back(fmt::format("{}: the columns {} of the dump are not here any more, and are left out",
                                     table.name.ForPeople(), Listed(one.only_in_dump)));
  }
  if (!one.only_here.empty()) {
    plan.notes.push_back(fmt::format("{}: the columns {} are not in the dump, and get their defaults",
                                     table.name.ForPeople(), Listed(one.only_here)));
  }
  staged_.emplace(table.name, std::move(staged));
  plan.tables.push_back(std::move(one));
  return {};
}

// Whether a row that a merge brings may get another value there than it has in the dump: it refers to one that is the
// same by a key that was given, or to what does. References may go in a ring: each is followed once.
bool TableRestore::IsNumberedAnew(const TableName& table, const std::string& column, SeenColumns& seen) const {
  if (!seen.emplace(table, column).second) return false;
  return std::ranges::any_of(live_.foreign_keys, [&](const ForeignKey& key) {
    const auto parent = staged_.find(key.parent);
    const bool is_its = key.table == table && std::ranges::find(key.columns, column) != key.columns.end();
    if (!is_its || parent == staged_.end()) return false;
    if (parent->second.has_own_key) return true;
    return std::ranges::any_of(key.parent_columns,
                               [&](const std::string& one) { return IsNumberedAnew(key.parent, one, seen); });
  });
}

// Rows that kept the number would refer to whatever row has it here, and nobody would see.
void TableRestore::LookAtReferences(TableRestorePlan& plan) const {
  if (!options_.merges) return;
  for (const ForeignKey& key : live_.foreign_keys) {
    const auto parent = staged_.find(key.parent);
    if (!staged_.contains(key.table) || parent == staged_.end()) continue;
    const bool has_own_key = parent->second.has_own_key;
    for (const std::string& column : has_own_key ? parent->second.key : key.parent_columns) {
      if (SeenColumns seen; !IsNumberedAnew(key.parent, column, seen)) continue;
      plan.problems.push_back(
          fmt::format("{}: which row of {} its rows refer to by {} cannot be told with the keys given ({} {} becomes "
                      "that of another row): leave it out (--exclude-table), or merge by the primary keys",
                      key.table.ForPeople(), key.parent.ForPeople(), Listed(key.columns),
                      has_own_key ? "its key's" : "its", column));
      break;
    }
  }
}

// A key that is meant for no table, or for two, is a slip that would merge by another key than was meant.
void TableRestore::LookAtKeys(TableRestorePlan& plan) const {
  for (const auto& [given, columns] : options_.keys) {
    const auto count = std::ranges::count_if(
        staged_, [&](const auto& one) { return given == one.first.name || given == one.first.ForPeople(); });
    if (count == 1) continue;
    plan.problems.push_back(fmt::format("--key {}: {} of the tables chosen {} so", given,
                                        count == 0 ? "none" : "more than one",
                                        count == 0 ? "is called" : "are called"));
  }
  LookAtReferences(plan);
}

Result<void> TableRestore::LookAtKeyTriggers(TableRestorePlan& plan) {
  if (options_.merges || connection_->server_text("is_superuser") == "on") return {};
  for (const ForeignKey* key : ForeignKeysAround()) {
    ASSIGN_OR_RETURN(const KeyTriggers triggers, KeyTriggers::Read(*connection_, *key));
    if (triggers.is_empty()) continue;
    plan.problems.push_back(fmt::format(
        "the triggers of the foreign key {} of {} are switched off, and once it was made anew only a superuser can do "
        "that again: take one, or switch them on (ALTER TABLE ... ENABLE TRIGGER ALL)",
        key->name, key->table.ForPeople()));
  }
  return {};
}

Result<void> TableRestore::ChooseKey(StagedTable& staged, TablePlan& plan, TableRestorePlan& all) const {
  const TableName& name = staged.dump->name;
  for (const auto& [table, columns] : options_.keys) {
    if (table != name.name && table != name.ForPeople()) continue;
    staged.key = columns;
    staged.has_own_key = columns != staged.live->listing.table.key;
  }
  if (staged.key.empty()) staged.key = staged.live->listing.table.key;
  if (staged.key.empty()) {
    all.problems.push_back(fmt::format("{} has no primary key: say which rows are the same by --key {}=COLUMN,COLUMN",
                                       name.ForPeople(), name.ForPeople()));
  }
  for (const std::string& column : staged.key) {
    const bool is_common = std::ranges::find(staged.columns, column) != staged.columns.end();
    if (is_common) continue;
    all.problems.push_back(
        fmt::format("{}: the key's column {} is not in both the dump and the table", name.ForPeople(), column));
  }
  plan.key = staged.key;
  return {};
}

// --- the work ---

Result<std::vector<TableReport>> TableRestore::Run(
    const std::function<Result<void>(const std::string& run)>& before_change) {
  CHECK(connection_ != nullptr);
  if (!plan_.problems.empty()) return Error(ErrorCode::kInvalidArgument, Listed(plan_.problems));
  auto done = Work(before_change);
  if (done) return done;
  const int process = connection_->process();
  connection_.reset();  // and the transaction, where it is open
  const ErrorCode code = done.error().code();
  if (is_committing_ && (code == ErrorCode::kIo || code == ErrorCode::kInterrupted || code == ErrorCode::kBusy)) {
    return Error(
        done.error().code(),
        fmt::format("{} (the tables were being changed for good: whether that was done is not known; process {} of "
                    "the server did it)",
                    done.error().message(), process));
  }
  return Error(done.error().code(), fmt::format("{} ({} is as it was)", done.error().message(), plan_.database));
}

Result<std::vector<TableReport>> TableRestore::Work(
    const std::function<Result<void>(const std::string& run)>& before_change) {
  context_.progress.SetPhase("staging rows");
  for (const auto& [name, table] : staged_) RETURN_IF_ERROR(Stage(table).While(name.ForPeople()));
  RETURN_IF_ERROR(missing_.Prepare());
  RETURN_IF_ERROR(LockTables());
  RETURN_IF_ERROR(before_change(plan_.run));
  RETURN_IF_ERROR(missing_.Make(*connection_, Settings()));
  context_.progress.SetPhase("changing the tables");
  RETURN_IF_ERROR(SetTriggers(false));
  ASSIGN_OR_RETURN(auto reports, options_.merges ? Merge() : Replace());
  RETURN_IF_ERROR(missing_.Finish(*connection_, Settings()));
  for (const MissingTable& one : missing_.tables()) {
    reports.push_back({.name = one.name, .rows = one.rows, .inserted = one.rows, .is_made = true});
  }
  RETURN_IF_ERROR(RaiseSequences());
  RETURN_IF_ERROR(SetTriggers(true));
  is_committing_ = true;
  RETURN_IF_ERROR(connection_->Query("COMMIT", kStatementPatience));
  return reports;
}

Result<void> TableRestore::Stage(const StagedTable& table) {
  Connection& connection = *connection_;
  // Made in the transaction that fills it, so that rows lie in the order in which they come.
  RETURN_IF_ERROR(connection.Query("BEGIN; " + ReadingSettings(connection) + " " +
                                   MergeStatement(staged_, live_, table).MakeStage()));
  ASSIGN_OR_RETURN(const CopiedRows copied, CopyRowsIn(connection, "COPY " + table.stage + " FROM STDIN", dump_,
                                                       *table.dump, context_.progress));
  if (options_.verifies) {
    RETURN_IF_ERROR(VerifyCopiedRows(connection, "COPY " + table.stage + " TO STDOUT", copied));
  }
  RETURN_IF_ERROR(connection.Query("COMMIT; ANALYZE " + table.stage, kStatementPatience));
  return {};
}

// Against writers, not against who reads: the safety snapshot does. With the tables whose keys will be checked anew.
Result<void> TableRestore::LockTables() {
  std::set<TableName> wanted;
  for (const auto& [name, table] : staged_) wanted.insert(name);
  if (!options_.merges) {
    for (const ForeignKey* key : ForeignKeysAround()) wanted.insert({key->table, key->parent});
  }
  wanted.insert(missing_.neighbours().begin(), missing_.neighbours().end());
  std::string names;
  for (const TableName& name : wanted) names += (names.empty() ? "ONLY " : ", ONLY ") + name.Quoted();
  auto locked = connection_->Query(
      "BEGIN; " + Settings() + (names.empty() ? "" : " LOCK TABLE " + names + " IN SHARE ROW EXCLUSIVE MODE"),
      options_.lock_patience + Connection::kPatience);
  RETURN_IF_ERROR(std::move(locked).While("locking the tables"));
  // What is there now counts, not what was there when it was planned: staging takes its time.
  ASSIGN_OR_RETURN(LiveTables now, ReadLiveTables(*connection_));
  for (const auto& [name, table] : staged_) {
    const auto found = now.tables.find(name);
    const bool is_same = found != now.tables.end() && found->second.listing.oid == table.live->listing.oid &&
                         found->second.listing.table.ColumnList() == table.live->listing.table.ColumnList() &&
                         found->second.listing.table.key == table.live->listing.table.key;
    if (is_same) continue;
    return MakeError(ErrorCode::kBusy, "the table {} was changed in shape meanwhile: run it again", name.ForPeople());
  }
  live_ = std::move(now);
  for (auto& [name, table] : staged_) table.live = &live_.tables.at(name);
  for (const ForeignKey* key : ForeignKeysAround()) {
    if (options_.merges || (wanted.contains(key->table) && wanted.contains(key->parent))) continue;
    return MakeError(ErrorCode::kBusy, "the foreign key {} of {} was made meanwhile: run it again", key->name,
                     key->table.ForPeople());
  }
  return {};
}

bool TableRestore::IsAround(const TableName& name) const {
  if (staged_.contains(name)) return true;
  return std::ranges::any_of(staged_, [&](const auto& one) { return one.second.live->listing.partition_of == name; });
}

// Those from and to tables that are replaced, also where the partitioned table has them.
std::vector<const ForeignKey*> TableRestore::ForeignKeysAround() const {
  std::vector<const ForeignKey*> keys;
  for (const ForeignKey& key : live_.foreign_keys) {
    if (!key.is_inherited && (IsAround(key.table) || IsAround(key.parent))) keys.push_back(&key);
  }
  return keys;
}

Result<std::vector<TableReport>> TableRestore::Replace() {
  const std::vector<const ForeignKey*> keys = ForeignKeysAround();
  std::vector<KeyTriggers> triggers;  // as many
  for (const ForeignKey* key : keys) {
    ASSIGN_OR_RETURN(KeyTriggers of_key, KeyTriggers::Read(*connection_, *key));
    triggers.push_back(std::move(of_key));
    RETURN_IF_ERROR(
        connection_->Query("ALTER TABLE " + key->table.Quoted() + " DROP CONSTRAINT " + QuoteName(key->name)));
  }
  std::vector<TableReport> reports;
  if (staged_.empty()) return reports;
  std::string names;
  for (const auto& [name, table] : staged_) names += (names.empty() ? "ONLY " : ", ONLY ") + name.Quoted();
  RETURN_IF_ERROR(connection_->Query("TRUNCATE " + names));
  for (const auto& [name, table] : staged_) {
    context_.progress.SetCurrent(name.ForPeople());
    ASSIGN_OR_RETURN(const Rows done,
                     connection_->Query(MergeStatement(staged_, live_, table).InsertAll(), kStatementPatience)
                         .While(name.ForPeople()));
    const uint64_t rows = table.dump->rows.value_or(done.affected());
    if (done.affected() != rows) {
      return MakeError(ErrorCode::kIo, "{}: of {} rows {} were taken", name.ForPeople(), rows, done.affected());
    }
    RETURN_IF_ERROR(VerifyTable(table));
    reports.push_back({.name = name, .rows = rows, .inserted = done.affected()});
  }
  RETURN_IF_ERROR(missing_.Attach(*connection_, Settings()));
  for (size_t i = 0; i < keys.size(); ++i) {
    const ForeignKey* key = keys[i];
    const std::string table = "ALTER TABLE " + key->table.Quoted() + " ADD CONSTRAINT " + QuoteName(key->name) + " ";
    RETURN_IF_ERROR(
        connection_->Query(table + key->definition, kStatementPatience)
            .While(fmt::format("{} refers to {} ({})", key->table.ForPeople(), key->parent.ForPeople(), key->name)));
    RETURN_IF_ERROR(triggers[i].Set(*connection_, *key).While("the triggers of the foreign key " + key->name));
    if (key->comment.empty()) continue;
    RETURN_IF_ERROR(connection_->Query("COMMENT ON CONSTRAINT " + QuoteName(key->name) + " ON " + key->table.Quoted() +
                                       " IS " + QuoteLiteral(key->comment)));
  }
  return reports;
}

Result<void> TableRestore::VerifyTable(const StagedTable& table) {
  const auto statement = MergeStatement(staged_, live_, table).CountDifferences();
  if (!options_.verifies || !statement) return {};
  ASSIGN_OR_RETURN(const uint64_t different, NumberOf(*connection_, *statement));
  if (different == 0) return {};
  return MakeError(ErrorCode::kIo,
                   "{}: {} of its rows are not what the dump has (a rule, or a column's type, changes them)",
                   table.dump->name.ForPeople(), different);
}

// A key that is given must tell rows apart, or rows would hang on another's.
Result<void> TableRestore::NeedDistinctKeys() {
  for (const auto& [name, table] : staged_) {
    for (const bool in_stage : {true, false}) {
      if (!table.has_own_key) continue;
      ASSIGN_OR_RETURN(
          const Rows shared,
          connection_->Query(MergeStatement(staged_, live_, table).FindSharedKey(in_stage), kStatementPatience));
      if (shared.size() == 0) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: several rows {} have the key {}: give one that tells rows apart", name.ForPeople(),
                       in_stage ? "of the dump" : "of the table", shared.String(0, 0));
    }
  }
  return {};
}

Result<std::vector<TableReport>> TableRestore::Merge() {
  RETURN_IF_ERROR(NeedDistinctKeys());
  std::vector<TableReport> reports;
  std::map<TableName, size_t> place;
  for (const auto& [name, table] : staged_) {
    const MergeStatement merge(staged_, live_, table);
    TableReport report{.name = name, .rows = table.dump->rows.value_or(0)};
    ASSIGN_OR_RETURN(report.without_key, NumberOf(*connection_, merge.CountWithoutKey()));
    ASSIGN_OR_RETURN(report.present, NumberOf(*connection_, merge.CountPresent()));
    place[name] = reports.size();
    reports.push_back(std::move(report));
  }
  for (unsigned round = 0;; ++round) {
    uint64_t inserted = 0;
    for (const auto& [name, table] : staged_) {
      context_.progress.SetCurrent(name.ForPeople());
      ASSIGN_OR_RETURN(const Rows done,
                       connection_->Query(MergeStatement(staged_, live_, table).InsertMissing(), kStatementPatience)
                           .While(name.ForPeople()));
      reports[place[name]].inserted += done.affected();
      inserted += done.affected();
    }
    if (inserted == 0) break;
    if (round == kRoundsMax) {
      return MakeError(ErrorCode::kInvalidArgument, "rows refer to rows more than {} deep: replace them instead",
                       kRoundsMax);
    }
  }
  for (const auto& [name, table] : staged_) RETURN_IF_ERROR(CountLeftOut(table, reports[place[name]]));
  return reports;
}

Result<void> TableRestore::CountLeftOut(const StagedTable& table, TableReport& report) {
  const MergeStatement merge(staged_, live_, table);
  ASSIGN_OR_RETURN(report.orphans, NumberOf(*connection_, merge.CountOrphans()));
  const uint64_t known = report.inserted + report.present + report.without_key + report.orphans;
  report.conflicts = report.rows > known ? report.rows - known : 0;
  if (report.orphans + report.conflicts == 0) return {};
  ASSIGN_OR_RETURN(const Rows samples, connection_->Query(merge.SampleLeftOut(kSamples)));
  for (size_t i = 0; i < samples.size(); ++i) report.left_out.push_back(samples.String(i, 0));
  return {};
}

// Each as it was: what fires always, or on a replica, does so again.
Result<void> TableRestore::SetTriggers(bool on) {
  for (const auto& [name, table] : staged_) {
    for (const UserTrigger& trigger : table.live->triggers) {
      const std::string how = !on                      ? "DISABLE"
                              : trigger.enabled == 'A' ? "ENABLE ALWAYS"
                              : trigger.enabled == 'R' ? "ENABLE REPLICA"
                                                       : "ENABLE";
      RETURN_IF_ERROR(connection_->Query("ALTER TABLE " + name.Quoted() + " " + how +
                                         (trigger.is_rule ? " RULE " : " TRIGGER ") + QuoteName(trigger.name)));
    }
  }
  return {};
}

Result<void> TableRestore::RaiseSequences() {
  for (const auto& [name, table] : staged_) {
    const MergeStatement merge(staged_, live_, table);
    ASSIGN_OR_RETURN(const Rows columns, connection_->Query(merge.SerialColumns()));
    for (size_t i = 0; i < columns.size(); ++i) {
      RETURN_IF_ERROR(connection_->Query(merge.RaiseSequence(columns.String(i, 0), columns.String(i, 1))));
    }
  }
  // And to what they were when the dump was made: values may have been given out that no row has any more.
  if (!options_.choice.is_all()) return {};
  for (const SequenceDescription& saved : description_.sequences) {
    RETURN_IF_ERROR(connection_->Query(fmt::format(
        "SELECT pg_catalog.setval({0}, {1}) FROM pg_catalog.pg_sequence d WHERE d.seqrelid = "
        "pg_catalog.to_regclass({0}) AND d.seqincrement > 0 AND {1} BETWEEN d.seqmin AND d.seqmax AND {1} > "
        "COALESCE(pg_catalog.pg_sequence_last_value(d.seqrelid), d.seqmin)",
        QuoteLiteral(saved.name.Quoted()), saved.last_value)));
  }
  return {};
}

}  // namespace cairn::postgres
