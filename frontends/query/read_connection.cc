#include "frontends/query/read_connection.h"

#include <algorithm>
#include <array>
#include <map>

#include "frontends/sqlite/database.h"
#include "repo-format/base/units.h"
#include "repo-format/tree_path.h"

namespace cairn::query {
namespace {

constexpr int kStepsBetweenLooks = 1'000;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

bool IsLookingPragma(std::string_view name, bool has_value) {
  constexpr std::array<std::string_view, 16> kTake = {
      "table_info",       "table_xinfo", "table_list",      "index_list",     "index_info",    "index_xinfo",
      "foreign_key_list", "quick_check", "integrity_check", "module_list",    "function_list", "foreign_key_check",
      "collation_list",   "pragma_list", "database_list",   "compile_options"};
  constexpr std::array<std::string_view, 10> kShow = {
      "schema_version", "user_version",   "application_id", "encoding",    "page_size",
      "page_count",     "freelist_count", "journal_mode",   "auto_vacuum", "data_version"};
  return std::ranges::find(kTake, name) != kTake.end() || (!has_value && std::ranges::find(kShow, name) != kShow.end());
}

Cell CellOf(sqlite3_stmt* row, int column) {
  Cell cell;
  const auto span = [&](const void* bytes) {
    return ByteSpan(static_cast<const uint8_t*>(bytes), static_cast<size_t>(sqlite3_column_bytes(row, column)));
  };
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
      cell.kind = Cell::Kind::kInteger;
      cell.integer = sqlite3_column_int64(row, column);
      break;
    case SQLITE_FLOAT:
      cell.kind = Cell::Kind::kReal;
      cell.real = sqlite3_column_double(row, column);
      break;
    case SQLITE_TEXT:
      cell.kind = Cell::Kind::kText;
      cell.bytes = span(sqlite3_column_text(row, column));
      break;
    case SQLITE_BLOB:
      cell.kind = Cell::Kind::kBlob;
      cell.bytes = span(sqlite3_column_blob(row, column));
      break;
    default:
      break;
  }
  return cell;
}

}  // namespace

std::string TextOf(sqlite3_stmt* row, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? "" : std::string(text, static_cast<size_t>(sqlite3_column_bytes(row, column)));
}
std::string QuotedName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

Result<std::unique_ptr<ReadConnection>> ReadConnection::Open(std::unique_ptr<ViewFiles> files, std::string name,
                                                             uint64_t memory_bytes, std::stop_token stop) {
  std::unique_ptr<ReadConnection> made(
      new ReadConnection(std::move(files), std::move(name), memory_bytes, std::move(stop)));
  sqlite3_hard_heap_limit64(static_cast<sqlite3_int64>(memory_bytes));
  sqlite3* opened = nullptr;
  const bool is_private = made->files_ == nullptr;
  // A private one without a name is a file that has none either, and goes with the connection.
  const int code =
      is_private
          ? sqlite3_open_v2("", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, nullptr)
          : sqlite3_open_v2("file:database?immutable=1", &opened,
                            SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, made->files_->name());
  made->connection_.reset(opened);
  if (opened == nullptr) return Error(ErrorCode::kIo, "SQLite has no memory for a connection");
  if (code != SQLITE_OK) return made->Failure(code);
  RETURN_IF_ERROR(made->Prepare());
  return made;
}

Result<std::unique_ptr<ReadConnection>> ReadConnection::OpenLive(const std::string& path, const LiveOptions& live,
                                                                 uint64_t memory_bytes, std::stop_token stop) {
  struct Kept {
    sqlite::Patience patience;
    std::shared_ptr<sqlite::GuardedFiles> files;
  };
  ASSIGN_OR_RETURN(const std::string real, sqlite::RealPath(path));
  const auto kept = std::make_shared<Kept>(
      Kept{sqlite::Patience(live.clock, std::chrono::seconds(live.lock_patience_s), stop), nullptr});
  ASSIGN_OR_RETURN(sqlite::Connection opened, sqlite::OpenToRead(real, kept->patience));
  kept->files = opened.get_deleter().files;
  std::unique_ptr<ReadConnection> made(new ReadConnection(nullptr, real, memory_bytes, std::move(stop)));
  made->is_live_ = true;
  sqlite3_hard_heap_limit64(static_cast<sqlite3_int64>(memory_bytes));
  made->connection_ = std::unique_ptr<sqlite3, Close>(opened.release(), Close{kept});
  // The first look is what waits for others' locks, and begins the transaction.
  RETURN_IF_ERROR(sqlite::Run(made->handle(), "BEGIN; SELECT count(*) FROM sqlite_schema", real, kept->patience));
  RETURN_IF_ERROR(made->Prepare());
  return made;
}

