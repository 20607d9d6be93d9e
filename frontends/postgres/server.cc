#include "frontends/postgres/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cairn::postgres {
namespace {

constexpr std::chrono::milliseconds kPause{500};
constexpr std::chrono::milliseconds kBetweenEndings{200};
constexpr std::chrono::seconds kEndPatience{30};
constexpr size_t kNamedMax = 5;
// Where another database has to be connected to: one of these is there on every server.
constexpr std::array<const char*, 2> kMeetingPlaces = {"postgres", "template1"};

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

Result<bool> Server::Owns(const std::string& database) {
  ASSIGN_OR_RETURN(
      const std::string owns,
      connection_->Value("SELECT pg_catalog.pg_has_role(datdba, 'USAGE') OR (SELECT rolsuper FROM pg_catalog.pg_roles "
                         "WHERE rolname = current_user) FROM pg_catalog.pg_database WHERE datname = " +
                         QuoteLiteral(database)));
  return owns == "t";
}

Result<void> Server::Create(const KeptDatabase& mark, const DatabaseProperties& properties,
                            const std::string& tablespace) {
  const int version = connection_->server_version();
  std::string statement = "CREATE DATABASE " + QuoteName(mark.name) + " TEMPLATE template0 ENCODING " +
                          QuoteLiteral(properties.encoding) + " LC_COLLATE " + QuoteLiteral(properties.collate) +
                          " LC_CTYPE " + QuoteLiteral(properties.ctype);
  const bool is_known =
      properties.provider == "libc" || properties.provider == "icu" || properties.provider == "builtin";
  if (!is_known) return Corrupt("the dump's locale is of \"{}\"", properties.provider);
  if (version >= 150000) statement += " LOCALE_PROVIDER " + properties.provider;
  if (!properties.locale.empty()) {
    statement +=
        (properties.provider == "builtin" ? " BUILTIN_LOCALE " : " ICU_LOCALE ") + QuoteLiteral(properties.locale);
  }
  if (!properties.icu_rules.empty()) statement += " ICU_RULES " + QuoteLiteral(properties.icu_rules);
  if (!tablespace.empty()) statement += " TABLESPACE " + QuoteName(tablespace);
  RETURN_IF_ERROR(connection_->Query(statement));
  RETURN_IF_ERROR(connection_->Query(CommentStatement(mark.name, mark.Comment())));
  return {};
}

Result<void> Server::KeepOut(const std::string& database) {
  RETURN_IF_ERROR(connection_->Query("REVOKE CONNECT, TEMPORARY ON DATABASE " + QuoteName(database) + " FROM PUBLIC"));
  RETURN_IF_ERROR(connection_->Query(
      "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = " +
      QuoteLiteral(database) + " AND pid <> pg_catalog.pg_backend_pid()"));
  return {};
}

Result<void> Server::LetIn(const std::string& database) {
  RETURN_IF_ERROR(connection_->Query("GRANT CONNECT, TEMPORARY ON DATABASE " + QuoteName(database) + " TO PUBLIC"));
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
        RETURN_IF_ERROR(NeedPrivilege(grant.privilege));
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

Result<void> Server::Drop(const std::string& database, bool is_forced) {
  const std::string how = is_forced ? " WITH (FORCE)" : "";
  RETURN_IF_ERROR(connection_->Query("DROP DATABASE IF EXISTS " + QuoteName(database) + how));
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

// `live` and `fresh` are numbers of databases. While the server waits for others to leave, it lets nobody in: what is
// ended now does not come back.
Result<void> Server::TrySwap(const std::string& statement, const std::string& live, const std::string& fresh,
                             bool disconnects) {
  std::unique_ptr<Connection> other;
  const auto end_sessions = [&](const std::string& oid) -> Result<void> {
    if (oid.empty()) return {};
    RETURN_IF_ERROR(other->Query(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datid = " + oid +
        " AND pid <> pg_catalog.pg_backend_pid()"));
    return {};
  };
  if (disconnects) {
    ASSIGN_OR_RETURN(other, Connection::Open(address_, waiter_));
    RETURN_IF_ERROR(end_sessions(fresh));  // later they are those of the database in its new place
  }
  RETURN_IF_ERROR(connection_->Send(statement));
  for (;;) {
    if (other != nullptr) RETURN_IF_ERROR(end_sessions(live));
    auto answer = connection_->Answer(kBetweenEndings);
    if (answer && *answer) return {};
    if (answer) continue;
    const Error error = answer.error();
    IgnoreError(connection_->Query("ROLLBACK"), "the first error is the one to tell");
    return error;
  }
}

// The answer did not come, or was not waited for: the server is asked what has become of it, by a session that does not
// listen to stop. Success: it was done after all.
Result<void> Server::SettleSwap(const std::string& oid, const std::string& live, const Error& error) {
  const stream::Waiter waiter{std::stop_token()};
  auto settled = Settle(oid, waiter);
  if (!settled) {
    is_outcome_known_ = false;
    return MakeError(error.code(), "{}; whether {} was replaced is not known, for the server cannot be asked: {}",
                     error.message(), live, settled.error().message());
  }
  return *settled == live ? Result<void>() : error;
}

// The name that the database has when the session that was to change it has ended.
Result<std::string> Server::Settle(const std::string& oid, const stream::Waiter& waiter) {
  ASSIGN_OR_RETURN(const auto other, Connection::Open(address_, waiter));
  const std::string process = std::to_string(connection_->process());
  const auto end = clock_.Steady() + kEndPatience;
  for (;;) {
    ASSIGN_OR_RETURN(const Rows rows, other->Query("SELECT pg_catalog.pg_cancel_backend(pid) FROM "
                                                   "pg_catalog.pg_stat_activity WHERE pid = $1 AND state = 'active'",
                                                   {process}));
    if (rows.size() == 0) break;
    if (clock_.Steady() >= end) return MakeError(ErrorCode::kBusy, "its process {} does not end", process);
    clock_.Sleep(kBetweenEndings, std::stop_token());
  }
  return other->Value("SELECT datname FROM pg_catalog.pg_database WHERE oid = " + oid);
}

Result<std::string> Server::OidOf(const std::string& database) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection_->Query("SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", {database}));
  return rows.size() > 0 ? rows.String(0, 0) : std::string();
}

Error Server::OtherDatabase(const std::string& live, const std::string& expected, const std::string& now) {
  return MakeError(ErrorCode::kBusy, "the database {} was {} meanwhile, and is left alone", live,
                   expected.empty() ? "made"
                   : now.empty()    ? "dropped"
                                    : "replaced");
}

Result<void> Server::Swap(const std::string& live, const std::string& expected, const std::string& fresh,
                          const std::optional<std::string>& comment, KeptDatabase kept, const Swapping& how) {
  std::string oid;
  if (!fresh.empty()) {
    ASSIGN_OR_RETURN(oid, OidOf(fresh));
  }
  const auto end = clock_.Steady() + how.session_patience;
  for (;;) {
    if (!expected.empty()) RETURN_IF_ERROR(WaitForSessions(live, end, how));
    ASSIGN_OR_RETURN(const std::string now, OidOf(live));
    if (now != expected) return OtherDatabase(live, expected, now);
    std::string statement = "BEGIN; ";
    if (!now.empty()) {
      ASSIGN_OR_RETURN(kept.comment, connection_->Value("SELECT COALESCE(pg_catalog.shobj_description(" + now +
                                                        ", 'pg_database'), '')"));
      // Which one had the name is certain only when it is renamed: divides by zero where it was another.
      statement += "ALTER DATABASE " + QuoteName(live) + " RENAME TO " + QuoteName(kept.name) +
                   "; SELECT 1 / (CASE WHEN oid = " + now +
                   " THEN 1 ELSE 0 END) FROM pg_catalog.pg_database WHERE datname = " + QuoteLiteral(kept.name) + "; " +
                   CommentStatement(kept.name, kept.Comment()) + "; ";
    }
    if (!fresh.empty()) {
      statement += "ALTER DATABASE " + QuoteName(fresh) + " RENAME TO " + QuoteName(live) + "; " +
                   CommentStatement(live, comment) + "; ";
    }
    statement += "COMMIT";
    const auto swapped = TrySwap(statement, now, oid, how.disconnects);
    if (swapped) return {};
    if (swapped.error().message().find("[22012]") != std::string::npos) return OtherDatabase(live, expected, "another");
    const ErrorCode code = swapped.error().code();
    // The name was taken after the look; where both came at the same moment, an index of the server says so.
    if (code == ErrorCode::kAlreadyExists || swapped.error().message().find("[23505]") != std::string::npos) {
      ASSIGN_OR_RETURN(const std::string there, OidOf(live));
      if (there != expected) return OtherDatabase(live, expected, there);
    }
    if (code == ErrorCode::kBusy && clock_.Steady() < end) continue;
    if (fresh.empty() || (code != ErrorCode::kIo && code != ErrorCode::kInterrupted)) return swapped;
    return SettleSwap(oid, live, swapped.error());
  }
}

Result<std::vector<KeptDatabase>> Server::ListKept() {
  ASSIGN_OR_RETURN(const Rows rows, connection_->Query(R"(
SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database'), pg_catalog.pg_get_userbyid(d.datdba)
FROM pg_catalog.pg_database d
WHERE pg_catalog.shobj_description(d.oid, 'pg_database') LIKE '[cairn: run %' ORDER BY d.datname)"));
  ASSIGN_OR_RETURN(const std::string now, TimeFromNow(std::chrono::hours(0)));
  std::vector<KeptDatabase> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto kept = KeptDatabase::Parse(rows.String(i, 0), rows.String(i, 1));
    if (!kept || !kept->HasItsName()) continue;
    kept->owner = rows.String(i, 2);
    kept->is_expired = !kept->until.empty() && kept->until < now;
    all.push_back(*std::move(kept));
  }
  ASSIGN_OR_RETURN(auto unmarked, ListUnmarked());
  std::ranges::move(unmarked, std::back_inserter(all));
  for (KeptDatabase& one : all) {
    ASSIGN_OR_RETURN(one.is_in_work, IsInWork(one.run));
    ASSIGN_OR_RETURN(const auto sessions, SessionsOf(one.name));
    one.is_used = !sessions.empty();
  }
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
  AND pg_catalog.shobj_description(d.oid, 'pg_database') IS NULL
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) ORDER BY 1)"));
  constexpr std::string_view kBetween = "_restore_";
  std::vector<KeptDatabase> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    KeptDatabase one{.name = rows.String(i, 0)};
    one.is_marked = false;
    const size_t end = one.name.rfind(kBetween);
    one.run = one.name.substr(end + kBetween.size());
    one.of = one.name.substr(0, end);
    if (!IsRun(one.run)) continue;
    auto inside = Connection::Open(address_.WithDatabase(one.name), waiter_);
    if (!inside) continue;  // not ours to look into
    // Whatever is not there from the beginning has a number from here on (FirstNormalObjectId).
    ASSIGN_OR_RETURN(const std::string count, (*inside)->Value(R"(
SELECT (SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_catalog.pg_proc WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_catalog.pg_type WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_catalog.pg_namespace WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_catalog.pg_extension WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata))"));
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
