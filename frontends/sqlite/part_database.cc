#include "frontends/sqlite/part_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "frontends/sqlite/rows_digest.h"
#include "frontends/sqlite/schema.h"
#include "frontends/sqlite/session.h"
#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

// What a row is copied by: its number where that is no column, and what is not computed.
std::vector<std::string> ColumnsOf(const Table& table) {
  std::vector<std::string> columns;
  if (!table.hidden_rowid.empty()) columns.push_back(table.hidden_rowid);
  for (const Column& column : table.columns) {
    if (!column.is_generated && !column.is_hidden) columns.push_back(QuoteName(column.name));
  }
  return columns;
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string SelectOf(const Table& table) {
  std::vector<std::string> order;
  if (table.rowid_column) {
    order.push_back(QuoteName(*table.rowid_column));
  } else if (!table.hidden_rowid.empty()) {
    order.push_back(table.hidden_rowid);
  } else {
    for (const std::string& column : table.key) order.push_back(QuoteName(column));
  }
  return "SELECT " + Joined(ColumnsOf(table)) + " FROM main." + QuoteName(table.name) +
         (order.empty() ? "" : " ORDER BY " + Joined(order));
}

class Copying {
 public:
  Copying(const Session& from, const Session& to, const SqliteParameters& part) : from_(from), to_(to), part_(part) {}

  Result<void> Run() {
    ASSIGN_OR_RETURN(schema_, ReadSchema(from_, "main"));
    RETURN_IF_ERROR(schema_.NeedMatches(part_.chosen, /*with_views=*/!part_.no_others));
    RETURN_IF_ERROR(MakeTables());
    if (!part_.no_rows) {
      for (const Table* table : tables_) RETURN_IF_ERROR(CopyRows(*table).While(Shown(table->name)));
      RETURN_IF_ERROR(CopySequences());
    }
    return part_.no_others ? Result<void>() : MakeOthers();
  }

 private:
  bool Takes(const std::string& name) const { return TakesName(part_.chosen, part_.excluded, name); }

  Result<void> MakeTables() {
    for (const Definition& one : schema_.definitions) {
      const Table* table = one.type == "table" ? schema_.Find(one.name) : nullptr;
      if (table == nullptr || table->kind == Table::Kind::kShadow || !Takes(one.name)) continue;
      RETURN_IF_ERROR(NeedTable(*table));
      RETURN_IF_ERROR(to_.Run(one.sql).While("making " + Shown(one.name)));
      tables_.push_back(table);
    }
    if (!tables_.empty()) return {};
    return Error(ErrorCode::kNotFound, "none of its tables is chosen");
  }

  static Result<void> Refuse(const Table& table, const std::string& why) {
    return MakeError(ErrorCode::kUnsupported, "{} {}: leave it out (--exclude-table), or back the whole database up",
                     Shown(table.name), why);
  }

  Result<void> NeedTable(const Table& table) const {
    if (const std::string module = schema_.UnknownModuleOf(table); !module.empty()) {
      return Refuse(table, "may be a part of the virtual table " + Shown(module) + ", whose module is not there");
    }
    if (table.kind != Table::Kind::kVirtual) return {};
    if (!table.is_full_text()) return Refuse(table, "is a virtual table");
    if (!table.is_readable) return Refuse(table, "is a full text index that needs what only its application has");
    if (table.content && table.content->empty()) return Refuse(table, "is a full text index without the text");
    if (table.has_own_text() && Folded(table.sql).find("languageid") != std::string::npos) {
      return Refuse(table, "is a full text index with languages of rows");
    }
    return {};
  }

  Result<void> CopyRows(const Table& table) {
    if (table.kind == Table::Kind::kVirtual && !table.has_own_text()) {
      indexes_of_text_.push_back(table.name);
      return {};
    }
    const std::vector<std::string> columns = ColumnsOf(table);
    std::string values;
    for (size_t i = 0; i < columns.size(); ++i) values += i == 0 ? "?" : ", ?";
    // Said here, for what the table itself may say of conflicts would leave rows out.
    const std::string insert =
        fmt::format("INSERT OR FAIL INTO main.{} ({}) VALUES ({})", QuoteName(table.name), Joined(columns), values);
    sqlite3_stmt* prepared = nullptr;
    int code = sqlite3_prepare_v2(to_.connection, insert.c_str(), -1, &prepared, nullptr);
    const std::unique_ptr<sqlite3_stmt, Finalize> statement(prepared);
    if (code != SQLITE_OK) return ErrorOf(code, to_.connection, to_.path, to_.patience);
    RowsDigest there;
    std::optional<Error> failed;
    const auto read = from_.ForEachRow(SelectOf(table), [&](sqlite3_stmt* row) {
      if (failed) return sqlite3_interrupt(from_.connection);
      there.Add(row);
      for (int i = 0; i < sqlite3_column_count(row); ++i) {
        sqlite3_bind_value(prepared, i + 1, sqlite3_column_value(row, i));
      }
      code = sqlite3_step(prepared);
      if (code != SQLITE_DONE) failed = ErrorOf(code, to_.connection, to_.path, to_.patience);
      sqlite3_reset(prepared);
    });
    if (failed) return *failed;
    RETURN_IF_ERROR(read);
    ASSIGN_OR_RETURN(const RowsDigest here, DigestRows(to_, SelectOf(table)));
    if (here == there) return {};
    return MakeError(ErrorCode::kIo, "its rows, read again, are not what the database has ({} rows, and {} there)",
                     here.rows, there.rows);
  }

  Result<void> CopySequences() {
    if (!schema_.has_sequences) return {};
    ASSIGN_OR_RETURN(const auto rows, from_.Rows("SELECT name, seq FROM main.sqlite_sequence ORDER BY rowid"));
    for (const auto& row : rows) {
      const Table* table = schema_.Find(row[0].value_or(""));
      if (table == nullptr || !table->is_autoincrement || !Takes(table->name)) continue;
      const std::string name = QuoteText(table->name);
      RETURN_IF_ERROR(
          to_.Run(fmt::format("DELETE FROM sqlite_sequence WHERE name = {0}; INSERT INTO sqlite_sequence "
                              "(name, seq) VALUES ({0}, {1})",
                              name, QuoteText(row[1].value_or("0")))));
      RETURN_IF_ERROR(to_.Run("UPDATE sqlite_sequence SET seq = CAST(seq AS INTEGER)"));
    }
    return {};
  }

  Result<void> MakeOthers() {
    for (const char* type : {"index", "view", "trigger"}) {
      for (const Definition& one : schema_.definitions) {
        if (one.type != type || !HasOwner(one)) continue;
        RETURN_IF_ERROR(to_.Run(one.sql).While("making " + Shown(one.name)));
      }
    }
    for (const std::string& name : indexes_of_text_) {
      RETURN_IF_ERROR(to_.Run(fmt::format("INSERT INTO main.{0} ({0}) VALUES ('rebuild')", QuoteName(name)))
                          .While("the full text index " + Shown(name)));
    }
    return {};
  }

  // A view is its own; what else is made for a table or a view comes with that.
  bool HasOwner(const Definition& one) const {
    const Definition* owner = schema_.FindDefinition(one.type == "view" ? one.name : one.table);
    if (owner == nullptr || !Takes(owner->name)) return false;
    return owner->type == "view" || std::ranges::find(tables_, schema_.Find(owner->name)) != tables_.end();
  }

  const Session& from_;
  const Session& to_;
  const SqliteParameters& part_;
  Schema schema_;
  std::vector<const Table*> tables_;  // those that are in it, in the order in which they were made
  std::vector<std::string> indexes_of_text_;
};

}  // namespace

