#include "frontends/postgres/connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr std::chrono::seconds kConnectPatience{15};
constexpr unsigned kConnectStepsMax = 1000;
// A COPY that brings nothing for so long is taken for dead, though the network lives.
constexpr std::chrono::seconds kCopyPatience{600};
constexpr size_t kMessageBytesMax = 600;
// With its head, whole blocks of what libpq sends: what is over goes by itself, and wakes the server once more.
constexpr size_t kPieceBytes = 64 * kKiB - 5;

ErrorCode CodeOf(std::string_view state) {
  if (state.size() != 5) return ErrorCode::kIo;
  if (state.starts_with("28") || state == "42501") return ErrorCode::kPermission;
  if (state == "3D000" || state == "42P01" || state == "42704") return ErrorCode::kNotFound;
  if (state == "42P04" || state == "42P07" || state == "42710") return ErrorCode::kAlreadyExists;
  if (state == "55P03" || state == "55006" || state == "40P01" || state == "40001" || state == "57014" ||
      state == "53300") {
    return ErrorCode::kBusy;
  }
  if (state == "53100" || state == "53200") return ErrorCode::kNoSpace;
  if (state.starts_with("22") || state.starts_with("23") || state.starts_with("42") || state == "0A000") {
    return ErrorCode::kInvalidArgument;
  }
  return ErrorCode::kIo;
}

// libpq's texts end with a line break, and may have several lines.
std::string OneLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "; ";
    } else if (c != '\t') {
      line += c;
    }
  }
  if (line.size() > kMessageBytesMax) {
    line.resize(kMessageBytesMax);
    line += "...";
  }
  return line;
}

}  // namespace

// --- rows ---

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }
size_t Rows::size() const { return static_cast<size_t>(PQntuples(result_.get())); }
bool Rows::IsNull(size_t row, size_t column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}
std::string_view Rows::Text(size_t row, size_t column) const {
  const int r = static_cast<int>(row), c = static_cast<int>(column);
  return {PQgetvalue(result_.get(), r, c), static_cast<size_t>(PQgetlength(result_.get(), r, c))};
}
int64_t Rows::Number(size_t row, size_t column) const {
  const std::string_view text = Text(row, column);
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}
Bytes Rows::Decoded(size_t row, size_t column) const {
  size_t size = 0;
  unsigned char* const bytes = PQunescapeBytea(reinterpret_cast<const unsigned char*>(Text(row, column).data()), &size);
  if (bytes == nullptr) return {};
  const Bytes copy = ToBytes({bytes, size});
  PQfreemem(bytes);
  return copy;
}
uint64_t Rows::affected() const {
  const std::string_view text = PQcmdTuples(result_.get());
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// --- connecting ---

Result<std::unique_ptr<Connection>> Connection::Open(const Address& address, const stream::Waiter& waiter) {
  Address::Parameters parameters = address.WithDefaults();
  parameters.emplace_back("client_encoding", "UTF8");
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : parameters) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  pg_conn* const raw = PQconnectStartParams(keys.data(), values.data(), 1);
  if (raw == nullptr) return Error(ErrorCode::kNoSpace, "no memory for a connection");
  std::unique_ptr<Connection> connection(new Connection(raw, waiter));
  PQsetNoticeProcessor(raw, [](void*, const char*) {}, nullptr);
  RETURN_IF_ERROR(connection->Connect());
  RETURN_IF_ERROR(connection->Prepare());
  return connection;
}

