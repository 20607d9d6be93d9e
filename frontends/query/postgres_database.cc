#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "frontends/postgres/copy_text.h"
#include "frontends/query/query_database.h"
#include "frontends/query/read_connection.h"

namespace cairn::query {
namespace {

using postgres::NoRows;
using postgres::TableDescription;
using Value = std::optional<std::string>;

enum class ValueKind : uint8_t { kInteger, kReal, kNumeric, kBoolean, kBlob, kText };

ValueKind KindOf(const std::string& type) {
  static const std::map<std::string, ValueKind> kinds = {
      {"smallint", ValueKind::kInteger}, {"integer", ValueKind::kInteger}, {"bigint", ValueKind::kInteger},
      {"oid", ValueKind::kInteger},      {"real", ValueKind::kReal},       {"double precision", ValueKind::kReal},
      {"numeric", ValueKind::kNumeric},  {"boolean", ValueKind::kBoolean}, {"bytea", ValueKind::kBlob}};
  const auto found = kinds.find(type.substr(0, type.find('(')));  // numeric(10,2)
  const bool is_array = type.ends_with("]");
  return found == kinds.end() || is_array ? ValueKind::kText : found->second;
}

// So that SQLite compares as it should: by number, by bytes or as text.
const char* DeclaredType(ValueKind kind) {
  constexpr const char* kTypes[] = {"INTEGER", "REAL", "NUMERIC", "BOOLEAN", "BLOB", "TEXT"};
  return kTypes[static_cast<size_t>(kind)];
}

// What a double holds of any decimal number.
bool IsRounded(std::string_view digits) {
  constexpr size_t kDigitsMax = 15;
  std::string significant;
  for (const char c : digits) {
    if (c >= '0' && c <= '9' && (c != '0' || !significant.empty())) significant += c;
  }
  while (!significant.empty() && significant.back() == '0') significant.pop_back();
  return significant.size() > kDigitsMax;
}

template <class Number>
std::optional<Number> ReadNumber(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return std::nullopt;
}

// A numeric has no exponent: what is beyond a double is so by its digits.
double ReadReal(const std::string& text) {
  if (text == "Infinity" || text == "-Infinity") return text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
  if (const auto number = ReadNumber<double>(text)) return *number;
  const bool is_large = text.substr(0, text.find('.')).find_first_of("123456789") != std::string::npos;
  return is_large ? (text[0] == '-' ? -HUGE_VAL : HUGE_VAL) : 0.0;
}

// Rows of one table into the private one.
class TableLoader {
 public:
  TableLoader(ReadConnection& connection, const TableDescription& table) : connection_(connection), table_(table) {
    for (const postgres::Column& column : table.columns) {
      if (!column.generated) kinds_.push_back(KindOf(column.type));
    }
  }
  ~TableLoader() { sqlite3_finalize(insert_); }
  TableLoader(const TableLoader&) = delete;
  TableLoader& operator=(const TableLoader&) = delete;

  Result<void> Load(postgres::DumpReader& dump, const std::string& target) {
    std::string marks;
    for (size_t i = 0; i < std::max<size_t>(kinds_.size(), 1); ++i) marks += i == 0 ? "?" : ",?";
    const std::string sql = "INSERT INTO " + target + " VALUES (" + marks + ")";
    const int code = sqlite3_prepare_v2(connection_.handle(), sql.c_str(), -1, &insert_, nullptr);
    if (code != SQLITE_OK) return connection_.Failure(code);
    RETURN_IF_ERROR(connection_.Execute("BEGIN"));
    postgres::CopyRows rows(kinds_.size(), [&](std::span<const Value> values) { return Insert(values); });
    RETURN_IF_ERROR(dump.Stream(table_.file, [&](ByteSpan bytes) { return rows.Take(bytes); }));
    RETURN_IF_ERROR(rows.End().While(table_.file));
    if (table_.rows && rows.rows() != *table_.rows) {
      return Corrupt("{} has {} rows, expected {}", table_.file, rows.rows(), *table_.rows);
    }
    return connection_.Execute("COMMIT");
  }
  uint64_t rounded() const { return rounded_; }

 private:
  Result<void> Insert(std::span<const Value> values) {
    for (size_t i = 0; i < values.size(); ++i) Bind(static_cast<int>(i) + 1, kinds_[i], values[i]);
    const int code = sqlite3_step(insert_);
    sqlite3_reset(insert_);
    return code == SQLITE_DONE ? Result<void>() : connection_.Failure(code);
  }

