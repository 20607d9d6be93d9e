#include "frontends/postgres/shared_snapshot.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

namespace cairn::postgres {
namespace {

constexpr unsigned kTriesMax = 10;           // until the list of tables is the same before and after the lock
constexpr std::chrono::seconds kLockTry{5};  // a wait for a lock holds up others who want the table
constexpr std::chrono::milliseconds kSecondLockTry{500};  // the leader has the table locked: somebody waits for it
constexpr std::chrono::milliseconds kPause{500};
constexpr size_t kNamedMax = 10;

bool Matches(const std::string& pattern, const TableName& name) {
  const std::string whole = name.schema + "." + name.name;
  if (::fnmatch(pattern.c_str(), whole.c_str(), 0) == 0) return true;
  return ::fnmatch(pattern.c_str(), name.name.c_str(), 0) == 0;
}

bool MatchesAny(const std::vector<std::string>& patterns, const TableName& name,
                const std::optional<TableName>& partition_of) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return Matches(pattern, name) || (partition_of && Matches(pattern, *partition_of));
  });
}

bool HasRows(const TableListing& table) { return table.table.no_rows == NoRows::kHasRows; }

std::string Named(const std::vector<TableListing>& tables, bool (*which)(const TableListing&)) {
  std::string names;
  size_t count = 0;
  for (const TableListing& table : tables) {
    if (!which(table)) continue;
    if (++count <= kNamedMax) names += (names.empty() ? "" : ", ") + table.table.name.ForPeople();
  }
  if (count > kNamedMax) names += " and " + std::to_string(count - kNamedMax) + " more";
  return names;
}

Result<void> NeedRights(const std::vector<TableListing>& tables, const Connection& connection) {
  const std::string closed = Named(tables, [](const TableListing& one) { return HasRows(one) && !one.may_read; });
  if (!closed.empty()) {
    return MakeError(ErrorCode::kPermission,
                     "{}: role {} may not read {}: grant it SELECT (or pg_read_all_data), or leave them out by "
                     "--exclude-table",
                     connection.database(), connection.user(), closed);
  }
  const std::string hidden = Named(tables, [](const TableListing& one) { return HasRows(one) && one.hides_rows; });
  if (!hidden.empty()) {
    return MakeError(ErrorCode::kPermission,
                     "{}: policies hide rows of {} from role {}: take a role with BYPASSRLS, or leave them out by "
                     "--exclude-table",
                     connection.database(), hidden, connection.user());
  }
  return {};
}

std::vector<TableListing> Chosen(std::vector<TableListing> tables, const TableChoice& choice) {
  std::erase_if(tables, [&](const TableListing& one) { return !choice.Takes(one.table.name, one.partition_of); });
  return tables;
}

bool IsSame(const std::vector<TableListing>& a, const std::vector<TableListing>& b) {
  return std::ranges::equal(a, b, [](const TableListing& x, const TableListing& y) {
    return x.oid == y.oid && x.table.name == y.table.name && x.table.ColumnList() == y.table.ColumnList();
  });
}

}  // namespace

bool TableChoice::Takes(const TableName& name, const std::optional<TableName>& partition_of) const {
  if (!names.empty() && std::ranges::find(names, name) == names.end()) return false;
  if (!chosen.empty() && !MatchesAny(chosen, name, partition_of)) return false;
  return !MatchesAny(excluded, name, partition_of);
}

Result<void> TableChoice::NeedMatches(const std::vector<TableListing>& tables) const {
  for (const std::string& pattern : chosen) {
    const bool any = std::ranges::any_of(tables, [&](const TableListing& one) {
      return Matches(pattern, one.table.name) || (one.partition_of && Matches(pattern, *one.partition_of));
    });
    if (!any) return MakeError(ErrorCode::kNotFound, "no table is called {}", pattern);
  }
  return {};
}

std::string ReadingSettings(const Connection& connection) {
  std::string text =
      "SET LOCAL search_path = ''; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'; "
      "SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; "
      "SET LOCAL lc_monetary = 'C'; SET LOCAL xmloption = 'content'; SET LOCAL synchronize_seqscans = off; "
      "SET LOCAL row_security = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = 0; "
      "SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;";
  if (connection.server_version() >= 170000) text += " SET LOCAL transaction_timeout = 0;";
  // Without an encoding of its own the server has bytes, and would refuse those that are no UTF-8.
  if (connection.server_text("server_encoding") == "SQL_ASCII") text += " SET LOCAL client_encoding = 'SQL_ASCII';";
  return text;
}

