// What a SQLite database consists of: tables with their columns and keys, and the definitions of all else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn::sqlite {

struct Session;

// As SQLite compares names: ASCII letters are the same in both cases.
std::string Folded(std::string_view name);
std::string QuoteName(const std::string& name);
std::string QuoteText(const std::string& text);
// A pattern with * and ?, compared as names are.
bool MatchesName(const std::string& pattern, const std::string& name);
// Whether it is one of those chosen (none: all), and not of those left out.
bool TakesName(const std::vector<std::string>& chosen, const std::vector<std::string>& excluded,
               const std::string& name);

enum class Affinity { kText, kNumeric, kInteger, kReal, kBlob };

struct Column {
  std::string name, type, collation;
  bool not_null = false, has_default = false;
  bool is_generated = false;  // computed, stored or not
  bool is_hidden = false;     // of a virtual table, for its own use
  // https://www.sqlite.org/datatype3.html, 3.1.
  Affinity affinity() const;
};

struct ForeignKey {
  int64_t id = 0;
  std::vector<std::string> columns, parent_columns;  // as many; none of the parent: its primary key
  std::string parent;
};

struct Table {
  enum class Kind {
    kTable,
    kVirtual,
    kShadow,  // in which a virtual table keeps what it has
  };
  std::string name, sql;
  Kind kind = Kind::kTable;
  bool is_without_rowid = false, is_strict = false, is_autoincrement = false;
  bool is_readable = true;  // false: a virtual table whose module, or what it needs, only its application has
  std::vector<Column> columns;
  std::vector<std::string> key;             // of the primary key
  std::optional<std::string> rowid_column;  // the INTEGER PRIMARY KEY, which is the rowid
  std::string hidden_rowid;                 // by which the rowid that is no column can be called; empty: there is none
  std::vector<ForeignKey> foreign_keys;
  // Of a virtual table.
  std::string module;                  // folded
  std::optional<std::string> content;  // of a full text index: the table whose rows it has; empty: none's

  const Column* Find(const std::string& column) const;
  // One that keeps what it indexes itself is copied by its module, as any rows; of others the index is made anew.
  bool has_own_text() const { return is_full_text() && !content; }
  bool is_full_text() const { return module == "fts5" || module == "fts4" || module == "fts3"; }
};

// A row of sqlite_schema.
struct Definition {
  std::string type, name, table, sql;
};

struct Schema {
  std::map<std::string, Table> tables;  // by folded name; SQLite's own are left out
  std::vector<Definition> definitions;  // all that have SQL, in the order in which they were made
  bool has_sequences = false;           // the table sqlite_sequence
  const Table* Find(const std::string& table) const;
  // Of the name, whatever it is: names of tables, indexes, triggers and views.
  const Definition* FindDefinition(const std::string& name) const;
  // A virtual table keeps what it has in tables "its name_...", of which SQLite knows only with its module: the virtual
  // table of such a name whose module is not there, or nothing.
  std::string UnknownModuleOf(const Table& table) const;
  // kNotFound: a pattern is that of no table, nor, where they are asked for, of a view.
  Result<void> NeedMatches(const std::vector<std::string>& patterns, bool with_views) const;
};

// Of the database of that name on the connection: "main", or an attached one.
Result<Schema> ReadSchema(const Session& session, const std::string& database);

}  // namespace cairn::sqlite