// What others wrote is not trusted, neither statements nor schemas.
Result<void> ReadConnection::Prepare() {
  sqlite3* const opened = connection_.get();
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_progress_handler(opened, kStepsBetweenLooks, &ReadConnection::IsStopped, this);
  RETURN_IF_ERROR(Execute(fmt::format("PRAGMA cell_size_check = ON; PRAGMA cache_size = -{}",
                                      std::max<uint64_t>(memory_bytes_ / 4 / kKiB, 64))));
  sqlite3_set_authorizer(opened, &ReadConnection::Authorize, this);
  return {};
}

int ReadConnection::IsStopped(void* self) { return static_cast<ReadConnection*>(self)->stop_.stop_requested() ? 1 : 0; }

int ReadConnection::Authorize(void* self, int action, const char* one, const char* two, const char*, const char*) {
  auto& connection = *static_cast<ReadConnection*>(self);
  return connection.is_guarded_ ? connection.Judge(action, one == nullptr ? "" : one, two) : SQLITE_OK;
}

// Statements that write are refused by what sqlite3_stmt_readonly says of them: modules prepare such for themselves,
// and never run them.
int ReadConnection::Judge(int action, std::string_view one, const char* two) {
  const auto refuse = [&](std::string what) {
    refused_ = std::move(what);
    return SQLITE_DENY;
  };
  switch (action) {
    case SQLITE_READ:
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return two != nullptr && sqlite3_stricmp(two, "load_extension") == 0 ? refuse("load_extension") : SQLITE_OK;
    case SQLITE_PRAGMA:
      return IsLookingPragma(one, two != nullptr) ? SQLITE_OK : refuse(fmt::format("PRAGMA {}", one));
    case SQLITE_ATTACH:
      return refuse("ATTACH");
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return refuse("a transaction of your own");
    default:
      return refuse("a statement that changes something");
  }
}

Error ReadConnection::Failure(int code) const {
  if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
  const std::string said = connection_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(connection_.get());
  const std::string shown = PathForPeople(AsBytes(name_));
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return Error(ErrorCode::kInterrupted, "interrupted");
    case SQLITE_NOMEM:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: the statement needs more memory than the {} MiB that it may have: --memory gives it more",
                       shown, memory_bytes_ / kMiB);
    case SQLITE_NOTADB:
      return MakeError(ErrorCode::kInvalidArgument, "{}: it is no SQLite database, or it is encrypted", shown);
    case SQLITE_CORRUPT:
      return MakeError(ErrorCode::kIo, "{}: SQLite finds it damaged ({}){}", shown, said,
                       is_live_ ? "" : ": the snapshot has it as it was when it was backed up");
    case SQLITE_FULL:
      return MakeError(ErrorCode::kNoSpace, "{}: no room in the folder for temporary files (TMPDIR): {}", shown, said);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (files_ != nullptr && files_->problem()) return Error(*files_->problem()).While(shown);
      return MakeError(ErrorCode::kIo, "{}: {} (SQLite says {})", shown, said, code);
    case SQLITE_ERROR:
    case SQLITE_AUTH:
      if (refused_.empty()) break;
      return MakeError(ErrorCode::kInvalidArgument, "{} is refused: a snapshot is only looked at", refused_);
    default:
      break;
  }
  return MakeError(ErrorCode::kInvalidArgument, "{}: {}", shown, said);
}