SharedSnapshot::Loan::~Loan() {
  if (connection_ == nullptr) return;
  {
    const std::lock_guard lock(all_->mutex_);
    (leader_ ? all_->leader_ : all_->others_).push_back(std::move(connection_));
  }
  all_->returned_.notify_all();
}

Result<std::unique_ptr<SharedSnapshot>> SharedSnapshot::Open(const Options& options, const stream::Waiter& waiter,
                                                             const Clock& clock, std::stop_token stop) {
  std::unique_ptr<SharedSnapshot> all(new SharedSnapshot(waiter, clock, std::move(stop)));
  RETURN_IF_ERROR(all->Lock(options));
  for (unsigned i = 0; options.needs_rows && i < std::max(options.sessions, 1u); ++i) {
    ASSIGN_OR_RETURN(auto other, Connection::Open(options.address, waiter));
    RETURN_IF_ERROR(other->Query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT " +
                                 QuoteLiteral(all->id_) + "; " + ReadingSettings(*other)));
    all->others_.push_back(std::move(other));
  }
  return all;
}

Result<void> SharedSnapshot::Lock(const Options& options) {
  ASSIGN_OR_RETURN(auto leader, Connection::Open(options.address, waiter_));
  const auto end = clock_.Steady() + options.lock_patience;
  for (unsigned tries = 0; tries < kTriesMax;) {
    auto locked = TryLock(*leader, options);
    if (locked && *locked) {
      leader_.push_back(std::move(leader));
      return {};
    }
    const bool is_locked_out = !locked && locked.error().code() == ErrorCode::kBusy;
    if (!locked && !is_locked_out) return locked.error();
    RETURN_IF_ERROR(leader->Query("ROLLBACK"));
    if (!is_locked_out) {
      ++tries;
      continue;
    }
    if (clock_.Steady() >= end) {
      ASSIGN_OR_RETURN(const std::string who, WhoLocks(*leader));
      return MakeError(ErrorCode::kBusy, "{}: tables are locked, for longer than {} s (--lock-wait): {}",
                       leader->database(), options.lock_patience.count(), who.empty() ? locked.error().message() : who);
    }
    if (!clock_.Sleep(kPause, stop_)) return Error(ErrorCode::kInterrupted, "interrupted");
  }
  return MakeError(ErrorCode::kBusy, "{}: tables are made and dropped all the time: run it again", leader->database());
}

// False: tables have come or gone meanwhile.
Result<bool> SharedSnapshot::TryLock(Connection& leader, const Options& options) {
  ASSIGN_OR_RETURN(auto listed, ListTables(leader));
  RETURN_IF_ERROR(options.choice.NeedMatches(listed).While(leader.database()));
  const std::vector<TableListing> before = Chosen(std::move(listed), options.choice);
  if (options.needs_rows) RETURN_IF_ERROR(NeedRights(before, leader));
  std::string tables;
  for (const TableListing& one : before) {
    const bool can_be_locked = HasRows(one) || (one.table.no_rows == NoRows::kPartitioned && one.may_read);
    if (can_be_locked) tables += (tables.empty() ? "ONLY " : ", ONLY ") + one.table.name.Quoted();
  }
  // No statement before the lock may take the snapshot: SET does not, a SELECT would.
  std::string statement = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; " + ReadingSettings(leader);
  if (!tables.empty() && options.needs_rows) {
    statement += " SET LOCAL lock_timeout = '" + std::to_string(kLockTry.count()) + "s'; LOCK TABLE " + tables +
                 " IN ACCESS SHARE MODE; SET LOCAL lock_timeout = 0;";
  }
  auto locked = leader.Query(statement);
  // One that was dropped since it was listed.
  if (!locked && locked.error().code() == ErrorCode::kNotFound) return false;
  RETURN_IF_ERROR(locked);
  ASSIGN_OR_RETURN(id_, leader.Value("SELECT pg_catalog.pg_export_snapshot()"));
  ASSIGN_OR_RETURN(auto now, ListTables(leader));
  tables_ = Chosen(std::move(now), options.choice);
  if (!IsSame(before, tables_)) return false;
  if (options.needs_rows) RETURN_IF_ERROR(ReadSizesOfLocked(leader));
  return true;
}

