#include "frontends/postgres/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cairn::postgres {
namespace {

constexpr size_t kNameBytesMax = 63;
constexpr size_t kRunDigits = 8;
constexpr std::chrono::milliseconds kPause{500};
constexpr std::chrono::milliseconds kBetweenEndings{200};
constexpr std::chrono::seconds kEndPatience{30};
constexpr size_t kNamedMax = 5;
// Where another database has to be connected to: one of these is there on every server.
constexpr std::array<const char*, 2> kMeetingPlaces = {"postgres", "template1"};

constexpr std::array<std::pair<KeptDatabase::Role, const char*>, 3> kRoleWords = {
    {{KeptDatabase::Role::kIncomplete, "incomplete"},
     {KeptDatabase::Role::kBefore, "before"},
     {KeptDatabase::Role::kUndone, "undone"}}};

std::string ApplicationOf(const std::string& run) { return "cairn restore " + run; }

// A value of a setting that is a list stands in the catalog as SQL has it: names, in quotes where they need them.
bool IsNameList(std::string_view text) {
  const auto skip = [&] {
    while (text.starts_with(' ')) text.remove_prefix(1);
  };
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$'; };
  for (;;) {
    skip();
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      while (!text.empty() && (text.front() != '"' || text.starts_with("\"\""))) {
        text.remove_prefix(std::min<size_t>(text.size(), text.front() == '"' ? 2 : 1));
      }
      if (text.empty()) return false;
      text.remove_prefix(1);
    } else {
      if (text.empty() || !is_plain(text.front())) return false;
      while (!text.empty() && is_plain(text.front())) text.remove_prefix(1);
    }
    skip();
    if (text.empty()) return true;
    if (!text.starts_with(',')) return false;
    text.remove_prefix(1);
  }
}

bool IsList(const std::string& setting) {
  for (const char* one : {"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"}) {
    if (setting == one) return true;
  }
  return false;
}

std::string SettingStatement(const std::string& database, const RoleSetting& setting) {
  const std::string value =
      IsList(setting.name) && IsNameList(setting.value) ? setting.value : QuoteLiteral(setting.value);
  // "namespace.name" is two names.
  std::string name;
  for (size_t begin = 0;;) {
    const size_t dot = setting.name.find('.', begin);
    name += QuoteName(setting.name.substr(begin, dot - begin));
    if (dot == std::string::npos) break;
    name += ".";
    begin = dot + 1;
  }
  const std::string whose = setting.role.empty()
                                ? "ALTER DATABASE " + QuoteName(database)
                                : "ALTER ROLE " + QuoteName(setting.role) + " IN DATABASE " + QuoteName(database);
  return whose + " SET " + name + " TO " + value;
}

std::string CommentStatement(const std::string& database, const std::optional<std::string>& comment) {
  return "COMMENT ON DATABASE " + QuoteName(database) + " IS " + (comment ? QuoteLiteral(*comment) : "NULL");
}

std::string Named(const std::vector<ServerSession>& sessions) {
  std::string text;
  for (size_t i = 0; i < std::min(sessions.size(), kNamedMax); ++i) {
    const ServerSession& one = sessions[i];
    text += fmt::format("{}process {} of {}{}{}", i == 0 ? "" : "; ", one.process, one.user,
                        one.application.empty() ? "" : " (" + one.application + ")",
                        one.address.empty() ? "" : " from " + one.address);
  }
  if (sessions.size() > kNamedMax) text += fmt::format(" and {} more", sessions.size() - kNamedMax);
  return text;
}

}  // namespace

std::string_view Name(KeptDatabase::Role role) {
  for (const auto& [one, word] : kRoleWords) {
    if (one == role) return word;
  }
  return "unknown";
}

std::string KeptDatabase::Comment() const {
  const std::string end = until.empty() ? "" : ", until " + until;
  return fmt::format("[cairn: run {}, {}, of {}{}]{}{}", run, Name(role), FileNameOf(of), end,
                     comment.empty() ? "" : " ", comment);
}