// What a database's owner can put before pg_catalog in the search path would run as whoever connects: no name is looked
// up before the path is empty. Nor may a setting of theirs end a session of ours that waits. A pooler would hand such
// settings on to others, so it is found out first.
Result<void> Connection::Prepare() {
  process_ = PQbackendPID(connection_);
  ASSIGN_OR_RETURN(const std::string own, Value("SELECT pg_catalog.pg_backend_pid()"));
  if (own != std::to_string(process_)) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "{} is a pooler (pgbouncer or its like), behind which a snapshot cannot be shared between sessions: "
        "give the server's own address",
        ForPeople());
  }
  std::string statement = "SELECT pg_catalog.set_config('search_path', '', false)";
  std::vector<const char*> timeouts = {"statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"};
  if (server_version() >= 140000) timeouts.push_back("idle_session_timeout");
  if (server_version() >= 170000) timeouts.push_back("transaction_timeout");
  for (const char* one : timeouts) statement += ", pg_catalog.set_config('" + std::string(one) + "', '0', false)";
  // What is said to be done shall be so after a crash of the server too. 'local' waits for no other server.
  statement +=
      ", CASE pg_catalog.current_setting('synchronous_commit') WHEN 'off' THEN "
      "pg_catalog.set_config('synchronous_commit', 'local', false) END";
  // Without an encoding of its own the server has bytes, and would refuse those that are no UTF-8.
  if (server_text("server_encoding") == "SQL_ASCII") {
    statement += ", pg_catalog.set_config('client_encoding', 'SQL_ASCII', false)";
  }
  RETURN_IF_ERROR(Query(statement));
  return {};
}

Connection::~Connection() {
  if (row_ != nullptr) PQfreemem(row_);
  PQfinish(connection_);
}

Result<void> Connection::Connect() {
  PostgresPollingStatusType state =
      PQstatus(connection_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  // Several addresses of a host are tried in turn, each in a few steps.
  unsigned steps = 0;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    const int socket = PQsocket(connection_);
    if (socket < 0) break;
    const int wait_ms = static_cast<int>(std::chrono::milliseconds(kConnectPatience).count());
    ASSIGN_OR_RETURN(const bool is_ready, state == PGRES_POLLING_READING ? waiter_.WaitFor(socket, wait_ms)
                                                                         : waiter_.WaitToWrite(socket, wait_ms));
    if (!is_ready || ++steps > kConnectStepsMax) {
      return MakeError(ErrorCode::kIo,
                       "the PostgreSQL server at {} does not answer: is the address right, is it running?",
                       ForPeople());
    }
    state = PQconnectPoll(connection_);
  }
  if (PQstatus(connection_) == CONNECTION_OK) {
    PQsetnonblocking(connection_, 1);
    return {};
  }
  const std::string why = OneLine(PQerrorMessage(connection_));
  const auto says = [&](std::string_view part) { return why.find(part) != std::string::npos; };
  // The server's words are of its language; these are libpq's, or the usual ones.
  const bool is_password = PQconnectionNeedsPassword(connection_) != 0 || PQconnectionUsedPassword(connection_) != 0;
  if (PQconnectionNeedsPassword(connection_) != 0) {
    return MakeError(
        ErrorCode::kPermission,
        "the PostgreSQL server asks for a password: give it by PGPASSWORD, a file ~/.pgpass, or an address in "
        "an environment variable (env:NAME): {}",
        why);
  }
  if (says("does not exist") && !says("role") && !is_password) return Error(ErrorCode::kNotFound, why);
  if (is_password && says("authentication failed")) return Error(ErrorCode::kPermission, why);
  if (says("does not exist")) return Error(ErrorCode::kNotFound, why);
  if (says("pg_hba.conf") || says("authentication") || says("permission denied for database"))
    return Error(ErrorCode::kPermission, why);
  return Error(ErrorCode::kIo, why);
}

std::string Connection::host() const {
  const char* host = PQhost(connection_);
  return host != nullptr ? host : "";
}
std::string Connection::port() const {
  const char* port = PQport(connection_);
  return port != nullptr ? port : "";
}
std::string Connection::user() const {
  const char* user = PQuser(connection_);
  return user != nullptr ? user : "";
}
std::string Connection::database() const {
  const char* database = PQdb(connection_);
  return database != nullptr ? database : "";
}
bool Connection::is_in_transaction() const { return PQtransactionStatus(connection_) == PQTRANS_INTRANS; }
int Connection::server_version() const { return PQserverVersion(connection_); }
std::string Connection::server_text(const char* parameter) const {
  const char* value = PQparameterStatus(connection_, parameter);
  return value != nullptr ? value : "";
}

