#include "frontends/postgres/merge_statement.h"

#include <fmt/format.h>

#include <algorithm>

namespace cairn::postgres {
namespace {

std::string Joined(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

MergeStatement::MergeStatement(const StagedTables& all, const LiveTables& live, const StagedTable& table)
    : all_(all), table_(table) {
  for (const ForeignKey& key : live.foreign_keys) {
    const bool is_ours = key.table == table.live->listing.table.name &&
                         std::ranges::all_of(key.columns, [&](const auto& one) { return Has(table.columns, one); });
    if (is_ours) foreign_keys_.push_back(&key);
  }
}

std::string MergeStatement::MakeStage() const {
  std::vector<std::string> columns;
  for (const Column& column : table_.dump->columns) {
    if (!column.generated) columns.push_back(QuoteName(column.name) + " pg_catalog.text");
  }
  return "CREATE TEMPORARY TABLE " + table_.stage + " (" + Joined(columns, ", ") + ")";
}

// Where the staged row's parent may have another key here than in the dump, the value is that of the parent that is the
// same by the key that the user has given.
const StagedTable* MergeStatement::Remapped(const ForeignKey& key) const {
  const auto parent = all_.find(key.parent);
  return parent != all_.end() && parent->second.has_own_key ? &parent->second : nullptr;
}

std::string MergeStatement::Value(const std::string& column) const {
  const Column* live = table_.live->Find(column);
  CHECK(live != nullptr);
  for (const ForeignKey* key : foreign_keys_) {
    const StagedTable* parent = Remapped(*key);
    const auto at = std::ranges::find(key->columns, column);
    if (parent == nullptr || at == key->columns.end()) continue;
    std::vector<std::string> same, found;
    for (size_t i = 0; i < key->columns.size(); ++i) {
      const std::string type = parent->live->Find(key->parent_columns[i])->cast_type;
      found.push_back(fmt::format("CAST(ps.{} AS {}) {} CAST(s.{} AS {})", QuoteName(key->parent_columns[i]), type,
                                  Equals(*parent->live, key->parent_columns[i]), QuoteName(key->columns[i]), type));
    }
    for (const std::string& one : parent->key) {
      same.push_back(fmt::format("p.{} {} CAST(ps.{} AS {})", QuoteName(one), Equals(*parent->live, one),
                                 QuoteName(one), parent->live->Find(one)->cast_type));
    }
    const std::string& target = key->parent_columns[static_cast<size_t>(at - key->columns.begin())];
    return fmt::format("(SELECT p.{} FROM {} ps JOIN {} p ON {} WHERE {} LIMIT 1)", QuoteName(target), parent->stage,
                       parent->live->listing.table.name.Quoted(), Joined(same, " AND "), Joined(found, " AND "));
  }
  return fmt::format("CAST(s.{} AS {})", QuoteName(column), live->cast_type);
}

std::string MergeStatement::Equals(const LiveTable& table, const std::string& column) const {
  const auto found = table.equals.find(column);
  return found != table.equals.end() ? found->second : "OPERATOR(pg_catalog.=)";
}

std::string MergeStatement::KeyMatches() const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.key) {
    parts.push_back(fmt::format("l.{} {} {}", QuoteName(column), Equals(*table_.live, column), Value(column)));
  }
  return Joined(parts, " AND ");
}

std::string MergeStatement::HasKey() const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.key) parts.push_back("s." + QuoteName(column) + " IS NOT NULL");
  return Joined(parts, " AND ");
}

std::string MergeStatement::ParentIsThere(const ForeignKey& key) const {
  std::vector<std::string> empty, same;
  const auto staged = all_.find(key.parent);
  for (size_t i = 0; i < key.columns.size(); ++i) {
    empty.push_back("s." + QuoteName(key.columns[i]) + " IS NULL");
    // Its own operator would be the foreign key's, which is that of the parent's type.
    const std::string equals = staged != all_.end() ? Equals(*staged->second.live, key.parent_columns[i])
                                                    : Equals(*table_.live, key.columns[i]);
    same.push_back(fmt::format("p.{} {} {}", QuoteName(key.parent_columns[i]), equals, Value(key.columns[i])));
  }
  return fmt::format("({} OR EXISTS (SELECT FROM {} p WHERE {}))", Joined(empty, " OR "), key.parent.Quoted(),
                     Joined(same, " AND "));
}

std::string MergeStatement::ParentsAreThere() const {
  std::vector<std::string> parts = {"true"};
  for (const ForeignKey* key : foreign_keys_) parts.push_back(ParentIsThere(*key));
  return Joined(parts, " AND ");
}

std::string MergeStatement::Columns() const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.columns) parts.push_back(QuoteName(column));
  return Joined(parts, ", ");
}

std::string MergeStatement::Values() const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.columns) parts.push_back(Value(column));
  return Joined(parts, ", ");
}

std::string MergeStatement::InsertAll() const {
  const std::string name = table_.live->listing.table.name.Quoted();
  if (table_.columns.empty()) {
    return "INSERT INTO " + name + " SELECT FROM " + table_.stage;  // of a table without columns
  }
  return fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} s", name, Columns(), Values(),
                     table_.stage);
}

