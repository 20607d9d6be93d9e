#include "frontends/sqlite/sql_dump.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <tuple>
#include <vector>

#include "frontends/sqlite/database.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

using sqlite::Connection;
using sqlite::Patience;

constexpr std::chrono::seconds kPatience{60};
constexpr size_t kBufferBytes = 256 * kKiB;
constexpr uint64_t kStatementBytesMax = 1'000'000'000;  // SQLite's own limit
constexpr int kColumnOrdinary = 0;                      // "hidden" of table_xinfo

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

std::string Quoted(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) quoted.append(c == quote ? 2 : 1, c);
  return quoted + quote;
}
std::string Name(std::string_view name) { return Quoted(name, '"'); }

// What a literal cannot hold: a zero ends a statement, and a program that reads lines takes the return off their ends.
// Something that is not in the text stands there, and is replaced by SQLite. No end of it is its beginning, so that it
// is found where it was put.
std::string TextLiteral(std::string_view text) {
  std::string marked(text), calls, ends;
  for (const auto& [odd, word, number] : {std::tuple('\0', "\\0", 0), std::tuple('\r', "\\r", 13)}) {
    if (marked.find(odd) == std::string::npos) continue;
    std::string marker = word;
    for (int i = 0; marked.find(marker) != std::string::npos; ++i) marker = fmt::format("({}{})", word, i);
    std::string replaced;
    for (const char c : marked) c == odd ? replaced += marker : replaced += c;
    marked = std::move(replaced);
    calls += "replace(";
    ends += fmt::format(",'{}',char({}))", marker, number);
  }
  return calls + Quoted(marked, '\'') + ends;
}

// By whole numbers and powers of two alone, so that nothing is rounded.
std::string RealProduct(double value) {
  constexpr int kMantissaBits = 53, kStepBits = 40;
  constexpr const char* kStep = "1099511627776.0";
  int exponent = 0;
  const auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(value, &exponent), kMantissaBits));
  exponent -= kMantissaBits;
  std::string text = fmt::format("CAST({} AS REAL)", mantissa);
  for (; exponent <= -kStepBits; exponent += kStepBits) text += std::string("/") + kStep;
  for (; exponent >= kStepBits; exponent -= kStepBits) text += std::string("*") + kStep;
  if (exponent != 0) text += fmt::format("{}{}.0", exponent < 0 ? '/' : '*', int64_t{1} << std::abs(exponent));
  return text;
}

// A comment at its end would take the semicolon in.
std::string Ended(const std::string& sql) {
  return sql + (sql.find("--") == std::string::npos && sql.find("/*") == std::string::npos ? ";\n" : "\n;\n");
}

// For an order that only the application knows: rows are taken as they stand, and none are compared.
int CompareNothing(void*, int, const void*, int, const void*) { return 0; }
void MakeCollation(void*, sqlite3* connection, int, const char* name) {
  sqlite3_create_collation_v2(connection, name, SQLITE_UTF8, nullptr, CompareNothing, nullptr);
}

class Dump {
 public:
  Dump(sqlite3* connection, const std::string& file, const Patience& patience, const EachSql& write)
      : connection_(connection), file_(file), patience_(patience), write_(write) {}

