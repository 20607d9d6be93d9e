#include "frontends/sqlite/table_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "frontends/sqlite/reference_check.h"
#include "frontends/sqlite/rows_digest.h"
#include "frontends/sqlite/session.h"
#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

constexpr unsigned kSamples = 10;
constexpr unsigned kCacheKib = 32 * 1024;  // of pages: indexes are filled in the order of the rows, not in their own
constexpr unsigned kRoundsMax = 1000;      // of a merge: as deep as rows refer to rows

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

}  // namespace

Result<TableRestorePlan> TableRestore::Plan() {
  RETURN_IF_ERROR(Attach());
  const Session session = database_.session();
  TablePlanner planner(session, options_);
  RETURN_IF_ERROR(planner.Look());
  plan_ = std::move(planner.plan);
  work_ = std::move(planner.work);
  return plan_;
}

// Its own journal would lie where no other program may see it, and be deleted by nobody: it needs none.
Result<void> TableRestore::Attach() {
  const Session session = database_.session();
  auto attached = session.Rows(fmt::format("ATTACH ?1 AS {}", kStaged), {options_.staged});
  if (!attached && attached.error().message().find("text encoding") != std::string::npos) {
    return MakeError(
        ErrorCode::kUnsupported,
        "the text encoding of {} is another than the snapshot's, and SQLite brings no rows from one to the "
        "other: restore the whole database into a new file (--sqlite NEW), and take them from there",
        Shown(session.path));
  }
  RETURN_IF_ERROR(attached);
  // Nothing of what the databases say is run but what a table needs for its rows.
  RETURN_IF_ERROR(session.Run(
      fmt::format("PRAGMA {0}.journal_mode = MEMORY; PRAGMA {0}.synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA "
                  "trusted_schema = OFF; PRAGMA ignore_check_constraints = OFF; PRAGMA main.cache_size = -{1}",
                  kStaged, kCacheKib)));
  int fires = 1;
  const int code = sqlite3_db_config(session.connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, &fires);
  if (code == SQLITE_OK && fires == 0) return {};
  return Error(ErrorCode::kUnsupported, "this SQLite library cannot keep triggers from firing");
}

Result<std::vector<TableReport>> TableRestore::Run() {
  if (!plan_.problems.empty()) return Error(ErrorCode::kInvalidArgument, plan_.problems.front());
  const Session session = database_.session();
  const std::stop_callback interrupts(context_.stop, [&] { sqlite3_interrupt(session.connection); });
  ASSIGN_OR_RETURN(const int64_t version, session.Number("PRAGMA main.schema_version"));
  if (version != work_.schema_version) {
    return MakeError(ErrorCode::kBusy,
                     "{}: another program has changed its tables' definitions meanwhile: run it again",
                     Shown(session.path));
  }
  context_.progress.SetPhase("looking at what refers to the tables");
  ReferenceCheck references(session, work_.live, work_.there, work_.staged, options_.is_part);
  RETURN_IF_ERROR(references.LookBefore());
  if (options_.merges) RETURN_IF_ERROR(CheckTables(/*are_changed=*/false));
  context_.progress.SetPhase("changing the tables");
  RETURN_IF_ERROR(MakeTables());
  std::vector<TableReport> reports;
  if (options_.brings_rows) {
    ASSIGN_OR_RETURN(reports, options_.merges ? Merge() : Replace());
    for (const auto& [name, table] : work_.staged) RETURN_IF_ERROR(RaiseSequence(table).While(Shown(table.live->name)));
  }
  RETURN_IF_ERROR(MakeOthers());
  RETURN_IF_ERROR(RebuildIndexesOfText());
  context_.progress.SetPhase("verifying the tables");
  RETURN_IF_ERROR(references.NeedWhole(/*are_replaced=*/!options_.merges));
  RETURN_IF_ERROR(CheckTables(/*are_changed=*/true));
  RETURN_IF_ERROR(VerifySchema());
  // By which the state is told from the one before, whatever becomes of the commit. Programs that have it open read the
  // schema again, and go on.
  ASSIGN_OR_RETURN(const int64_t made, session.Number("PRAGMA main.schema_version"));
  RETURN_IF_ERROR(session.Run(fmt::format("PRAGMA main.schema_version = {}", made + 1)));
  return reports;
}