std::string MergeStatement::InsertMissing() const {
  std::vector<std::string> key;
  for (const std::string& column : table_.key) key.push_back(Value(column));
  const std::string name = table_.live->listing.table.name.Quoted();
  return fmt::format(
      "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT DISTINCT ON ({}) {} FROM {} s WHERE {} AND NOT EXISTS "
      "(SELECT "
      "FROM {} l WHERE {}) AND {} ON CONFLICT DO NOTHING",
      name, Columns(), Joined(key, ", "), Values(), table_.stage, HasKey(), name, KeyMatches(), ParentsAreThere());
}

std::string MergeStatement::CountWithoutKey() const {
  return fmt::format("SELECT count(*) FROM {} s WHERE NOT ({})", table_.stage, HasKey());
}

std::string MergeStatement::CountPresent() const {
  return fmt::format("SELECT count(*) FROM {} s WHERE {} AND EXISTS (SELECT FROM {} l WHERE {})", table_.stage,
                     HasKey(), table_.live->listing.table.name.Quoted(), KeyMatches());
}

std::string MergeStatement::CountOrphans() const {
  return fmt::format("SELECT count(*) FROM {} s WHERE {} AND NOT EXISTS (SELECT FROM {} l WHERE {}) AND NOT ({})",
                     table_.stage, HasKey(), table_.live->listing.table.name.Quoted(), KeyMatches(), ParentsAreThere());
}

std::string MergeStatement::SampleLeftOut(unsigned rows) const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.key) parts.push_back("s." + QuoteName(column));
  return fmt::format(
      "SELECT pg_catalog.concat_ws(', ', {}) FROM {} s WHERE {} AND NOT EXISTS (SELECT FROM {} l WHERE {}) "
      "LIMIT {}",
      Joined(parts, ", "), table_.stage, HasKey(), table_.live->listing.table.name.Quoted(), KeyMatches(), rows);
}

std::string MergeStatement::FindSharedKey(bool in_stage) const {
  std::vector<std::string> key, shown, has;
  for (const std::string& column : table_.key) {
    const std::string value = in_stage ? Value(column) : "s." + QuoteName(column);
    key.push_back(value);
    shown.push_back("min(s." + QuoteName(column) + "::pg_catalog.text)");
    has.push_back("s." + QuoteName(column) + " IS NOT NULL");
  }
  return fmt::format("SELECT pg_catalog.concat_ws(', ', {}) FROM {} s WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
                     Joined(shown, ", "), in_stage ? table_.stage : table_.live->listing.table.name.Quoted(),
                     Joined(has, " AND "), Joined(key, ", "));
}

std::optional<std::string> MergeStatement::CountDifferences() const {
  std::vector<std::string> staged, live;
  for (const std::string& column : table_.columns) {
    const auto dumped = std::ranges::find(table_.dump->columns, column, &Column::name);
    if (dumped->type != table_.live->Find(column)->type) continue;
    const std::string name = QuoteName(column);
    staged.push_back("s." + name);
    // As COPY writes it, which a cast to text does not for every type.
    live.push_back("CASE WHEN l." + name + " IS NOT DISTINCT FROM NULL THEN NULL ELSE pg_catalog.concat(l." + name +
                   ") END");
  }
  if (staged.empty()) return std::nullopt;
  return fmt::format("SELECT count(*) FROM (SELECT {} FROM {} s EXCEPT ALL SELECT {} FROM ONLY {} l) d",
                     Joined(staged, ", "), table_.stage, Joined(live, ", "), table_.live->listing.table.name.Quoted());
}

std::string MergeStatement::SerialColumns() const {
  const std::string name = QuoteLiteral(table_.live->listing.table.name.Quoted());
  return fmt::format(R"(
SELECT a.attname, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(q.relname)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
JOIN pg_catalog.pg_depend d
  ON (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = v.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
  OR (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'i' AND d.refobjid = a.attrelid
      AND d.refobjsubid = a.attnum AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
JOIN pg_catalog.pg_class q
  ON q.relkind = 'S' AND q.oid = CASE WHEN d.deptype = 'i' THEN d.objid ELSE d.refobjid END
JOIN pg_catalog.pg_namespace n ON n.oid = q.relnamespace
WHERE a.attrelid = {}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid IN ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype,
                     'pg_catalog.int8'::pg_catalog.regtype))",
                     name);
}

std::string MergeStatement::RaiseSequence(const std::string& column, const std::string& sequence) const {
  return fmt::format(
      "SELECT pg_catalog.setval({0}, q.top) FROM (SELECT max({1})::bigint AS top FROM {2}) q, pg_catalog.pg_sequence d "
      "WHERE d.seqrelid = {0}::pg_catalog.regclass AND d.seqincrement > 0 AND q.top <= d.seqmax AND q.top >= "
      "COALESCE(pg_catalog.pg_sequence_last_value({0}::pg_catalog.regclass), d.seqmin)",
      QuoteLiteral(sequence), QuoteName(column), table_.live->listing.table.name.Quoted());
}

}  // namespace cairn::postgres