  // The value lives until the row is there.
  void Bind(int place, ValueKind kind, const Value& value) {
    if (!value) return static_cast<void>(sqlite3_bind_null(insert_, place));
    const std::string& text = *value;
    if (kind == ValueKind::kBoolean) return static_cast<void>(sqlite3_bind_int(insert_, place, text == "t" ? 1 : 0));
    if (kind == ValueKind::kBlob && text.starts_with("\\x")) {
      if (const auto bytes = FromHex(std::string_view(text).substr(2))) {
        const void* const data = bytes->empty() ? "" : static_cast<const void*>(bytes->data());
        return static_cast<void>(sqlite3_bind_blob64(insert_, place, data, bytes->size(), SQLITE_TRANSIENT));
      }
    }
    const bool is_whole = kind == ValueKind::kInteger || kind == ValueKind::kNumeric;
    if (const auto number = is_whole ? ReadNumber<int64_t>(text) : std::nullopt) {
      return static_cast<void>(sqlite3_bind_int64(insert_, place, *number));
    }
    const bool is_real = (kind == ValueKind::kReal || kind == ValueKind::kNumeric) && text != "NaN";
    if (is_real) {
      if (kind == ValueKind::kNumeric && IsRounded(text)) ++rounded_;
      return static_cast<void>(sqlite3_bind_double(insert_, place, ReadReal(text)));
    }
    sqlite3_bind_text64(insert_, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }

  ReadConnection& connection_;
  const TableDescription& table_;
  std::vector<ValueKind> kinds_;
  sqlite3_stmt* insert_ = nullptr;
  uint64_t rounded_ = 0;
};

std::string Folded(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return folded;
}

const char* WhyNoRows(const TableDescription& table) {
  switch (table.no_rows) {
    case NoRows::kPartitioned:
      return "it is partitioned: its rows are in its partitions, which are tables of their own";
    case NoRows::kForeign:
      return "it is a foreign table, whose rows are elsewhere";
    case NoRows::kMaterialized:
      return "it is a materialized view, which a restore makes anew";
    case NoRows::kUnloggedOnStandby:
      return "it is unlogged, and a standby has no rows of it";
    default:
      return "its rows were not chosen when it was backed up";
  }
}

// A database of the connection for each schema, so that names are found with and without it; what a statement reads is
// loaded before it runs.
class PostgresDatabase final : public QueryDatabase {
 public:
  PostgresDatabase(std::unique_ptr<ReadConnection> connection, postgres::DumpReader& dump,
                   postgres::DatabaseDescription description, QueryOptions options)
      : connection_(std::move(connection)),
        dump_(dump),
        description_(std::move(description)),
        options_(std::move(options)) {}

  Result<std::vector<TableInfo>> Tables() override {
    std::vector<TableInfo> tables;
    for (const TableDescription& table : description_.tables) {
      TableInfo info{.name = table.name.ForPeople(), .kind = "table", .rows = table.rows, .columns = {}};
      if (table.no_rows == NoRows::kPartitioned) info.kind = "partitioned";
      if (table.no_rows == NoRows::kForeign) info.kind = "foreign table";
      if (table.no_rows == NoRows::kMaterialized) info.kind = "materialized view";
      if (table.no_rows == NoRows::kHasRows && table.file.empty()) info.kind = "table, no rows kept";
      for (const postgres::Column& column : table.columns) {
        if (!column.generated) info.columns.push_back(column.name + " " + column.type);
      }
      tables.push_back(std::move(info));
    }
    return tables;
  }

  Result<void> Run(std::string_view sql, RowSink& rows) override {
    RETURN_IF_ERROR(MakeTables(sql));
    auto done = connection_->Run(sql, rows, [this](const auto& read) { return LoadAll(read); });
    if (done) return done;
    return Explained(done.error());
  }

 private:
  // Public first, as PostgreSQL looks for names; then the others, those before the rest that the statement names.
  std::vector<std::string> Schemas(std::string_view sql) const {
    const std::string folded = Folded(sql);
    std::vector<std::string> schemas;
    for (const TableDescription& table : description_.tables) {
      if (std::ranges::find(schemas, table.name.schema) == schemas.end()) schemas.push_back(table.name.schema);
    }
    const auto rank = [&](const std::string& schema) {
      return schema == "public" ? 0 : folded.find(Folded(schema)) != std::string::npos ? 1 : 2;
    };
    std::ranges::sort(schemas, {}, [&](const std::string& schema) { return std::pair(rank(schema), schema); });
    return schemas;
  }

  Result<void> MakeTables(std::string_view sql) {
    const auto attached_max = static_cast<size_t>(sqlite3_limit(connection_->handle(), SQLITE_LIMIT_ATTACHED, -1));
    size_t attached = 0;
    std::map<std::string, bool> is_there;  // by folded name
    const std::vector<std::string> schemas = Schemas(sql);
    // All of them together a quarter; what is loaded and has no place goes to the file.
    const uint64_t cache_kib =
        std::max<uint64_t>(options_.memory_bytes / 4096 / std::max<size_t>(schemas.size(), 1), 64);
    for (const std::string& schema : schemas) {
      const std::string folded = Folded(schema);
      const bool is_own = folded == "main" || folded == "temp";  // SQLite's own names
      if (!is_there.emplace(folded, true).second) {
        Tell(fmt::format("tables of schema {} are left out: SQLite takes its name for that of another", schema));
        continue;
      }
      if (!is_own && attached++ == attached_max) {
        Tell(
            fmt::format("tables of schema {} and of those behind it are left out: SQLite takes {} at once, those that "
                        "a statement names first",
                        schema, attached_max));
        break;
      }
      if (!is_own) {
        const std::string name = QuotedName(schema);
        RETURN_IF_ERROR(connection_->Execute(fmt::format(
            "ATTACH '' AS {0}; PRAGMA {0}.journal_mode = OFF; PRAGMA {0}.synchronous = OFF; PRAGMA {0}.cache_size = "
            "-{1}",
            name, cache_kib)));
      }
      RETURN_IF_ERROR(MakeTablesOf(schema));
    }
    return {};
  }

