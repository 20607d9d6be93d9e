// `restore --postgres`: a snapshot's database back into a server.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "frontends/cli/command.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/replacement.h"
#include "frontends/cli/set_restore.h"
#include "frontends/cli/table_options.h"
#include "frontends/postgres/address.h"

namespace cairn {

struct PostgresRestore : TableOptions {  // those are parsed elsewhere, too
  ReplacementOptions replacement;        // parsed elsewhere
  std::string address, as;
  uint32_t session_wait = 30, keep_hours = 24;
  unsigned jobs = 0;
  std::string undone_snapshot;  // the snapshot whose restore in place is undone
  bool clean_up = false, disconnect = false, in_place = false, no_owner = false;

  void AddTo(CLI::App& command);
  bool is_asked_for() const { return !address.empty(); }
  // Tables of the database that is there, rather than a whole database, with rows or without.
  bool is_of_tables() const { return data_only || strategy == "merge" || !tables.empty(); }
  // What needs no snapshot: --undo, --clean-up.
  bool needs_snapshot() const { return replacement.undo.empty() && !clean_up; }

  Result<int> Run(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter, bool dry_run) const;

  // A whole database of a snapshot into the server. `run` names it, where it is not empty. Borrows all.
  std::unique_ptr<SetRestore> MakeSet(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item,
                                      const postgres::Address& server, const std::string& run) const;

 private:
  Result<int> Restore(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter, bool dry_run) const;
  Result<std::unique_ptr<SetRestore>> MakeSetInPlace(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item,
                                                     const postgres::Address& into, std::string why) const;
  // Empty: beside the database that is there, as usual.
  Result<std::string> WhyInPlace(Cli& cli, const postgres::Address& server, const std::string& target) const;
  Result<void> RefuseMixture() const;
  Result<int> RestoreTables(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item, const postgres::Address& server,
                            bool dry_run) const;
  Result<int> Undo(Cli& cli, bool dry_run) const;
  Result<int> UndoTables(Cli& cli, const Error& no_database, bool dry_run) const;
  Result<int> CleanUp(Cli& cli, bool dry_run) const;
};

}  // namespace cairn