Result<void> TableRestore::MakeTables() {
  for (const Definition& one : work_.tables_to_make) {
    RETURN_IF_ERROR(database_.session().Run(one.sql).While("making " + Shown(one.name)));
  }
  return {};
}

// Indexes are filled once the rows are there; triggers would be made last anyway, for those of views need the views.
Result<void> TableRestore::MakeOthers() {
  for (const char* type : {"index", "view", "trigger"}) {
    for (const Definition& one : work_.others_to_make) {
      if (one.type != type) continue;
      RETURN_IF_ERROR(database_.session().Run(one.sql).While("making " + Shown(one.name)));
    }
  }
  return {};
}

Result<uint64_t> TableRestore::CountRows(const std::string& table) const {
  ASSIGN_OR_RETURN(const int64_t rows, database_.session().Number("SELECT count(*) FROM main." + QuoteName(table)));
  return static_cast<uint64_t>(rows);
}

const TablePlan& TableRestore::PlanOf(const StagedTable& table) const {
  const auto found = std::ranges::find(plan_.tables, table.staged->name, &TablePlan::name);
  CHECK(found != plan_.tables.end());
  return *found;
}

Result<std::vector<TableReport>> TableRestore::Replace() {
  const Session session = database_.session();
  std::vector<TableReport> reports;
  for (const auto& [folded, table] : work_.staged) {
    const std::string& name = table.live->name;
    const TablePlan& plan = PlanOf(table);
    context_.progress.SetCurrent(Shown(name));
    RETURN_IF_ERROR(session.Change("DELETE FROM main." + QuoteName(name)).While(Shown(name)));
    ASSIGN_OR_RETURN(const uint64_t inserted,
                     session.Change(MergeStatement(work_.staged, work_.live, table).InsertAll()).While(Shown(name)));
    if (inserted != plan.rows) {
      return MakeError(ErrorCode::kIo, "{}: of {} rows {} were taken", Shown(name), plan.rows, inserted);
    }
    if (options_.verifies) RETURN_IF_ERROR(VerifyReplaced(table));
    reports.push_back(
        {.name = name, .is_made = plan.action == TablePlan::Action::kMake, .rows = plan.rows, .inserted = inserted});
  }
  return reports;
}

Result<void> TableRestore::VerifyReplaced(const StagedTable& table) {
  const MergeStatement statement(work_.staged, work_.live, table);
  const std::string name = Shown(table.live->name);
  ASSIGN_OR_RETURN(const RowsDigest there, DigestRows(database_.session(), statement.SelectStaged()).While(name));
  ASSIGN_OR_RETURN(const RowsDigest here, DigestRows(database_.session(), statement.SelectLive()).While(name));
  if (here == there) return {};
  return MakeError(ErrorCode::kIo, "{}: its rows, read again, are not what the snapshot has ({} rows, and {} there)",
                   name, here.rows, there.rows);
}

// A key that is given must tell rows apart, or rows would hang on another's.
Result<void> TableRestore::NeedDistinctKeys() {
  for (const auto& [name, table] : work_.staged) {
    for (const bool in_staged : {true, false}) {
      if (!table.has_own_key) continue;
      ASSIGN_OR_RETURN(
          const auto shared,
          database_.session().Rows(MergeStatement(work_.staged, work_.live, table).FindSharedKey(in_staged)));
      if (shared.empty()) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: several rows {} have the key {}: give one that tells rows apart", Shown(table.live->name),
                       in_staged ? "of the snapshot" : "of the table", Shown(shared.front().front().value_or("")));
    }
  }
  return {};
}

// Of keys that are given, for which there may be none. They go again before it is committed.
Result<void> TableRestore::MakeKeyIndexes() {
  for (const auto& [folded, table] : work_.staged) {
    if (!table.has_own_key) continue;
    std::string name = fmt::format("cairn_key_{}", key_indexes_.size());
    while (work_.live.FindDefinition(name) != nullptr) name += "_";
    RETURN_IF_ERROR(database_.session().Run(MergeStatement(work_.staged, work_.live, table).MakeKeyIndex(name)));
    key_indexes_.push_back(std::move(name));
  }
  return {};
}