std::optional<KeptDatabase> KeptDatabase::Parse(const std::string& name, const std::string& comment) {
  std::string_view rest = comment;
  // What stands before `mark`, which goes too.
  const auto take = [&](std::string_view mark) -> std::optional<std::string> {
    const size_t at = rest.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    std::string part(rest.substr(0, at));
    rest.remove_prefix(at + mark.size());
    return part;
  };
  KeptDatabase kept;
  kept.name = name;
  if (take("[cairn: run ") != "") return std::nullopt;
  const auto run = take(", "), role = take(", of "), where = take("]");
  if (!run || run->size() != kRunDigits || !FromHex(*run) || !role || !where) return std::nullopt;
  kept.run = *run;
  const auto known = std::ranges::find(kRoleWords, *role, [](const auto& one) { return std::string(one.second); });
  if (known == kRoleWords.end()) return std::nullopt;
  kept.role = known->first;
  constexpr std::string_view kUntil = ", until ";
  const size_t end = where->rfind(kUntil);
  kept.of = NameOfFile(where->substr(0, end));
  if (end != std::string::npos) kept.until = where->substr(end + kUntil.size());
  if (!kept.until.empty() && kept.until.find_first_not_of("0123456789TZ:-") != std::string::npos) return std::nullopt;
  kept.comment = rest.starts_with(' ') ? std::string(rest.substr(1)) : std::string(rest);
  return kept;
}

std::string DatabaseNameWith(const std::string& base, const std::string& suffix) {
  size_t size = std::min(base.size(), kNameBytesMax - suffix.size() - 1);
  while (size > 0 && size < base.size() && (static_cast<unsigned char>(base[size]) & 0xc0) == 0x80) --size;
  return base.substr(0, size) + "_" + suffix;
}

Result<std::unique_ptr<Server>> Server::Open(const Address& address, const std::string& run,
                                             const stream::Waiter& waiter, const Clock& clock, std::stop_token stop) {
  std::optional<Error> first;
  for (const char* place : kMeetingPlaces) {
    auto connection = Connection::Open(address.WithDatabase(place), waiter);
    if (!connection) {
      if (connection.error().code() == ErrorCode::kInterrupted) return std::move(connection).error();
      if (!first) first = connection.error();
      continue;
    }
    std::unique_ptr<Server> server(new Server(address.WithDatabase(place), waiter, clock, std::move(stop)));
    server->connection_ = *std::move(connection);
    RETURN_IF_ERROR(server->connection_->RefusePooler());
    if (!run.empty()) {
      RETURN_IF_ERROR(server->connection_->Query("SET application_name = " + QuoteLiteral(ApplicationOf(run))));
    }
    return server;
  }
  return *first;
}

Result<bool> Server::Exists(const std::string& database) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection_->Query("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", {database}));
  return rows.size() > 0;
}

Result<std::vector<ServerSession>> Server::SessionsOf(const std::string& database) {
  // Workers of autovacuum end by themselves when a database is renamed.
  ASSIGN_OR_RETURN(const Rows rows, connection_->Query(R"(
SELECT pid, usename, application_name, client_addr::text FROM pg_catalog.pg_stat_activity
WHERE datname = $1 AND backend_type IS DISTINCT FROM 'autovacuum worker' ORDER BY pid)",
                                                       {database}));
  std::vector<ServerSession> sessions;
  for (size_t i = 0; i < rows.size(); ++i) {
    sessions.push_back({static_cast<int>(rows.Number(i, 0)), rows.String(i, 1), rows.String(i, 2), rows.String(i, 3)});
  }
  return sessions;
}

Result<bool> Server::MayCreate() {
  ASSIGN_OR_RETURN(const std::string may, connection_->Value("SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles "
                                                             "WHERE rolname = current_user"));
  return may == "t";
}

Result<void> Server::Create(const KeptDatabase& mark, const DatabaseProperties& properties) {
  const int version = connection_->server_version();
  std::string statement = "CREATE DATABASE " + QuoteName(mark.name) + " TEMPLATE template0 ENCODING " +
                          QuoteLiteral(properties.encoding) + " LC_COLLATE " + QuoteLiteral(properties.collate) +
                          " LC_CTYPE " + QuoteLiteral(properties.ctype);
  if (version >= 150000) statement += " LOCALE_PROVIDER " + properties.provider;
  if (!properties.locale.empty()) {
    statement +=
        (properties.provider == "builtin" ? " BUILTIN_LOCALE " : " ICU_LOCALE ") + QuoteLiteral(properties.locale);
  }
  if (!properties.icu_rules.empty()) statement += " ICU_RULES " + QuoteLiteral(properties.icu_rules);
  RETURN_IF_ERROR(connection_->Query(statement));
  RETURN_IF_ERROR(connection_->Query(CommentStatement(mark.name, mark.Comment())));
  return {};
}