  Result<SqlDumpReport> Run() {
    RETURN_IF_ERROR(
        sqlite::Run(connection_, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; BEGIN", file_, patience_));
    RETURN_IF_ERROR(Begin());
    RETURN_IF_ERROR(
        ForEach("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL ORDER BY tbl_name = "
                "'sqlite_sequence', rowid",
                [&](sqlite3_stmt* row) { return AddTable(Text(row, 0), Text(row, 1)); }));
    RETURN_IF_ERROR(
        ForEach("SELECT sql FROM sqlite_schema WHERE sql NOT NULL AND type IN ('index', 'trigger', 'view') ORDER BY "
                "type = 'view' DESC, rowid",
                [&](sqlite3_stmt* row) { return Put(Ended(Text(row, 0))); }));
    if (has_virtual_) RETURN_IF_ERROR(Put("PRAGMA writable_schema=OFF;\n"));
    RETURN_IF_ERROR(Put("COMMIT;\n"));
    RETURN_IF_ERROR(Flush());
    return report_;
  }

 private:
  Result<void> Begin() {
    RETURN_IF_ERROR(Put("PRAGMA foreign_keys=OFF;\n"));
    RETURN_IF_ERROR(ForEach("PRAGMA encoding", [&](sqlite3_stmt* row) {
      const std::string encoding = Text(row, 0);
      return encoding == "UTF-8" ? Result<void>() : Put("PRAGMA encoding='" + encoding + "';\n");
    }));
    RETURN_IF_ERROR(Put("BEGIN TRANSACTION;\n"));
    for (const char* name : {"user_version", "application_id"}) {
      const std::string query = std::string("PRAGMA ") + name;
      ASSIGN_OR_RETURN(const int64_t value, sqlite::Number(connection_, query.c_str(), file_, patience_));
      if (value != 0) RETURN_IF_ERROR(Put(fmt::format("PRAGMA {}={};\n", name, value)));
    }
    return {};
  }

  Result<void> AddTable(const std::string& name, const std::string& sql) {
    if (name == "sqlite_sequence") {
      RETURN_IF_ERROR(Put("DELETE FROM sqlite_sequence;\n"));
    } else if (name == "sqlite_stat1") {
      RETURN_IF_ERROR(Put("ANALYZE sqlite_schema;\n"));
    } else if (name.starts_with("sqlite_")) {
      return {};
    } else if (sql.starts_with("CREATE VIRTUAL TABLE")) {
      if (!std::exchange(has_virtual_, true)) RETURN_IF_ERROR(Put("PRAGMA writable_schema=ON;\n"));
      return Put("INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table'," + TextLiteral(name) + "," +
                 TextLiteral(name) + ",0," + TextLiteral(sql) + ");\n");
    } else {
      RETURN_IF_ERROR(Put(Ended(sql)));
    }
    ++report_.tables;
    return AddRows(name).While(name);
  }

  Result<void> AddRows(const std::string& table) {
    std::string columns;
    bool has_others = false;  // that are computed
    RETURN_IF_ERROR(ForEach("PRAGMA table_xinfo(" + Quoted(table, '\'') + ")", [&](sqlite3_stmt* row) -> Result<void> {
      if (sqlite3_column_int(row, 6) == kColumnOrdinary) {
        columns += (columns.empty() ? "" : ",") + Name(Text(row, 1));
      } else {
        has_others = true;
      }
      return {};
    }));
    const std::string insert = "INSERT INTO " + Name(table) + (has_others ? "(" + columns + ")" : "") + " VALUES(";
    // Of an index only the application may know the order.
    return ForEach("SELECT " + columns + " FROM " + Name(table) + " NOT INDEXED",
                   [&](sqlite3_stmt* row) { return AddRow(insert, row); });
  }

  Result<void> AddRow(const std::string& insert, sqlite3_stmt* row) {
    uint64_t bytes = insert.size();
    for (int i = 0; i < sqlite3_column_count(row); ++i) {
      // Of a text at most doubled by quotes; near the limit SQLite decides when it reads it.
      const bool is_blob = sqlite3_column_type(row, i) == SQLITE_BLOB;
      bytes += static_cast<uint64_t>(sqlite3_column_bytes(row, i)) * (is_blob ? 2 : 1);
    }
    if (bytes >= kStatementBytesMax) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "a row takes {} bytes as SQL, and SQLite reads less than {}: --format db gives the database as "
                       "it is",
                       bytes, kStatementBytesMax);
    }
    RETURN_IF_ERROR(Put(insert));
    for (int i = 0; i < sqlite3_column_count(row); ++i) {
      if (i > 0) RETURN_IF_ERROR(Put(","));
      RETURN_IF_ERROR(Put(Literal(row, i)));
    }
    ++report_.rows;
    return Put(");\n");
  }

