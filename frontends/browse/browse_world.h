// What a browser asks of the program that it is part of.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/executor.h"
#include "engine/env/job_context.h"
#include "engine/jobs/restore.h"
#include "frontends/browse/messages.h"
#include "frontends/view/live_view.h"

namespace cairn::browse {

// What is to be restored, and where to.
struct RestoreRequest {
  view::ShownSnapshot snapshot;
  TreePath folder;  // what is in it goes to the target
  // As in RestoreOptions; empty: all that is in the folder.
  std::function<bool(const TreePath& path, const Node& node)> take = {};
  std::function<bool(const TreePath& path)> descend = {};
  std::string target;     // of this machine
  bool replaces = false;  // files that are there, and differ
  bool verifies = true;   // each file is read back
};

// A database of a snapshot: an item that is one, or a SQLite file in another.
struct ShownDatabase {
  view::ShownSnapshot snapshot;
  uint32_t item_number = 0;
  TreePath file = {};  // in the snapshot; empty: the item
  const SnapshotItem& item() const { return snapshot->inner.items[item_number]; }
};
struct TableRow {
  std::string name;
  std::optional<uint64_t> rows, bytes;  // where they are known without reading the table
  std::string note;                     // "partitioned", "view", "not in this dump" ...
  bool is_restorable = true;            // by itself; else with the whole database alone
};
// Rows of a table, in the order in which they lie in it.
struct RowRange {
  uint64_t skip = 0, count = 0;
};
struct RowPage {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // values as people read them; long ones are cut, and say so
  bool is_end = false;                         // else there may be more, also behind fewer than were asked for
};
// A line for the shell, and what it does.
struct ShellCommand {
  std::string what, line;
};

// All that is borrowed outlives the browser. The functions are called by other threads, and may take long.
struct BrowseWorld {
  view::LiveView& view;
  const JobContext& context;
  Executor& readers;  // whose threads wait for the store
  Messages& messages;
  std::string repository;  // for people
  // As `cairn restore` does. The context is the one above, but for its progress and its token.
  std::function<Result<RestoreReport>(const RestoreRequest& request, const JobContext& context, FindingSink findings)>
      restore;
  // kInvalidArgument, kUnsupported where it is none.
  std::function<Result<std::vector<TableRow>>(const ShownDatabase& database, const std::stop_token& stop)> tables;
  std::function<Result<RowPage>(const ShownDatabase& database, const std::string& table, const RowRange& range,
                                const std::stop_token& stop)>
      rows;
  // At once: how a table goes back into a database; of none (""), how the whole of it does.
  std::function<std::vector<ShellCommand>(const ShownDatabase& database, const std::string& table)> commands;
};

}  // namespace cairn::browse