Result<void> Server::Apply(const std::string& database, const DatabaseProperties& properties, bool with_owner) {
  const std::string name = QuoteName(database);
  std::vector<std::string> statements;
  if (with_owner) {
    statements.push_back("ALTER DATABASE " + name + " OWNER TO " + QuoteName(properties.owner));
    if (properties.grants) {
      statements.push_back("REVOKE ALL ON DATABASE " + name + " FROM PUBLIC");
      statements.push_back("REVOKE ALL ON DATABASE " + name + " FROM " + QuoteName(properties.owner));
      for (const Grant& grant : *properties.grants) {
        statements.push_back("GRANT " + grant.privilege + " ON DATABASE " + name + " TO " +
                             (grant.grantee.empty() ? "PUBLIC" : QuoteName(grant.grantee)) +
                             (grant.grantable ? " WITH GRANT OPTION" : ""));
      }
    }
  }
  for (const RoleSetting& setting : properties.settings) {
    if (setting.role.empty() || with_owner) statements.push_back(SettingStatement(database, setting));
  }
  if (properties.connection_limit >= 0) {
    statements.push_back(fmt::format("ALTER DATABASE {} CONNECTION LIMIT {}", name, properties.connection_limit));
  }
  for (const std::string& statement : statements) {
    RETURN_IF_ERROR(connection_->Query(statement).While("the properties of the database"));
  }
  return {};
}

Result<void> Server::Drop(const std::string& database) {
  RETURN_IF_ERROR(connection_->Query("DROP DATABASE IF EXISTS " + QuoteName(database) + " WITH (FORCE)"));
  return {};
}

Result<void> Server::WaitForSessions(const std::string& database, std::chrono::nanoseconds end, const Swapping& how) {
  for (;;) {
    ASSIGN_OR_RETURN(const auto sessions, SessionsOf(database));
    if (sessions.empty() || how.disconnects) return {};
    if (clock_.Steady() >= end) {
      return MakeError(
          ErrorCode::kBusy,
          "{} sessions use {}, and have not ended within {} s (--session-wait): {}; stop the application, or "
          "end them by --disconnect",
          sessions.size(), database, how.session_patience.count(), Named(sessions));
    }
    if (!clock_.Sleep(kPause, stop_)) return Error(ErrorCode::kInterrupted, "interrupted");
  }
}

// While the server waits for others to leave, it lets nobody in: what is ended now does not come back.
Result<void> Server::TrySwap(const std::string& statement, const std::string& live, bool disconnects) {
  std::unique_ptr<Connection> other;
  if (disconnects) {
    ASSIGN_OR_RETURN(other, Connection::Open(address_, waiter_));
  }
  RETURN_IF_ERROR(connection_->Send(statement));
  for (;;) {
    if (other != nullptr) {
      RETURN_IF_ERROR(other->Query(
          "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1 AND pid <> "
          "pg_catalog.pg_backend_pid()",
          {live}));
    }
    auto answer = connection_->Answer(kBetweenEndings);
    if (answer && *answer) return {};
    if (answer) continue;
    const Error error = answer.error();
    IgnoreError(connection_->Query("ROLLBACK"), "the first error is the one to tell");
    return error;
  }
}

Result<void> Server::Swap(const std::string& live, const std::string& fresh, const std::optional<std::string>& comment,
                          KeptDatabase kept, const Swapping& how) {
  ASSIGN_OR_RETURN(const std::string oid,
                   connection_->Value("SELECT oid FROM pg_catalog.pg_database WHERE datname = " + QuoteLiteral(fresh)));
  const auto end = clock_.Steady() + how.session_patience;
  for (;;) {
    ASSIGN_OR_RETURN(const bool exists, Exists(live));
    std::string statement = "BEGIN; ";
    if (exists) {
      ASSIGN_OR_RETURN(kept.comment,
                       connection_->Value("SELECT COALESCE(pg_catalog.shobj_description(oid, 'pg_database'), '') "
                                          "FROM pg_catalog.pg_database WHERE datname = " +
                                          QuoteLiteral(live)));
      RETURN_IF_ERROR(WaitForSessions(live, end, how));
      statement += "ALTER DATABASE " + QuoteName(live) + " RENAME TO " + QuoteName(kept.name) + "; " +
                   CommentStatement(kept.name, kept.Comment()) + "; ";
    }
    statement += "ALTER DATABASE " + QuoteName(fresh) + " RENAME TO " + QuoteName(live) + "; " +
                 CommentStatement(live, comment) + "; COMMIT";
    auto swapped = TrySwap(statement, live, how.disconnects && exists);
    if (swapped) return {};
    const ErrorCode code = swapped.error().code();
    if (code == ErrorCode::kBusy && clock_.Steady() < end) continue;
    if (code != ErrorCode::kIo) return swapped;
    // The network went: whether the transaction was committed is for the server to say.
    const stream::Waiter waiter{std::stop_token()};
    auto again = Connection::Open(address_, waiter);
    if (!again) return swapped;
    auto name = (*again)->Value("SELECT datname FROM pg_catalog.pg_database WHERE oid = " + oid);
    if (name && *name == live) return {};
    return swapped;
  }
}