std::string Connection::ForPeople() const {
  const std::string where = host().starts_with("/") ? "[" + host() + "]" : host();
  return "postgresql://" + where + ":" + port() + "/" + database();
}

// --- errors ---

Error Connection::NetworkError() const {
  const std::string why = OneLine(PQerrorMessage(connection_));
  return MakeError(ErrorCode::kIo, "{}: {}", ForPeople(), why.empty() ? "the connection was lost" : why).Transient();
}

Error Connection::ErrorOf(const pg_result* result) const {
  const auto field = [&](int which) -> std::string {
    const char* text = PQresultErrorField(result, which);
    return text != nullptr ? text : "";
  };
  const std::string state = field(PG_DIAG_SQLSTATE);
  if (state.empty()) return NetworkError();
  std::string text = field(PG_DIAG_MESSAGE_PRIMARY);
  for (const int which : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT, PG_DIAG_CONTEXT}) {
    const std::string more = field(which);
    if (!more.empty()) text += " (" + more + ")";
  }
  return MakeError(CodeOf(state), "{}: {} [{}]", database(), OneLine(text), state);
}

// --- queries ---

Result<void> Connection::Flush() {
  for (;;) {
    const int left = PQflush(connection_);
    if (left == 0) return {};
    if (left < 0) return NetworkError();
    const int wait_ms = static_cast<int>(std::chrono::milliseconds(kCopyPatience).count());
    ASSIGN_OR_RETURN(const bool is_ready, waiter_.WaitToWrite(PQsocket(connection_), wait_ms));
    if (!is_ready) {
      return MakeError(ErrorCode::kBusy, "{} has taken nothing for {} s", ForPeople(), kCopyPatience.count());
    }
    if (PQconsumeInput(connection_) == 0) return NetworkError();
  }
}

Result<void> Connection::WaitForInput(std::chrono::seconds patience) {
  const int wait_ms = static_cast<int>(std::chrono::milliseconds(patience).count());
  ASSIGN_OR_RETURN(const bool is_ready, waiter_.WaitFor(PQsocket(connection_), wait_ms));
  if (!is_ready) {
    return MakeError(ErrorCode::kBusy, "{} has not answered for {} s", ForPeople(), patience.count());
  }
  return PQconsumeInput(connection_) != 0 ? Result<void>() : NetworkError();
}

Result<Rows> Connection::Collect(std::chrono::seconds patience) {
  RETURN_IF_ERROR(Flush());
  Rows last(nullptr);
  std::optional<Error> error;
  for (;;) {
    while (PQisBusy(connection_) != 0) RETURN_IF_ERROR(WaitForInput(patience));
    pg_result* const result = PQgetResult(connection_);
    if (result == nullptr) break;
    Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      if (!error) error = ErrorOf(result);
      if (PQstatus(connection_) == CONNECTION_BAD) break;
      continue;
    }
    const bool is_copy = status == PGRES_COPY_IN || status == PGRES_COPY_OUT;
    last = std::move(rows);
    if (is_copy) break;
  }
  if (error) return *error;
  return last;
}

Result<void> Connection::Send(const std::string& statement) {
  if (PQsendQuery(connection_, statement.c_str()) == 0) return NetworkError();
  return Flush();
}

Result<std::optional<Rows>> Connection::Answer(std::chrono::milliseconds span) {
  if (PQisBusy(connection_) != 0) {
    ASSIGN_OR_RETURN(const bool is_ready, waiter_.WaitFor(PQsocket(connection_), static_cast<int>(span.count())));
    if (is_ready && PQconsumeInput(connection_) == 0) return NetworkError();
    if (PQisBusy(connection_) != 0) return std::optional<Rows>();
  }
  ASSIGN_OR_RETURN(Rows rows, Collect(kPatience));
  return std::optional<Rows>(std::move(rows));
}

Result<Rows> Connection::Query(const std::string& statement, std::chrono::seconds patience) {
  if (PQsendQuery(connection_, statement.c_str()) == 0) return NetworkError();
  return Collect(patience);
}