Result<Connection> MakePart(const std::string& path, const SqliteParameters& part, Patience& patience) {
  ASSIGN_OR_RETURN(const Connection source, OpenToRead(path, patience));
  const Session from{.connection = source.get(), .path = path, .patience = patience};
  sqlite3* opened = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2("", &opened, kFlags, nullptr);  // a file of its own, without a name
  Connection target(opened);
  const std::string name = "the copy of the tables of " + Shown(path) + " in the folder for temporary files (TMPDIR)";
  if (code != SQLITE_OK) return ErrorOf(code, opened, name, patience);
  patience.Install(opened);
  const Session to{.connection = opened, .path = name, .patience = patience};
  // From here on it is one state.
  RETURN_IF_ERROR(from.Run("PRAGMA trusted_schema = OFF; BEGIN"));
  ASSIGN_OR_RETURN(const int64_t page_bytes, from.Number("PRAGMA page_size"));
  ASSIGN_OR_RETURN(const auto encoding, from.Rows("PRAGMA encoding"));
  RETURN_IF_ERROR(to.Run(fmt::format(
      "PRAGMA page_size = {}; PRAGMA encoding = {}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA "
      "trusted_schema = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; BEGIN",
      page_bytes, QuoteText(encoding.front().front().value_or("UTF-8")))));
  RETURN_IF_ERROR(Copying(from, to, part).Run());
  RETURN_IF_ERROR(to.Run("COMMIT"));
  RETURN_IF_ERROR(from.Run("COMMIT"));
  return target;
}

}  // namespace cairn::sqlite
