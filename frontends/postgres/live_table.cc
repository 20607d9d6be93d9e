#include "frontends/postgres/live_table.h"

#include <algorithm>

namespace cairn::postgres {
namespace {

// One row for each column of a key, in its order. Where the parent is partitioned the key has copies of itself that
// lead to its partitions: those are left out.
constexpr const char* kForeignKeys = R"(
SELECT f.oid, f.conname, cn.nspname, c.relname, pn.nspname, p.relname, ca.attname, pa.attname,
       pg_catalog.pg_get_constraintdef(f.oid), pg_catalog.obj_description(f.oid, 'pg_constraint'), f.conparentid <> 0
FROM pg_catalog.pg_constraint f
JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = f.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
CROSS JOIN LATERAL pg_catalog.generate_subscripts(f.conkey, 1) AS k(place)
JOIN pg_catalog.pg_attribute ca ON ca.attrelid = f.conrelid AND ca.attnum = f.conkey[k.place]
JOIN pg_catalog.pg_attribute pa ON pa.attrelid = f.confrelid AND pa.attnum = f.confkey[k.place]
LEFT JOIN pg_catalog.pg_constraint up ON up.oid = f.conparentid
WHERE f.contype = 'f' AND up.conrelid IS DISTINCT FROM f.conrelid
ORDER BY f.oid, k.place)";

constexpr const char* kTriggers = R"(
SELECT n.nspname, c.relname, t.tgname, t.tgenabled, false
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL
SELECT n.nspname, c.relname, r.rulename, r.ev_enabled, true
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.ev_type = '3' AND r.ev_enabled <> 'D' AND c.relkind IN ('r', 'p') ORDER BY 1, 2, 3)";

// By the type's own idea of it, wherever its operator is: the search path is empty.
constexpr const char* kOperators = R"(
SELECT n.nspname, c.relname, a.attname, pg_catalog.format('OPERATOR(%I.%s)', o_space.nspname, o.oprname)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_opclass k
  ON k.opcintype = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AND k.opcdefault
JOIN pg_catalog.pg_am m ON m.oid = k.opcmethod AND m.amname = 'btree'
JOIN pg_catalog.pg_amop w ON w.amopfamily = k.opcfamily AND w.amoplefttype = k.opcintype
  AND w.amoprighttype = k.opcintype AND w.amopstrategy = 3
JOIN pg_catalog.pg_operator o ON o.oid = w.amopopr
JOIN pg_catalog.pg_namespace o_space ON o_space.oid = o.oprnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND o_space.nspname <> 'pg_catalog'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')";

}  // namespace

const Column* LiveTable::Find(const std::string& column) const {
  const auto found = std::ranges::find(listing.table.columns, column, &Column::name);
  return found != listing.table.columns.end() ? &*found : nullptr;
}

Result<LiveTables> ReadLiveTables(Connection& connection) {
  LiveTables live;
  ASSIGN_OR_RETURN(auto listed, ListTables(connection));
  for (TableListing& one : listed) {
    const TableName name = one.table.name;
    live.tables[name].listing = std::move(one);
  }
  const auto find = [&](const Rows& rows, size_t row) -> LiveTable* {
    const auto found = live.tables.find({rows.String(row, 0), rows.String(row, 1)});
    return found != live.tables.end() ? &found->second : nullptr;
  };
  ASSIGN_OR_RETURN(const Rows operators, connection.Query(kOperators));
  for (size_t i = 0; i < operators.size(); ++i) {
    if (LiveTable* table = find(operators, i)) table->equals[operators.String(i, 2)] = operators.String(i, 3);
  }
  ASSIGN_OR_RETURN(const Rows triggers, connection.Query(kTriggers));
  for (size_t i = 0; i < triggers.size(); ++i) {
    LiveTable* table = find(triggers, i);
    if (table != nullptr)
      table->triggers.push_back({triggers.String(i, 2), triggers.Text(i, 3).front(), triggers.Flag(i, 4)});
  }
  ASSIGN_OR_RETURN(const Rows keys, connection.Query(kForeignKeys));
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto oid = static_cast<uint64_t>(keys.Number(i, 0));
    if (live.foreign_keys.empty() || live.foreign_keys.back().oid != oid) {
      ForeignKey key;
      key.oid = oid;
      key.name = keys.String(i, 1);
      key.table = {keys.String(i, 2), keys.String(i, 3)};
      key.parent = {keys.String(i, 4), keys.String(i, 5)};
      key.definition = keys.String(i, 8);
      key.comment = keys.String(i, 9);
      key.is_inherited = keys.Flag(i, 10);
      live.foreign_keys.push_back(std::move(key));
    }
    live.foreign_keys.back().columns.push_back(keys.String(i, 6));
    live.foreign_keys.back().parent_columns.push_back(keys.String(i, 7));
  }
  return live;
}

}  // namespace cairn::postgres
