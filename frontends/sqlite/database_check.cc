#include "frontends/sqlite/database_check.h"

#include <algorithm>
#include <cstring>

#include "frontends/sqlite/database.h"

namespace cairn {
namespace {

using sqlite::Connection;
using sqlite::Patience;

constexpr size_t kDamageMax = 10;
constexpr size_t kNamedMax = 5;
constexpr std::chrono::seconds kPatience{60};

int TakeRow(void* rows, int columns, char** values, char**) {
  if (columns > 0 && values[0] != nullptr) static_cast<std::vector<std::string>*>(rows)->emplace_back(values[0]);
  return 0;
}

int CountRow(void* count, int, char**, char**) {
  ++*static_cast<uint64_t*>(count);
  return 0;
}

// In place of an order that only the application knows; quick_check compares no keys.
int CompareBytes(void*, int a_bytes, const void* a, int b_bytes, const void* b) {
  const int order = std::memcmp(a, b, static_cast<size_t>(std::min(a_bytes, b_bytes)));
  return order != 0 ? order : a_bytes - b_bytes;
}

void MakeCollation(void*, sqlite3* connection, int, const char* name) {
  sqlite3_create_collation_v2(connection, name, SQLITE_UTF8, nullptr, CompareBytes, nullptr);
}

std::string Quoted(const std::string& name) {
  std::string quoted = "'";
  for (const char c : name) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

class Checking {
 public:
  Checking(sqlite3* connection, const std::string& file, const Patience& patience)
      : connection_(connection), file_(file), patience_(patience) {}

  Result<DatabaseCheck> Run() {
    RETURN_IF_ERROR(sqlite::Run(connection_,
                                "PRAGMA ignore_check_constraints = ON; PRAGMA cell_size_check = ON; PRAGMA "
                                "trusted_schema = OFF",
                                file_, patience_));
    ASSIGN_OR_RETURN(const bool is_done, Ask(fmt::format("PRAGMA integrity_check({})", kDamageMax)));
    if (!is_done) RETURN_IF_ERROR(AskLess());
    if (check_.damage.empty()) RETURN_IF_ERROR(CountForeignKeys());
    return std::move(check_);
  }

 private:
  // False: it needs what only the application has, which `why_` says.
  Result<bool> Ask(const std::string& pragma) {
    if (patience_.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
    std::vector<std::string> rows;
    const int code = sqlite3_exec(connection_, pragma.c_str(), TakeRow, &rows, nullptr);
    std::erase(rows, "ok");
    std::ranges::move(rows, std::back_inserter(check_.damage));
    if (code == SQLITE_OK) return true;
    const std::string said = sqlite3_errmsg(connection_);
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
      check_.damage.push_back(said);
      return true;
    }
    if ((code & 0xff) != SQLITE_ERROR) return sqlite::ErrorOf(code, connection_, file_, patience_);
    why_ = said;
    return false;
  }

  Result<void> AskLess() {
    sqlite3_collation_needed(connection_, nullptr, MakeCollation);
    check_.notes.push_back(
        fmt::format("it needs what only its application has ({}): indexes are not compared with their tables", why_));
    ASSIGN_OR_RETURN(const bool is_done, Ask(fmt::format("PRAGMA quick_check({})", kDamageMax)));
    return is_done ? Result<void>() : AskEachTable();
  }

  Result<void> AskEachTable() {
    std::vector<std::string> tables;
    const int code = sqlite3_exec(connection_, "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0",
                                  TakeRow, &tables, nullptr);
    if (code != SQLITE_OK) return sqlite::ErrorOf(code, connection_, file_, patience_);
    std::string left;
    size_t count = 0;
    for (const std::string& table : tables) {
      ASSIGN_OR_RETURN(const bool is_done, Ask("PRAGMA quick_check(" + Quoted(table) + ")"));
      if (!is_done && ++count <= kNamedMax) left += fmt::format("{}{} ({})", left.empty() ? "" : ", ", table, why_);
    }
    if (count > kNamedMax) left += fmt::format(" and {} more", count - kNamedMax);
    if (count > 0) check_.notes.push_back("tables that could not be checked: " + left);
    return {};
  }

  Result<void> CountForeignKeys() {
    if (patience_.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
    const int code =
        sqlite3_exec(connection_, "PRAGMA foreign_key_check", CountRow, &check_.foreign_keys_broken, nullptr);
    if ((code & 0xff) == SQLITE_ERROR) {
      check_.notes.push_back(fmt::format("foreign keys could not be checked ({})", sqlite3_errmsg(connection_)));
      return {};
    }
    if (code != SQLITE_OK) return sqlite::ErrorOf(code, connection_, file_, patience_);
    if (check_.foreign_keys_broken > 0) {
      check_.notes.push_back(fmt::format("{} rows refer to others that are not there, as when it was backed up",
                                         check_.foreign_keys_broken));
    }
    return {};
  }

  sqlite3* const connection_;
  const std::string& file_;
  const Patience& patience_;
  std::string why_;
  DatabaseCheck check_;
};

}  // namespace

Result<DatabaseCheck> CheckDatabase(const std::string& file, const Clock& clock, std::stop_token stop) {
  Patience patience(clock, kPatience, stop);
  ASSIGN_OR_RETURN(const Connection connection, sqlite::OpenToRead(file, patience));
  // The check of a large table is one step of SQLite's, in which it looks for nothing but this.
  const std::stop_callback interrupts(stop, [&] { sqlite3_interrupt(connection.get()); });
  return Checking(connection.get(), file, patience).Run();
}

}  // namespace cairn
