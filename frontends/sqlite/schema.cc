#include "frontends/sqlite/schema.h"

#include <algorithm>
#include <cstdlib>

#include "frontends/sqlite/session.h"
#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

using Row = Session::Row;

std::string TextOf(const Row& row, size_t column) { return row[column].value_or(""); }
int64_t NumberOf(const Row& row, size_t column) { return std::strtoll(TextOf(row, column).c_str(), nullptr, 10); }

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::string Unquoted(const std::string& text) {
  constexpr std::string_view kBegins = "'\"`[", kEnds = "'\"`]";
  const size_t kind = text.size() < 2 ? std::string_view::npos : kBegins.find(text.front());
  if (kind == std::string_view::npos || text.back() != kEnds[kind]) return text;
  std::string plain;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    plain += text[i];
    if (text[i] == kEnds[kind] && i + 2 < text.size() && text[i + 1] == kEnds[kind]) ++i;
  }
  return plain;
}

// Behind "USING": the module, and its arguments, which are split at commas outside of quotes.
void ReadModule(Table& table) {
  const std::string folded = Folded(table.sql);
  // The name comes first, and may have the word in it, quoted.
  const size_t using_at = folded.find("using", std::string_view("create virtual table ").size() + table.name.size());
  if (using_at == std::string::npos) return;
  const size_t open = table.sql.find('(', using_at);
  table.module = Folded(Unquoted(Trimmed(table.sql.substr(using_at + 5, open - using_at - 5))));
  if (open == std::string::npos) return;
  std::vector<std::string> arguments(1);
  char quote = 0;
  for (const char c : table.sql.substr(open + 1)) {
    if (quote == 0 && c == ',') {
      arguments.emplace_back();
      continue;
    }
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else if (c == '[') {
      quote = ']';
    }
    arguments.back() += c;
  }
  std::string& last = arguments.back();
  last = last.substr(0, last.rfind(')'));
  for (const std::string& argument : arguments) {
    const size_t middle = argument.find('=');
    if (middle == std::string::npos || Folded(Trimmed(argument.substr(0, middle))) != "content") continue;
    table.content = Unquoted(Trimmed(argument.substr(middle + 1)));
  }
}

Result<void> ReadColumns(const Session& session, const std::string& database, Table& table) {
  constexpr int64_t kHidden = 1;
  auto rows = session.Rows("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, ?2)",
                           {table.name, database});
  if (!rows && table.kind == Table::Kind::kVirtual) {
    table.is_readable = false;
    return {};
  }
  RETURN_IF_ERROR(rows);
  std::map<int64_t, std::string> key;
  for (const Row& row : *rows) {
    Column column{.name = TextOf(row, 0), .type = TextOf(row, 1), .collation = "BINARY"};
    column.not_null = NumberOf(row, 2) != 0;
    column.has_default = row[3].has_value();
    column.is_hidden = NumberOf(row, 5) == kHidden;
    column.is_generated = NumberOf(row, 5) > kHidden;
    if (NumberOf(row, 4) > 0) key[NumberOf(row, 4)] = column.name;
    const char* collation = nullptr;
    int autoincrement = 0;
    if (table.kind != Table::Kind::kVirtual &&
        sqlite3_table_column_metadata(session.connection, database.c_str(), table.name.c_str(), column.name.c_str(),
                                      nullptr, &collation, nullptr, nullptr, &autoincrement) == SQLITE_OK) {
      if (collation != nullptr) column.collation = collation;
      table.is_autoincrement = table.is_autoincrement || autoincrement != 0;
    }
    table.columns.push_back(std::move(column));
  }
  for (auto& [position, name] : key) table.key.push_back(std::move(name));
  return {};
}

// What a table of rows is told apart by. Not every INTEGER PRIMARY KEY is the rowid (DESC): the others have an index.
Result<void> ReadRowid(const Session& session, const std::string& database, Table& table) {
  if (table.is_without_rowid) return {};
  if (table.key.size() == 1 && Folded(table.Find(table.key.front())->type) == "integer") {
    ASSIGN_OR_RETURN(const auto indexes, session.Rows("SELECT 1 FROM pragma_index_list(?1, ?2) WHERE origin = 'pk'",
                                                      {table.name, database}));
    if (indexes.empty()) table.rowid_column = table.key.front();
  }
  if (table.rowid_column) return {};
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    if (table.Find(name) != nullptr) continue;
    table.hidden_rowid = name;
    break;
  }
  return {};
}

Result<void> ReadForeignKeys(const Session& session, const std::string& database, Table& table) {
  ASSIGN_OR_RETURN(const auto rows,
                   session.Rows("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, ?2) ORDER BY "
                                "id, seq",
                                {table.name, database}));
  for (const Row& row : rows) {
    if (table.foreign_keys.empty() || table.foreign_keys.back().id != NumberOf(row, 0)) {
      table.foreign_keys.push_back(
          {.id = NumberOf(row, 0), .columns = {}, .parent_columns = {}, .parent = TextOf(row, 1)});
    }
    table.foreign_keys.back().columns.push_back(TextOf(row, 2));
    if (row[3]) table.foreign_keys.back().parent_columns.push_back(*row[3]);
  }
  return {};
}

