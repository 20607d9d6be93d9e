// `restore --sqlite`: a snapshot's database back into its file, which programs may have open.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/replacement.h"
#include "frontends/cli/set_restore.h"
#include "frontends/cli/table_options.h"

namespace cairn {

struct SqliteRestore : TableOptions {  // those are parsed elsewhere, too
  ReplacementOptions replacement;      // parsed elsewhere
  std::string file;

  void AddTo(CLI::App& command);
  bool is_asked_for() const { return !file.empty(); }

  struct Request {
    std::string snapshot;  // "SNAPSHOT[:ITEM]"; empty with --undo
    SnapshotFilter filter;
    bool dry_run = false, numeric_ids = false;
  };
  // Nothing is changed where it fails, or the Error says what.
  Result<int> Run(Cli& cli, const Request& request) const;

  // An item of a snapshot into `file`. `run` names it; `undo` is the run that it undoes, or empty. Borrows all.
  struct Piece {
    OpenedSnapshot* opened = nullptr;
    const SnapshotItem* item = nullptr;
    std::string run, undo;
    bool numeric_ids = false;
  };
  std::unique_ptr<SetRestore> MakeSet(Cli& cli, Piece piece) const;
};

}  // namespace cairn