Result<void> TableRestore::DropKeyIndexes() {
  for (const std::string& name : key_indexes_) {
    RETURN_IF_ERROR(database_.session().Run("DROP INDEX main." + QuoteName(name)));
  }
  return {};
}

// What can be counted only before rows come.
Result<TableReport> TableRestore::BeginMerge(const StagedTable& table) {
  const MergeStatement merge(work_.staged, work_.live, table);
  TableReport report{.name = table.live->name,
                     .is_made = PlanOf(table).action == TablePlan::Action::kMake,
                     .rows = PlanOf(table).rows};
  ASSIGN_OR_RETURN(const int64_t without_key, database_.session().Number(merge.CountWithoutKey()));
  ASSIGN_OR_RETURN(const int64_t present, database_.session().Number(merge.CountPresent()));
  report.without_key = static_cast<uint64_t>(without_key);
  report.present = static_cast<uint64_t>(present);
  return report;
}

Result<uint64_t> TableRestore::MergeRound(const StagedTable& table, TableReport& report) {
  const Session session = database_.session();
  const MergeStatement merge(work_.staged, work_.live, table);
  context_.progress.SetCurrent(Shown(report.name));
  ASSIGN_OR_RETURN(const uint64_t came, session.Change(merge.InsertMissing()).While(Shown(report.name)));
  uint64_t renumbered = 0;
  if (const auto statement = merge.InsertRenumbered()) {
    ASSIGN_OR_RETURN(renumbered, session.Change(*statement).While(Shown(report.name)));
  }
  report.inserted += came + renumbered;
  report.renumbered += renumbered;
  return came + renumbered;
}

Result<std::vector<TableReport>> TableRestore::Merge() {
  RETURN_IF_ERROR(NeedDistinctKeys());
  RETURN_IF_ERROR(MakeKeyIndexes());
  std::map<std::string, TableReport> reports;
  std::map<std::string, uint64_t> before;
  for (const auto& [folded, table] : work_.staged) {
    ASSIGN_OR_RETURN(before[folded], CountRows(table.live->name));
    ASSIGN_OR_RETURN(reports[folded], BeginMerge(table));
  }
  for (unsigned round = 0;; ++round) {
    uint64_t inserted = 0;
    for (const auto& [folded, table] : work_.staged) {
      ASSIGN_OR_RETURN(const uint64_t came, MergeRound(table, reports.at(folded)));
      inserted += came;
    }
    if (inserted == 0) break;
    if (round == kRoundsMax) {
      return MakeError(ErrorCode::kInvalidArgument, "rows refer to rows more than {} deep: replace them instead",
                       kRoundsMax);
    }
  }
  std::vector<TableReport> all;
  for (const auto& [folded, table] : work_.staged) {
    TableReport& report = reports.at(folded);
    RETURN_IF_ERROR(CountLeftOut(table, report));
    ASSIGN_OR_RETURN(const uint64_t now, CountRows(report.name));
    if (now - before[folded] != report.inserted) {
      return MakeError(ErrorCode::kIo, "{}: {} rows were inserted, and {} have come", Shown(report.name),
                       report.inserted, now - before[folded]);
    }
    all.push_back(std::move(report));
  }
  // Of another type here two keys may have become one.
  RETURN_IF_ERROR(NeedDistinctKeys());
  RETURN_IF_ERROR(DropKeyIndexes());
  return all;
}

Result<void> TableRestore::CountLeftOut(const StagedTable& table, TableReport& report) {
  const MergeStatement merge(work_.staged, work_.live, table);
  ASSIGN_OR_RETURN(const int64_t orphans, database_.session().Number(merge.CountOrphans()));
  report.orphans = static_cast<uint64_t>(orphans);
  const uint64_t known = report.inserted + report.present + report.without_key + report.orphans;
  report.conflicts = report.rows > known ? report.rows - known : 0;
  if (report.orphans + report.conflicts == 0) return {};
  ASSIGN_OR_RETURN(const auto samples, database_.session().Rows(merge.SampleLeftOut(kSamples)));
  for (const auto& row : samples) report.left_out.push_back(row.front().value_or(""));
  return {};
}