// Back to the last star only: those before it have taken as little as can be.
bool MatchesFolded(std::string_view pattern, std::string_view name) {
  size_t at = 0, in_name = 0, star = std::string_view::npos, behind_star = 0;
  while (in_name < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      behind_star = in_name;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == name[in_name])) {
      ++at;
      ++in_name;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_name = ++behind_star;
    } else {
      return false;
    }
  }
  return pattern.substr(at).find_first_not_of('*') == std::string_view::npos;
}

}  // namespace

std::string Folded(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return folded;
}

std::string QuoteName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string QuoteText(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

bool MatchesName(const std::string& pattern, const std::string& name) {
  return MatchesFolded(Folded(pattern), Folded(name));
}

bool TakesName(const std::vector<std::string>& chosen, const std::vector<std::string>& excluded,
               const std::string& name) {
  const auto matches = [&](const std::string& pattern) { return MatchesName(pattern, name); };
  if (!chosen.empty() && !std::ranges::any_of(chosen, matches)) return false;
  return !std::ranges::any_of(excluded, matches);
}

Affinity Column::affinity() const {
  const std::string folded = Folded(type);
  const auto has = [&](const char* part) { return folded.find(part) != std::string::npos; };
  if (has("int")) return Affinity::kInteger;
  if (has("char") || has("clob") || has("text")) return Affinity::kText;
  if (folded.empty() || has("blob")) return Affinity::kBlob;
  return has("real") || has("floa") || has("doub") ? Affinity::kReal : Affinity::kNumeric;
}

const Column* Table::Find(const std::string& column) const {
  const auto found =
      std::ranges::find_if(columns, [&](const Column& one) { return Folded(one.name) == Folded(column); });
  return found == columns.end() ? nullptr : &*found;
}

const Table* Schema::Find(const std::string& table) const {
  const auto found = tables.find(Folded(table));
  return found == tables.end() ? nullptr : &found->second;
}

const Definition* Schema::FindDefinition(const std::string& name) const {
  const auto found =
      std::ranges::find_if(definitions, [&](const Definition& one) { return Folded(one.name) == Folded(name); });
  return found == definitions.end() ? nullptr : &*found;
}

std::string Schema::UnknownModuleOf(const Table& table) const {
  for (const auto& [name, other] : tables) {
    const bool is_unknown = other.kind == Table::Kind::kVirtual && !other.is_readable && !other.is_full_text();
    if (is_unknown && Folded(table.name).starts_with(name + "_")) return other.name;
  }
  return "";
}

Result<void> Schema::NeedMatches(const std::vector<std::string>& patterns, bool with_views) const {
  for (const std::string& pattern : patterns) {
    const bool any = std::ranges::any_of(definitions, [&](const Definition& one) {
      return (one.type == "table" || (one.type == "view" && with_views)) && MatchesName(pattern, one.name);
    });
    if (any) continue;
    const Definition* other = FindDefinition(pattern);
    const std::string what = other == nullptr ? "" : ", which is " + std::string(other->type == "index" ? "an " : "a ");
    return MakeError(ErrorCode::kNotFound, "no table is called {}{}{}", PathForPeople(AsBytes(pattern)), what,
                     other == nullptr ? "" : other->type);
  }
  return {};
}

Result<Schema> ReadSchema(const Session& session, const std::string& database) {
  Schema schema;
  const std::string from = " FROM " + QuoteName(database) + ".sqlite_schema ";
  ASSIGN_OR_RETURN(const auto definitions,
                   session.Rows("SELECT type, name, tbl_name, sql" + from + "WHERE sql IS NOT NULL ORDER BY rowid"));
  for (const Row& row : definitions) {
    if (TextOf(row, 1) == "sqlite_sequence") schema.has_sequences = true;
    if (Folded(TextOf(row, 1)).starts_with("sqlite_")) continue;
    schema.definitions.push_back({TextOf(row, 0), TextOf(row, 1), TextOf(row, 2), TextOf(row, 3)});
  }
  ASSIGN_OR_RETURN(const auto listed,
                   session.Rows("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = ?1", {database}));
  for (const Row& row : listed) {
    const std::string type = TextOf(row, 1);
    const Definition* definition = schema.FindDefinition(TextOf(row, 0));
    if (type == "view" || definition == nullptr) continue;
    Table table{.name = TextOf(row, 0), .sql = definition->sql};
    table.is_without_rowid = NumberOf(row, 2) != 0;
    table.is_strict = NumberOf(row, 3) != 0;
    table.kind = type == "virtual"  ? Table::Kind::kVirtual
                 : type == "shadow" ? Table::Kind::kShadow
                                    : Table::Kind::kTable;
    if (table.kind == Table::Kind::kVirtual) ReadModule(table);
    RETURN_IF_ERROR(ReadColumns(session, database, table));
    if (table.is_full_text() && table.Find("rowid") == nullptr) table.hidden_rowid = "rowid";
    if (table.kind == Table::Kind::kTable) {
      RETURN_IF_ERROR(ReadRowid(session, database, table));
      RETURN_IF_ERROR(ReadForeignKeys(session, database, table));
    }
    schema.tables.emplace(Folded(table.name), std::move(table));
  }
  // Where the primary key is meant, it is told.
  for (auto& [name, table] : schema.tables) {
    for (ForeignKey& key : table.foreign_keys) {
      const Table* parent = schema.Find(key.parent);
      if (key.parent_columns.empty() && parent != nullptr) key.parent_columns = parent->key;
    }
  }
  return schema;
}

}  // namespace cairn::sqlite
