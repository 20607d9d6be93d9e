#include "frontends/sqlite/script.h"

#include "frontends/sqlite/database.h"

namespace cairn {
namespace {

constexpr std::chrono::seconds kPatience{60};

// VACUUM attaches one without a name.
int RefuseOthers(void*, int action, const char* file, const char*, const char*, const char*) {
  return action == SQLITE_ATTACH && (file == nullptr || *file != 0) ? SQLITE_DENY : SQLITE_OK;
}

}  // namespace

Result<void> RunSqliteScript(const std::string& file, const std::string& sql, const Clock& clock,
                             std::stop_token stop) {
  sqlite::Patience patience(clock, kPatience, stop);
  ASSIGN_OR_RETURN(const sqlite::Connection connection, sqlite::OpenToWrite(file, patience));
  sqlite3_set_authorizer(connection.get(), RefuseOthers, nullptr);
  RETURN_IF_ERROR(sqlite::Run(connection.get(), "BEGIN", file, patience));
  // A large statement is one step of SQLite's, in which it looks for nothing but this.
  const std::stop_callback interrupts(stop, [&] { sqlite3_interrupt(connection.get()); });
  char* said = nullptr;
  const int code = sqlite3_exec(connection.get(), sql.c_str(), nullptr, nullptr, &said);
  const std::string text = said != nullptr ? said : "";
  sqlite3_free(said);
  if (patience.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
  if (code != SQLITE_OK) return MakeError(ErrorCode::kInvalidArgument, "SQLite says: {}", text);
  // The script may have ended the transaction itself.
  if (sqlite3_get_autocommit(connection.get()) != 0) return {};
  return sqlite::Run(connection.get(), "COMMIT", file, patience);
}

}  // namespace cairn
