// `restore --sqlite`: a snapshot's database back into its file, which programs may have open.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "frontends/cli/replacement.h"

namespace cairn {

struct SqliteRestore {
  ReplacementOptions replacement;  // parsed elsewhere
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
};

}  // namespace cairn
