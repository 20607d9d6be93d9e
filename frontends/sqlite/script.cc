#include "frontends/sqlite/script.h"

#include "frontends/sqlite/database.h"

namespace cairn {
namespace {

constexpr std::chrono::seconds kPatience{60};

int RefuseOthers(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_ATTACH ? SQLITE_DENY : SQLITE_OK;
}

}  // namespace

Result<void> RunSqliteScript(const std::string& file, const std::string& sql, const Clock& clock,
                             std::stop_token stop) {
  sqlite::Patience patience(clock, kPatience, stop);
  ASSIGN_OR_RETURN(const sqlite::Connection connection, sqlite::OpenToWrite(file, patience));
  sqlite3_set_authorizer(connection.get(), RefuseOthers, nullptr);
  RETURN_IF_ERROR(sqlite::Run(connection.get(), "BEGIN IMMEDIATE", file, patience));
  bool is_ended = false;
  sqlite3_rollback_hook(connection.get(), [](void* ended) { *static_cast<bool*>(ended) = true; }, &is_ended);
  sqlite3_commit_hook(
      connection.get(),
      [](void* ended) {
        *static_cast<bool*>(ended) = true;
        return 0;
      },
      &is_ended);
  // A large statement is one step of SQLite's, in which it looks for nothing but this.
  const std::stop_callback interrupts(stop, [&] { sqlite3_interrupt(connection.get()); });
  char* said = nullptr;
  const int code = sqlite3_exec(connection.get(), sql.c_str(), nullptr, nullptr, &said);
  const std::string text = said != nullptr ? said : "";
  sqlite3_free(said);
  if (patience.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
  if (code != SQLITE_OK) return MakeError(ErrorCode::kInvalidArgument, "SQLite says: {}", text);
  // What was undone at its end is not to be taken for done.
  if (is_ended || sqlite3_get_autocommit(connection.get()) != 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "ends the transaction in which it is run: leave BEGIN, COMMIT and ROLLBACK out of it");
  }
  sqlite3_commit_hook(connection.get(), nullptr, nullptr);
  return sqlite::Run(connection.get(), "COMMIT", file, patience);
}

}  // namespace cairn