  Result<void> MakeTablesOf(const std::string& schema) {
    for (const TableDescription& table : description_.tables) {
      if (table.name.schema != schema || table.file.empty()) continue;
      const std::string folded = Folded(table.name.name);
      const ReadConnection::TableKey key(Folded(schema), folded);
      if (folded.starts_with("sqlite_") || !tables_.emplace(key, &table).second) {
        Tell(fmt::format("table {} is left out: SQLite does not tell its name from another", table.name.ForPeople()));
        continue;
      }
      RETURN_IF_ERROR(connection_->Execute("CREATE TABLE " + Target(table) + " (" + Columns(table) + ")"));
    }
    return {};
  }

  static std::string Target(const TableDescription& table) {
    return QuotedName(table.name.schema) + "." + QuotedName(table.name.name);
  }

  // SQLite tells names of columns apart as it does others, and a table has one at least.
  static std::string Columns(const TableDescription& table) {
    std::string columns;
    std::map<std::string, bool> taken;
    for (const postgres::Column& column : table.columns) {
      if (column.generated) continue;
      std::string name = column.name;
      for (int i = 2; !taken.emplace(Folded(name), true).second; ++i) name = fmt::format("{}_{}", column.name, i);
      columns += (columns.empty() ? "" : ", ") + QuotedName(name) + " " + DeclaredType(KindOf(column.type));
    }
    return columns.empty() ? "\"(no columns)\"" : columns;
  }

  Result<void> LoadAll(const std::set<ReadConnection::TableKey>& read) {
    for (const auto& [database, name] : read) {
      const auto found = tables_.find({Folded(database), Folded(name)});
      if (found == tables_.end() || found->second == nullptr) continue;
      RETURN_IF_ERROR(Load(*found->second));
      found->second = nullptr;  // it is there
    }
    return {};
  }

  Result<void> Load(const TableDescription& table) {
    Tell(fmt::format(
        "loading {} of {} into a private SQLite, whose SQL it is: its types are integers, reals, texts and "
        "blobs",
        table.rows ? fmt::format("{} rows", *table.rows) : std::string("the rows"), table.name.ForPeople()));
    TableLoader loader(*connection_, table);
    RETURN_IF_ERROR(loader.Load(dump_, Target(table)));
    if (loader.rounded() > 0) {
      Tell(fmt::format("{} numbers of {} have more than 15 digits, and are rounded", loader.rounded(),
                       table.name.ForPeople()));
    }
    return {};
  }

  // "no such table" may be one that the backup knows, and has no rows of.
  Error Explained(const Error& error) const {
    constexpr std::string_view kSaid = "no such table: ";
    const size_t at = error.message().find(kSaid);
    if (at == std::string::npos) return error;
    const std::string name = Folded(std::string_view(error.message()).substr(at + kSaid.size()));
    for (const TableDescription& table : description_.tables) {
      const bool is_it = name == Folded(table.name.ForPeople()) || name == Folded(table.name.name);
      if (!is_it || !table.file.empty()) continue;
      return MakeError(error.code(), "{}: {} cannot be asked: {}", options_.name, table.name.ForPeople(),
                       WhyNoRows(table));
    }
    return MakeError(error.code(), "{}; --tables lists those that there are, views are in none", error.message());
  }

  void Tell(const std::string& note) const {
    if (options_.tell) options_.tell(note);
  }

  const std::unique_ptr<ReadConnection> connection_;
  postgres::DumpReader& dump_;
  const postgres::DatabaseDescription description_;
  const QueryOptions options_;
  std::map<ReadConnection::TableKey, const TableDescription*> tables_;  // by folded names; nullptr: loaded
};

}  // namespace

Result<std::unique_ptr<QueryDatabase>> OpenPostgresDatabase(postgres::DumpReader& dump, const QueryOptions& options) {
  ASSIGN_OR_RETURN(auto description, dump.Description());
  ASSIGN_OR_RETURN(auto connection, ReadConnection::Open(nullptr, options.name, options.memory_bytes, options.stop));
  return std::make_unique<PostgresDatabase>(std::move(connection), dump, std::move(description), options);
}

}  // namespace cairn::query