  // The shortest decimal that is this number, where SQLite reads that right: before 3.47 it missed by a bit at times.
  std::string RealLiteral(double value) {
    if (std::isinf(value)) return value > 0 ? "1e999" : "-1e999";
    std::array<char, 64> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    CHECK(error == std::errc());
    std::string text(digits.data(), end);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return Reads(text, value) ? text : RealProduct(value);
  }

  bool Reads(const std::string& text, double value) {
    if (real_ == nullptr) {
      sqlite3_stmt* made = nullptr;
      if (sqlite3_prepare_v2(connection_, "SELECT CAST(?1 AS REAL)", -1, &made, nullptr) != SQLITE_OK) return false;
      real_.reset(made);
    }
    sqlite3_bind_text(real_.get(), 1, text.c_str(), -1, SQLITE_TRANSIENT);
    const bool is_read = sqlite3_step(real_.get()) == SQLITE_ROW && sqlite3_column_double(real_.get(), 0) == value;
    sqlite3_reset(real_.get());
    return is_read;
  }

  std::string Literal(sqlite3_stmt* row, int column) {
    switch (sqlite3_column_type(row, column)) {
      case SQLITE_INTEGER:
        return std::to_string(sqlite3_column_int64(row, column));
      case SQLITE_FLOAT:
        return RealLiteral(sqlite3_column_double(row, column));
      case SQLITE_TEXT:
        return TextLiteral(Text(row, column));
      case SQLITE_BLOB: {
        const auto* bytes = static_cast<const uint8_t*>(sqlite3_column_blob(row, column));
        return "X'" + ToHex({bytes, static_cast<size_t>(sqlite3_column_bytes(row, column))}) + "'";
      }
      default:
        return "NULL";
    }
  }

  // As UTF-8, with what is behind a zero.
  static std::string Text(sqlite3_stmt* row, int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    if (text == nullptr) return "";
    return {text, static_cast<size_t>(sqlite3_column_bytes(row, column))};
  }

  Result<void> ForEach(const std::string& query, const std::function<Result<void>(sqlite3_stmt*)>& each) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(connection_, query.c_str(), -1, &made, nullptr);
    const Statement statement(made);
    if (code != SQLITE_OK) return sqlite::ErrorOf(code, connection_, file_, patience_);
    for (;;) {
      if (patience_.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
      const int step = sqlite3_step(statement.get());
      if (step == SQLITE_DONE) return {};
      if (step != SQLITE_ROW) return sqlite::ErrorOf(step, connection_, file_, patience_);
      RETURN_IF_ERROR(each(statement.get()));
    }
  }

  Result<void> Put(std::string_view text) {
    Append(buffer_, AsBytes(text));
    return buffer_.size() >= kBufferBytes ? Flush() : Result<void>();
  }
  Result<void> Flush() {
    RETURN_IF_ERROR(write_(buffer_));
    buffer_.clear();
    return {};
  }

  sqlite3* const connection_;
  const std::string& file_;
  const Patience& patience_;
  const EachSql& write_;
  Statement real_;  // what SQLite takes a text for
  Bytes buffer_;
  bool has_virtual_ = false;
  SqlDumpReport report_;
};

}  // namespace

Result<SqlDumpReport> DumpSql(const std::string& file, const Clock& clock, const std::stop_token& stop,
                              const EachSql& write) {
  Patience patience(clock, kPatience, stop);
  ASSIGN_OR_RETURN(const Connection connection, sqlite::OpenToRead(file, patience));
  sqlite3_collation_needed(connection.get(), nullptr, MakeCollation);
  return Dump(connection.get(), file, patience, write).Run();
}

}  // namespace cairn