Result<Rows> Connection::Query(const std::string& statement, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  const int sent = PQsendQueryParams(connection_, statement.c_str(), static_cast<int>(values.size()), nullptr,
                                     values.data(), nullptr, nullptr, 0);
  if (sent == 0) return NetworkError();
  return Collect(kPatience);
}

Result<std::string> Connection::Value(const std::string& statement) {
  ASSIGN_OR_RETURN(const Rows rows, Query(statement));
  if (rows.size() == 0) return MakeError(ErrorCode::kNotFound, "{}: no row for {}", database(), statement);
  return rows.String(0, 0);
}

// --- COPY ---

Result<void> Connection::BeginCopyOut(const std::string& statement) {
  copied_rows_ = 0;
  copy_ended_ = false;
  RETURN_IF_ERROR(Query(statement));
  return {};
}

Result<size_t> Connection::ReadCopy(MutableByteSpan target) {
  size_t filled = 0;
  while (filled < target.size() && !copy_ended_) {
    if (row_ != nullptr) {
      const size_t part = std::min(row_bytes_ - row_used_, target.size() - filled);
      // A row goes whole where it can: what reads it looks at lines.
      if (part < row_bytes_ - row_used_ && filled > 0) return filled;
      std::memcpy(target.data() + filled, row_ + row_used_, part);
      filled += part;
      row_used_ += part;
      if (row_used_ < row_bytes_) return filled;
      PQfreemem(row_);
      row_ = nullptr;
      continue;
    }
    const int got = PQgetCopyData(connection_, &row_, 1);
    if (got > 0) {
      row_bytes_ = static_cast<size_t>(got);
      row_used_ = 0;
      ++copied_rows_;
    } else if (got == 0) {
      if (filled > 0) return filled;
      RETURN_IF_ERROR(WaitForInput(kCopyPatience));
    } else if (got == -2) {
      return NetworkError();
    } else {
      copy_ended_ = true;
      ASSIGN_OR_RETURN(const Rows end, Collect(kPatience));
      if (end.affected() != copied_rows_) {
        return MakeError(ErrorCode::kIo, "{}: the server counts {} rows of a COPY, {} came", ForPeople(),
                         end.affected(), copied_rows_);
      }
    }
  }
  return filled;
}

Result<void> Connection::BeginCopyIn(const std::string& statement) {
  gathered_.clear();
  RETURN_IF_ERROR(Query(statement));
  return {};
}

// Blobs are of a few KiB, and each piece that is sent wakes the server.
Result<void> Connection::WriteCopy(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ByteSpan part = bytes.first(std::min(bytes.size(), kPieceBytes - gathered_.size()));
    Append(gathered_, part);
    bytes = bytes.subspan(part.size());
    if (gathered_.size() == kPieceBytes) RETURN_IF_ERROR(SendGathered());
  }
  return {};
}

Result<void> Connection::SendGathered() {
  for (bool is_put = gathered_.empty(); !is_put;) {
    const int put =
        PQputCopyData(connection_, reinterpret_cast<const char*>(gathered_.data()), static_cast<int>(gathered_.size()));
    if (put < 0) return NetworkError();
    RETURN_IF_ERROR(Flush());
    is_put = put > 0;
  }
  gathered_.clear();
  return {};
}

Result<uint64_t> Connection::EndCopyIn() {
  RETURN_IF_ERROR(SendGathered());
  for (;;) {
    const int put = PQputCopyEnd(connection_, nullptr);
    if (put < 0) return NetworkError();
    RETURN_IF_ERROR(Flush());
    if (put > 0) break;
  }
  ASSIGN_OR_RETURN(const Rows end, Collect(kCopyPatience));
  return end.affected();
}

// --- quoting ---

std::string QuoteName(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

std::string QuoteLiteral(std::string_view value) {
  std::string text = value.find('\\') != std::string_view::npos ? " E'" : "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += c;
    text += c;
  }
  return text + "'";
}

}  // namespace cairn::postgres
