#include "frontends/postgres/unique_keys.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace cairn::postgres {
namespace {

// A statement, as pg_dump writes it: words in capitals, one space between them.
class StatementReader {
 public:
  explicit StatementReader(std::string_view rest) : rest_(rest) {}

  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  void TakeSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }
  bool is_at_end() const { return rest_.empty(); }

  // Nothing where none stands here.
  std::optional<std::string> Name() {
    std::string name;
    if (!Take("\"")) {
      const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || (c & 0x80) != 0;
      };
      while (!rest_.empty() && is_plain(rest_.front())) name += TakeOne();
      return name.empty() ? std::nullopt : std::optional(name);
    }
    while (!rest_.empty()) {
      const char c = TakeOne();
      if (c == '"' && !Take("\"")) return name;
      name += c;
    }
    return std::nullopt;
  }
  std::optional<TableName> Table() {
    auto schema = Name();
    if (!schema || !Take(".")) return std::nullopt;
    auto name = Name();
    if (!name) return std::nullopt;
    return TableName{*std::move(schema), *std::move(name)};
  }
  // "(a, b)"; nothing where there is more in it than names.
  std::optional<std::vector<std::string>> Columns() {
    std::vector<std::string> columns;
    if (!Take("(")) return std::nullopt;
    do {
      auto name = Name();
      if (!name) return std::nullopt;
      columns.push_back(*std::move(name));
    } while (Take(", "));
    return Take(")") ? std::optional(columns) : std::nullopt;
  }

 private:
  char TakeOne() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  std::string_view rest_;
};

struct UniqueKey {
  TableName table;
  std::vector<std::string> columns;
};

std::optional<UniqueKey> ParseKey(const Definition& one) {
  StatementReader text(one.create);
  std::optional<TableName> table;
  if (one.kind == "CONSTRAINT") {
    if (!text.Take("ALTER TABLE ")) return std::nullopt;
    text.Take("ONLY ");
    table = text.Table();
    text.TakeSpace();
    if (!table || !text.Take("ADD CONSTRAINT ") || !text.Name() || !text.Take(" UNIQUE ")) return std::nullopt;
  } else if (one.kind == "INDEX") {
    if (!text.Take("CREATE UNIQUE INDEX ") || !text.Name() || !text.Take(" ON ")) return std::nullopt;
    text.Take("ONLY ");
    table = text.Table();
    if (!table || !text.Take(" USING btree ")) return std::nullopt;
  } else {
    return std::nullopt;
  }
  text.Take("NULLS NOT DISTINCT ");
  auto columns = text.Columns();
  if (!columns || !text.Take(";")) return std::nullopt;  // with a condition, or what else may stand there
  text.TakeSpace();
  if (!text.is_at_end()) return std::nullopt;
  return UniqueKey{*std::move(table), *std::move(columns)};
}

void Sort(UniqueKeys& all) {
  for (auto& [table, keys] : all) {
    std::ranges::sort(keys);
    const auto twice = std::ranges::unique(keys);
    keys.erase(twice.begin(), twice.end());
  }
}

constexpr const char* kKeys = R"(
SELECT n.nspname, c.relname, i.indexrelid, a.attname
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisunique AND i.indisvalid AND NOT i.indisprimary AND i.indpred IS NULL AND i.indexprs IS NULL
  AND k.place <= i.indnkeyatts AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
ORDER BY i.indexrelid, k.place)";

}  // namespace

UniqueKeys FindUniqueKeys(const Definitions& definitions) {
  UniqueKeys all;
  for (const Definition& one : definitions.all()) {
    if (auto key = ParseKey(one)) all[key->table].push_back(std::move(key->columns));
  }
  Sort(all);
  return all;
}

Result<UniqueKeys> ReadUniqueKeys(Connection& connection) {
  UniqueKeys all;
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kKeys));
  for (size_t i = 0; i < rows.size(); ++i) {
    auto& keys = all[{rows.String(i, 0), rows.String(i, 1)}];
    if (i == 0 || rows.Text(i, 2) != rows.Text(i - 1, 2)) keys.emplace_back();
    keys.back().push_back(rows.String(i, 3));
  }
  Sort(all);
  return all;
}

}  // namespace cairn::postgres
