// A session with a PostgreSQL server.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontends/postgres/address.h"
#include "frontends/stream/readable.h"

struct pg_conn;
struct pg_result;

namespace cairn::postgres {

// What a query gave. Texts live as long as it does.
class Rows {
 public:
  explicit Rows(pg_result* result) : result_(result) {}
  size_t size() const;
  bool IsNull(size_t row, size_t column) const;
  std::string_view Text(size_t row, size_t column) const;  // of NULL: ""
  std::string String(size_t row, size_t column) const { return std::string(Text(row, column)); }
  int64_t Number(size_t row, size_t column) const;  // of what is none: 0
  bool Flag(size_t row, size_t column) const { return Text(row, column) == "t"; }
  Bytes Decoded(size_t row, size_t column) const;  // of a bytea
  uint64_t affected() const;                       // rows, by the command's tag

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// One thread at a time. Never waits without a limit: to connect 15 s, for an answer as long as the call says, for a
// network that is gone a minute. Ends with kInterrupted where stop is asked for: then, and after any error of the
// network, it is good for nothing more. A transaction that is open when it goes is undone by the server.
//
// Errors: kPermission (password, rights), kNotFound (database), kAlreadyExists, kBusy (locks, sessions), kNoSpace,
// kInvalidArgument (what the server calls wrong), else kIo. They say what the server says, never a password.
class Connection {
 public:
  // With an empty search path, none of the server's limits of time, and commits that outlast its crash. A pooler is
  // refused: behind it a session's settings, snapshots and locks may be another's. `waiter` outlives it.
  static Result<std::unique_ptr<Connection>> Open(const Address& address, const stream::Waiter& waiter);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  static constexpr std::chrono::seconds kPatience{600};
  // One statement, or several without parameters (as one transaction): the last one's rows.
  Result<Rows> Query(const std::string& statement, std::chrono::seconds patience = kPatience);
  Result<Rows> Query(const std::string& statement, const std::vector<std::string>& parameters);
  // The first column of the first row; kNotFound where there is none.
  Result<std::string> Value(const std::string& statement);
  // Begins a statement that takes its time, and asks for its end; between them others may do something.
  Result<void> Send(const std::string& statement);
  // Nothing: not yet. Waits `span` at most.
  Result<std::optional<Rows>> Answer(std::chrono::milliseconds span);

  // COPY ... TO STDOUT: begins; whole rows, as many as `target` holds or a part of a longer one, 0 at the end, when all
  // is known to have come: the server ended it well, and counts as many rows as were seen.
  Result<void> BeginCopyOut(const std::string& statement);
  Result<size_t> ReadCopy(MutableByteSpan target);
  uint64_t copied_rows() const { return copied_rows_; }
  // COPY ... FROM STDIN. What is written is sent by and by, all of it at the latest by EndCopyIn: the rows that the
  // server took.
  Result<void> BeginCopyIn(const std::string& statement);
  Result<void> WriteCopy(ByteSpan bytes);
  Result<uint64_t> EndCopyIn();

  // Between its BEGIN and its end, and with no COPY under way.
  bool is_in_transaction() const;
  int server_version() const;  // 150018
  std::string host() const;    // or the folder of the socket
  std::string port() const;
  std::string user() const;
  std::string database() const;
  std::string server_text(const char* parameter) const;  // server_version, server_encoding, is_superuser, ...
  int process() const { return process_; }               // of the server, also when it is gone
  // "postgresql://host:5432/database".
  std::string ForPeople() const;

 private:
  Connection(pg_conn* connection, const stream::Waiter& waiter) : connection_(connection), waiter_(waiter) {}
  Result<void> Connect();
  Result<void> Prepare();
  Result<Rows> Collect(std::chrono::seconds patience);
  Result<void> WaitForInput(std::chrono::seconds patience);
  Result<void> Flush();
  Result<void> SendGathered();
  Error NetworkError() const;
  Error ErrorOf(const pg_result* result) const;

  pg_conn* const connection_;
  const stream::Waiter& waiter_;
  char* row_ = nullptr;  // of a COPY, what did not fit
  size_t row_bytes_ = 0, row_used_ = 0;
  Bytes gathered_;  // to be sent
  uint64_t copied_rows_ = 0;
  bool copy_ended_ = false;
  int process_ = 0;
};

// For SQL text.
std::string QuoteName(std::string_view name);      // "odd ""name"""
std::string QuoteLiteral(std::string_view value);  // 'it''s', E'...' where it holds a backslash

}  // namespace cairn::postgres
