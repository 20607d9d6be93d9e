#include "frontends/postgres/key_triggers.h"

namespace cairn::postgres {
namespace {

constexpr const char* kTriggers = R"(
SELECT n.nspname, c.relname, t.tgfoid, t.tgenabled, t.tgname FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgconstraint = )";

}  // namespace

Result<KeyTriggers> KeyTriggers::Read(Connection& connection, const ForeignKey& key) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kTriggers + std::to_string(key.oid) + " AND t.tgenabled <> 'O'"));
  KeyTriggers triggers;
  for (size_t i = 0; i < rows.size(); ++i) {
    triggers.states_.push_back({{rows.String(i, 0), rows.String(i, 1)}, rows.String(i, 2), rows.Text(i, 3).front()});
  }
  return triggers;
}

Result<void> KeyTriggers::Set(Connection& connection, const ForeignKey& key) const {
  if (states_.empty()) return {};
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(std::string(kTriggers) +
                                                     "(SELECT f.oid FROM pg_catalog.pg_constraint f WHERE "
                                                     "f.conname = " +
                                                     QuoteLiteral(key.name) + " AND f.conrelid = " +
                                                     QuoteLiteral(key.table.Quoted()) + "::regclass)"));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const State& state : states_) {
      const TableName table{rows.String(i, 0), rows.String(i, 1)};
      if (state.table != table || state.function != rows.Text(i, 2)) continue;
      const char* how = state.enabled == 'D' ? "DISABLE" : state.enabled == 'A' ? "ENABLE ALWAYS" : "ENABLE REPLICA";
      RETURN_IF_ERROR(
          connection.Query("ALTER TABLE " + table.Quoted() + " " + how + " TRIGGER " + QuoteName(rows.Text(i, 4))));
    }
  }
  return {};
}

}  // namespace cairn::postgres
