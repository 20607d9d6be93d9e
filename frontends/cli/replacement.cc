#include "frontends/cli/replacement.h"

#include "engine/env/version.h"
#include "engine/jobs/backup.h"
#include "frontends/cli/origin.h"
#include "repo-format/tree_path.h"

namespace cairn {

void ReplacementOptions::AddTo(CLI::App& command) {
  command
      .add_option("--lock-wait", lock_wait,
                  "Seconds to wait for a table, or a SQLite database, that another program has locked")
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--no-safety-snapshot", no_safety_snapshot, "Do not back a database up before it is replaced");
  command.add_flag("--no-verify", no_verify,
                   "Do not read every row again (--postgres), nor have SQLite check the database (--sqlite)");
  command.add_option("--undo", undo, "Put back what the restore RUN has replaced")->type_name("RUN");
  hooks->AddTo(command);
}

std::string NewRun(const Random& random) {
  Bytes bytes(4);
  random.Fill(bytes);
  return ToHex(bytes);
}

Result<const SnapshotItem*> PickItem(const OpenedSnapshot& opened, const std::string& path, ItemKind kind,
                                     std::string_view what) {
  std::vector<const SnapshotItem*> found;
  std::string names;
  for (const SnapshotItem& item : opened.snapshot->inner.items) {
    if (item.kind != kind) continue;
    found.push_back(&item);
    names += (names.empty() ? "" : ", ") + PathForPeople(AsBytes(item.name));
  }
  if (path.empty()) {
    if (found.size() == 1) return found.front();
    return MakeError(ErrorCode::kInvalidArgument, "snapshot {} has {}", opened.snapshot->id.Short(),
                     found.empty() ? fmt::format("no {}", what)
                                   : "the databases " + names + ": name one of them, as in SNAPSHOT:NAME");
  }
  ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(path));
  // The one file that a SQLite item has is as good a name of it.
  const bool is_whole = place.inside.empty() || (kind == ItemKind::kSqlite && !place.is_folder());
  if (place.item != nullptr && place.item->kind == kind && is_whole) return place.item;
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" of snapshot {} is no {}{}", PathForPeople(AsBytes(path)),
                   opened.snapshot->id.Short(), what, names.empty() ? "" : ": there are " + names);
}

Result<void> MayBackUpBefore(const Repository& repository) {
  return repository.keyring().Need(Rights::kWrite, "a safety snapshot (--no-safety-snapshot)");
}

Result<SnapshotId> BackUpBefore(Cli& cli, Repository& repository, std::unique_ptr<Source> source,
                                const std::string& description) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::move(source));
  BackupOptions options;
  options.host = HostName();
  options.user = UserName();
  options.program = std::string(kProgram);
  options.description = description;
  options.snapshot_class = SnapshotClass::kSafety;
  ASSIGN_OR_RETURN(const BackupReport report,
                   RunBackup(cli.context(), repository, std::move(sources), options, cli.Findings()));
  return *report.id;
}

std::string DescriptionBefore(const std::string& run) { return "before restore " + run; }

}  // namespace cairn
