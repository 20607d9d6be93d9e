// `restore --set NAME=WHERE`: several items of a snapshot, each into its place, all or none.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "frontends/cli/backup_sources.h"
#include "frontends/cli/postgres_restore.h"
#include "frontends/cli/sqlite_restore.h"

namespace cairn {

// "NAME=WHERE" or "NAME/PATH=WHERE", with WHERE as that of NamedSet.
struct WantedSet {
  std::string item, path;  // `path`: in the item, with a slash before it; or empty
  std::string kind;        // "sqlite", "postgres"; empty: files
  std::string where;
  static Result<WantedSet> Parse(const std::string& text);
};

struct RestoreSets {
  std::vector<std::string> sets;

  void AddTo(CLI::App& command);
  bool is_asked_for() const { return !sets.empty(); }

  struct Request {
    std::string snapshot;  // empty with an undo
    SnapshotFilter filter;
    bool dry_run = false, numeric_ids = false;
  };
  // `postgres` has what is said of databases; its address is each set's own.
  Result<int> Run(Cli& cli, const Request& request, const PostgresRestore& postgres) const;

 private:
  class Work;
};

}  // namespace cairn