// Of the others, the size is not asked for: that would wait for who has locked them.
Result<void> SharedSnapshot::ReadSizesOfLocked(Connection& leader) {
  std::vector<TableListing> locked;
  std::ranges::copy_if(tables_, std::back_inserter(locked), HasRows);
  RETURN_IF_ERROR(ReadSizes(leader, locked));
  auto next = locked.begin();
  for (TableListing& one : tables_) {
    if (HasRows(one)) one.bytes = (next++)->bytes;
  }
  return {};
}

Result<bool> SharedSnapshot::HoldsUpOthers() {
  ASSIGN_OR_RETURN(auto leader, BorrowLeader());
  ASSIGN_OR_RETURN(const std::string count, leader->Value(R"(
SELECT count(*) FROM pg_catalog.pg_locks l WHERE NOT l.granted AND l.locktype = 'relation'
AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))"));
  return count != "0";
}

Result<std::string> SharedSnapshot::WhoLocks(Connection& leader) const {
  ASSIGN_OR_RETURN(const Rows rows, leader.Query(R"(
SELECT n.nspname || '.' || c.relname, l.pid, a.usename, a.application_name
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND n.nspname !~ '^pg_'
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
ORDER BY 1 LIMIT 5)"));
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    text += (text.empty() ? "" : "; ") + rows.String(i, 0) + " by process " + rows.String(i, 1) + " of role " +
            rows.String(i, 2) + (rows.Text(i, 3).empty() ? "" : " (" + rows.String(i, 3) + ")");
  }
  return text;
}

Result<SharedSnapshot::Loan> SharedSnapshot::Take(std::vector<std::unique_ptr<Connection>>& from, bool leader) {
  std::unique_lock lock(mutex_);
  while (from.empty()) {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    returned_.wait_for(lock, std::chrono::milliseconds(100));
  }
  std::unique_ptr<Connection> connection = std::move(from.back());
  from.pop_back();
  return Loan(*this, std::move(connection), leader);
}

Result<SharedSnapshot::Loan> SharedSnapshot::BorrowFor(const TableListing& listed) {
  const TableName& table = listed.table.name;
  ASSIGN_OR_RETURN(Loan loan, Borrow());
  const auto locked = loan->Query(fmt::format(
      "SAVEPOINT before_lock; SET LOCAL lock_timeout = '{}ms'; LOCK TABLE ONLY {} IN ACCESS SHARE MODE; SET LOCAL "
      "lock_timeout = 0; RELEASE before_lock",
      kSecondLockTry.count(), table.Quoted()));
  if (!locked && locked.error().code() != ErrorCode::kBusy) return locked.error();
  if (locked) {
    RETURN_IF_ERROR(NeedSame(*loan, listed));
    return loan;
  }
  RETURN_IF_ERROR(loan->Query("ROLLBACK TO before_lock; RELEASE before_lock"));
  ASSIGN_OR_RETURN(Loan leader, BorrowLeader());
  RETURN_IF_ERROR(NeedSame(*leader, listed));
  return leader;
}

Result<void> SharedSnapshot::NeedSame(Connection& connection, const TableListing& listed) {
  const TableName& table = listed.table.name;
  ASSIGN_OR_RETURN(const std::string oid, connection.Value("SELECT pg_catalog.to_regclass(" +
                                                           QuoteLiteral(table.Quoted()) + ")::pg_catalog.oid"));
  if (oid == std::to_string(listed.oid)) return {};
  return MakeError(ErrorCode::kBusy,
                   "{} is another table now than when the backup began (a schema was renamed?): run it again",
                   table.ForPeople());
}

Result<SharedSnapshot::Loan> SharedSnapshot::Borrow() { return Take(others_, false); }
Result<SharedSnapshot::Loan> SharedSnapshot::BorrowLeader() { return Take(leader_, true); }

}  // namespace cairn::postgres