Result<void> ReadConnection::Run(std::string_view sql, RowSink& rows, const Prepared& prepared) {
  const struct Guard {
    explicit Guard(bool& guarded) : is_guarded(guarded) { is_guarded = true; }
    ~Guard() { is_guarded = false; }
    bool& is_guarded;
  } guard(is_guarded_);
  while (!sql.empty()) {
    refused_.clear();
    sqlite3_stmt* made = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &made, &rest);
    const Statement statement(made);
    if (code != SQLITE_OK) return Failure(code);
    sql.remove_prefix(static_cast<size_t>(rest - sql.data()));
    if (made == nullptr) continue;  // a comment, or nothing
    if (sqlite3_stmt_readonly(made) == 0) {
      return Error(ErrorCode::kInvalidArgument,
                   "a statement that changes something is refused: a snapshot is only looked at");
    }
    if (prepared && sqlite3_stmt_isexplain(made) == 0) {
      is_guarded_ = false;
      ASSIGN_OR_RETURN(const auto tables, TablesOf(made));
      RETURN_IF_ERROR(prepared(tables));
      is_guarded_ = true;
    }
    RETURN_IF_ERROR(RunOne(made, rows));
  }
  return {};
}

// By the program that runs. The authorizer is not told of all: not of columns that USING and NATURAL JOIN compare.
Result<std::set<ReadConnection::TableKey>> ReadConnection::TablesOf(sqlite3_stmt* statement) {
  std::map<int, std::string> databases;
  RETURN_IF_ERROR(ForEach("PRAGMA database_list", [&](sqlite3_stmt* row) -> Result<void> {
    databases[sqlite3_column_int(row, 0)] = TextOf(row, 1);
    return {};
  }));
  std::set<std::pair<int, int64_t>> roots;  // by the number of the database, and the first page
  RETURN_IF_ERROR(ForEach(std::string("EXPLAIN ") + sqlite3_sql(statement), [&](sqlite3_stmt* row) -> Result<void> {
    constexpr int kOpcode = 1, kP2 = 3, kP3 = 4;
    if (TextOf(row, kOpcode) == "OpenRead") {
      roots.emplace(sqlite3_column_int(row, kP3), sqlite3_column_int64(row, kP2));
    }
    return {};
  }));
  std::set<TableKey> tables;
  for (const auto& [number, page] : roots) {
    const std::string database = databases[number];
    RETURN_IF_ERROR(
        ForEach(fmt::format("SELECT tbl_name FROM {}.sqlite_schema WHERE rootpage = {}", QuotedName(database), page),
                [&](sqlite3_stmt* row) -> Result<void> {
                  tables.emplace(database, TextOf(row, 0));
                  return {};
                }));
  }
  return tables;
}

Result<void> ReadConnection::RunOne(sqlite3_stmt* statement, RowSink& rows) {
  const int count = sqlite3_column_count(statement);
  std::vector<std::string> columns;
  for (int i = 0; i < count; ++i) {
    const char* const name = sqlite3_column_name(statement, i);
    columns.emplace_back(name == nullptr ? "" : name);
  }
  if (count > 0) RETURN_IF_ERROR(rows.Begin(columns));
  std::vector<Cell> cells(static_cast<size_t>(count));
  for (;;) {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return count > 0 ? rows.End() : Result<void>();
    if (code != SQLITE_ROW) return Failure(code);
    for (int i = 0; i < count; ++i) cells[static_cast<size_t>(i)] = CellOf(statement, i);
    RETURN_IF_ERROR(rows.Row(cells));
  }
}

Result<void> ReadConnection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Result<void>() : Failure(code);
}

Result<void> ReadConnection::ForEach(const std::string& sql,
                                     const std::function<Result<void>(sqlite3_stmt* row)>& each) {
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &made, nullptr);
  const Statement statement(made);
  if (code != SQLITE_OK) return Failure(code);
  for (;;) {
    const int step = sqlite3_step(made);
    if (step == SQLITE_DONE) return {};
    if (step != SQLITE_ROW) return Failure(step);
    RETURN_IF_ERROR(each(made));
  }
}

}  // namespace cairn::query
