// The commands, each in a file of its own.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

#include "frontends/cli/cli.h"

namespace cairn {

// What a parsed command line asks for. Set by the callback of the command that was named.
using Action = std::function<Result<int>()>;

// Adds a command to the tree; its callback sets `action`. `cli` and `action` outlive the tree.
void AddInit(CLI::App& app, Cli& cli, Action& action);
void AddBackup(CLI::App& app, Cli& cli, Action& action);
void AddRun(CLI::App& app, Cli& cli, Action& action);
void AddJobs(CLI::App& app, Cli& cli, Action& action);
void AddImport(CLI::App& app, Cli& cli, Action& action);
void AddSnapshots(CLI::App& app, Cli& cli, Action& action);
void AddLs(CLI::App& app, Cli& cli, Action& action);
void AddFind(CLI::App& app, Cli& cli, Action& action);
void AddCat(CLI::App& app, Cli& cli, Action& action);
void AddDiff(CLI::App& app, Cli& cli, Action& action);
void AddDrill(CLI::App& app, Cli& cli, Action& action);
void AddDump(CLI::App& app, Cli& cli, Action& action);
void AddQuery(CLI::App& app, Cli& cli, Action& action);
void AddExport(CLI::App& app, Cli& cli, Action& action);
void AddRestore(CLI::App& app, Cli& cli, Action& action);
void AddBrowse(CLI::App& app, Cli& cli, Action& action);
void AddMount(CLI::App& app, Cli& cli, Action& action);
void AddServe(CLI::App& app, Cli& cli, Action& action);
void AddCheck(CLI::App& app, Cli& cli, Action& action);
void AddRepair(CLI::App& app, Cli& cli, Action& action);
void AddForget(CLI::App& app, Cli& cli, Action& action);
void AddUndelete(CLI::App& app, Cli& cli, Action& action);
void AddPrune(CLI::App& app, Cli& cli, Action& action);
void AddCopy(CLI::App& app, Cli& cli, Action& action);
void AddTag(CLI::App& app, Cli& cli, Action& action);
void AddRewrite(CLI::App& app, Cli& cli, Action& action);
void AddKey(CLI::App& app, Cli& cli, Action& action);
void AddSessions(CLI::App& app, Cli& cli, Action& action);
void AddStats(CLI::App& app, Cli& cli, Action& action);
void AddCost(CLI::App& app, Cli& cli, Action& action);
void AddDatabases(CLI::App& app, Cli& cli, Action& action);
void AddTables(CLI::App& app, Cli& cli, Action& action);
void AddBenchmark(CLI::App& app, Cli& cli, Action& action);
void AddCache(CLI::App& app, Cli& cli, Action& action);
void AddConfig(CLI::App& app, Cli& cli, Action& action);
void AddCompletion(CLI::App& app, Cli& cli, Action& action);
void AddVersion(CLI::App& app, Cli& cli, Action& action);

// Filters that narrow "latest" and lists: --host, --tag, --path.
struct FilterOptions {
  std::vector<std::string> hosts, tags, paths;
  void AddTo(CLI::App& command);
  SnapshotFilter Filter() const;
};

// "SNAPSHOT[:PATH]" in its two parts.
struct SnapshotPath {
  std::string snapshot, path;
  static SnapshotPath Parse(const std::string& text);
};

// Shows the options that were added since there were so many under a heading of their own in the help.
void GroupOptions(CLI::App& command, size_t since, const std::string& heading);

// Nothing is restored into the repository that it comes from: kInvalidArgument names both.
Result<void> RefuseInsideRepository(const Cli& cli, const std::string& target);

}  // namespace cairn
