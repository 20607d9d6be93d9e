// Rows that refer to others that are not there.
#pragma once

#include <string>
#include <vector>

#include "frontends/sqlite/merge_statement.h"
#include "frontends/sqlite/session.h"

namespace cairn::sqlite {

// What tables refer to, before they are changed and after, on a connection with the snapshot's database attached as
// kStaged. It keeps what it finds in a table of the session. Borrows all; private to frontends/sqlite.
class ReferenceCheck {
 public:
  // The schemas of the database in use and of the snapshot's; a part of one lacks tables that were there.
  ReferenceCheck(const Session& session, const Schema& live, const Schema& there, const StagedTables& staged,
                 bool is_part)
      : session_(session), live_(live), there_(there), staged_(staged), is_part_(is_part) {}

  // Of the tables that change and those that refer to them.
  Result<void> LookBefore();
  // kInvalidArgument names what refers to rows that are not there, and did not before; nor in the snapshot, where the
  // rows are the snapshot's.
  Result<void> NeedWhole(bool are_replaced);

 private:
  enum class When { kBefore, kInSnapshot, kNow };
  std::vector<std::string> TablesAround() const;
  const Table* TableOf(When when, const std::string& name) const;
  Result<void> NoteByValues(When when, const std::string& table);
  Result<void> Note(When when, const std::vector<std::string>& tables);

  const Session& session_;
  const Schema& live_;
  const Schema& there_;
  const StagedTables& staged_;
  const bool is_part_;
  std::vector<std::string> unchecked_;  // tables of which SQLite could not say it before
};

}  // namespace cairn::sqlite