// To what it was when it was backed up, too: numbers may have been given out that no row has any more.
Result<void> TableRestore::RaiseSequence(const StagedTable& table) {
  if (!table.live->is_autoincrement) return {};
  const std::string& name = table.live->name;
  std::string top =
      fmt::format("SELECT max({}) AS seq FROM main.{}", QuoteName(*table.live->rowid_column), QuoteName(name));
  if (work_.there.has_sequences) {
    top += fmt::format(" UNION ALL SELECT seq FROM {}.sqlite_sequence WHERE name = {} COLLATE NOCASE", kStaged,
                       QuoteText(table.staged->name));
  }
  const Session session = database_.session();
  RETURN_IF_ERROR(session.Run(fmt::format(
      "INSERT INTO main.sqlite_sequence (name, seq) SELECT {0}, 0 WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence "
      "WHERE name = {0})",
      QuoteText(name))));
  return session.Run(fmt::format(
      "UPDATE main.sqlite_sequence SET seq = max(seq, ifnull((SELECT max(seq) FROM ({})), 0)) WHERE name = {}", top,
      QuoteText(name)));
}

Result<void> TableRestore::RebuildIndexesOfText() {
  const Session session = database_.session();
  for (const std::string& name : work_.text_indexes) {
    context_.progress.SetCurrent(Shown(name));
    for (const char* command : {"rebuild", "integrity-check"}) {
      RETURN_IF_ERROR(
          session.Run(fmt::format("INSERT INTO main.{0} ({0}) VALUES ({1})", QuoteName(name), QuoteText(command)))
              .While("the full text index " + Shown(name)));
    }
  }
  return {};
}

// Constraints of columns are not looked at: what is brought was taken under them, and what was there is not ours.
Result<void> TableRestore::CheckTables(bool are_changed) {
  if (!options_.verifies) return {};
  const Session session = database_.session();
  RETURN_IF_ERROR(session.Run("PRAGMA ignore_check_constraints = ON"));
  for (const auto& [folded, table] : work_.staged) {
    const bool is_there = are_changed || work_.live.Find(folded) != nullptr;
    if (!is_there || table.live->kind != Table::Kind::kTable) continue;
    const std::string name = Shown(table.live->name);
    context_.progress.SetCurrent(name);
    ASSIGN_OR_RETURN(
        const auto rows,
        session.Rows(fmt::format("PRAGMA main.integrity_check({})", QuoteText(table.live->name))).While(name));
    const std::string said = rows.empty() ? "nothing" : rows.front().front().value_or("");
    if (said == "ok") continue;
    return MakeError(ErrorCode::kIo, "{}: SQLite finds it damaged{}: {}; --no-verify leaves this check out", name,
                     are_changed ? " now that it is changed" : " as it is", Shown(said));
  }
  return session.Run("PRAGMA ignore_check_constraints = OFF");
}

// What was there is there, to the byte, and what was to be made.
Result<void> TableRestore::VerifySchema() {
  ASSIGN_OR_RETURN(const Schema now, ReadSchema(database_.session(), "main"));
  std::set<std::string> wanted;
  const auto line = [](const Definition& one) {
    return one.type + '\0' + one.name + '\0' + one.table + '\0' + one.sql;
  };
  for (const auto* list : {&work_.live.definitions, &work_.tables_to_make, &work_.others_to_make}) {
    for (const Definition& one : *list) wanted.insert(line(one));
  }
  std::set<std::string> found;
  for (const Definition& one : now.definitions) {
    const Table* table = now.Find(one.name);
    const bool is_shadow = table != nullptr && table->kind == Table::Kind::kShadow;
    if (!is_shadow || work_.live.FindDefinition(one.name) != nullptr) found.insert(line(one));
  }
  if (found == wanted) return {};
  return Error(ErrorCode::kIo, "the definitions of the database, read again, are not what they have to be");
}

}  // namespace cairn::sqlite
