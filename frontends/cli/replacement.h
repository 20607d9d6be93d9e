// What restores into a database have in common, of whatever kind it is.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "engine/source/source.h"
#include "frontends/cli/command.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/restore_hooks.h"

namespace cairn {

// Options of `restore`, once for all kinds.
struct ReplacementOptions {
  std::string undo;
  std::string after_sql;  // a file; empty: none
  uint32_t lock_wait = 60;
  bool no_verify = false, no_safety_snapshot = false;
  // Shared by all that one command replaces.
  std::shared_ptr<RestoreHooks> hooks = std::make_shared<RestoreHooks>();

  void AddTo(CLI::App& command);
  // What the file has that --after-sql names; empty: none is named.
  Result<std::string> AfterSql() const;
};

// A restore's name: 8 hexadecimal digits.
std::string NewRun(const Random& random);

// The item that the path names, or, without a path, the only one of its kind. `what`: "PostgreSQL database".
Result<const SnapshotItem*> PickItem(const OpenedSnapshot& opened, const std::string& path, ItemKind kind,
                                     std::string_view what);

// Whether this key may make a safety snapshot.
Result<void> MayBackUpBefore(const Repository& repository);
// A safety snapshot of what is about to be replaced, by which --undo finds it: DescriptionBefore, and what is added to
// it.
Result<SnapshotId> BackUpBefore(Cli& cli, Repository& repository, std::unique_ptr<Source> source,
                                const std::string& description);
std::string DescriptionBefore(const std::string& run);

}  // namespace cairn