Result<std::vector<KeptDatabase>> Server::ListKept() {
  ASSIGN_OR_RETURN(const Rows rows, connection_->Query(R"(
SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database') FROM pg_catalog.pg_database d
WHERE pg_catalog.shobj_description(d.oid, 'pg_database') LIKE '[cairn: run %' ORDER BY d.datname)"));
  std::vector<KeptDatabase> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto kept = KeptDatabase::Parse(rows.String(i, 0), rows.String(i, 1));
    if (!kept) continue;
    if (!kept->until.empty()) {
      ASSIGN_OR_RETURN(const std::string expired,
                       connection_->Value("SELECT pg_catalog.now() > " + QuoteLiteral(kept->until) + "::timestamptz"));
      kept->is_expired = expired == "t";
    }
    ASSIGN_OR_RETURN(kept->is_in_work, IsInWork(kept->run));
    all.push_back(*std::move(kept));
  }
  ASSIGN_OR_RETURN(auto unmarked, ListUnmarked());
  std::ranges::move(unmarked, std::back_inserter(all));
  return all;
}

Result<bool> Server::IsInWork(const std::string& run) {
  ASSIGN_OR_RETURN(
      const Rows sessions,
      connection_->Query("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE application_name = $1 AND pid <> "
                         "pg_catalog.pg_backend_pid()",
                         {ApplicationOf(run)}));
  return sessions.size() > 0;
}

Result<std::vector<KeptDatabase>> Server::ListUnmarked() {
  ASSIGN_OR_RETURN(const Rows rows, connection_->Query(R"(
SELECT d.datname FROM pg_catalog.pg_database d
WHERE d.datname ~ '_restore_[0-9a-f]{8}$' AND d.datallowconn
  AND pg_catalog.shobj_description(d.oid, 'pg_database') IS NULL ORDER BY 1)"));
  std::vector<KeptDatabase> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string name = rows.String(i, 0);
    KeptDatabase one{.name = name, .run = name.substr(name.size() - kRunDigits)};
    one.of = name.substr(0, name.size() - kRunDigits - std::string_view("_restore_").size());
    ASSIGN_OR_RETURN(one.is_in_work, IsInWork(one.run));
    auto inside = Connection::Open(address_.WithDatabase(name), waiter_);
    if (!inside) continue;  // not ours to look into
    ASSIGN_OR_RETURN(const std::string count, (*inside)->Value(R"(
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')"));
    if (count == "0") all.push_back(std::move(one));
  }
  return all;
}

Result<void> Server::WaitForEnd(int process) {
  const auto end = clock_.Steady() + kEndPatience;
  for (;;) {
    ASSIGN_OR_RETURN(const Rows rows, connection_->Query("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = $1",
                                                         {std::to_string(process)}));
    if (rows.size() == 0) return {};
    if (clock_.Steady() >= end) return MakeError(ErrorCode::kBusy, "the server's process {} does not end", process);
    if (!clock_.Sleep(kBetweenEndings, stop_)) return Error(ErrorCode::kInterrupted, "interrupted");
  }
}

Result<std::string> Server::TimeFromNow(std::chrono::hours span) {
  return connection_->Value(
      fmt::format("SELECT pg_catalog.to_char((pg_catalog.now() + interval '{} hours') AT TIME ZONE 'UTC', "
                  "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
                  span.count()));
}

}  // namespace cairn::postgres
