// `restore --postgres`: a snapshot's database back into a server.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "frontends/cli/command.h"
#include "frontends/cli/opened_snapshot.h"

namespace cairn {

struct PostgresRestore {
  std::string address, as, strategy = "replace", undo;
  uint32_t session_wait = 30, keep_hours = 24;
  unsigned jobs = 0;
  bool clean_up = false, disconnect = false, no_owner = false, no_verify = false, no_safety_snapshot = false;

  void AddTo(CLI::App& command);
  bool is_asked_for() const { return !address.empty(); }
  // What needs no snapshot: --undo, --clean-up.
  bool needs_snapshot() const { return undo.empty() && !clean_up; }

  Result<int> Run(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter, bool dry_run) const;

 private:
  Result<int> Restore(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter, bool dry_run) const;
  Result<int> Undo(Cli& cli) const;
  Result<int> CleanUp(Cli& cli, bool dry_run) const;
};

}  // namespace cairn
