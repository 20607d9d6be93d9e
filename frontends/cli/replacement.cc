#include "frontends/cli/replacement.h"

#include "engine/env/file_system.h"
#include "engine/env/version.h"
#include "engine/jobs/backup.h"
#include "frontends/cli/origin.h"
#include "repo-format/base/units.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr uint64_t kScriptBytesMax = 16 * kMiB;

}  // namespace

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
  command
      .add_option("--after-sql", after_sql,
                  "Run these statements in a database that was restored whole, before anybody is let in (to mask "
                  "personal data in a copy for tests)")
      ->type_name("FILE");
  hooks->AddTo(command);
}

Result<std::string> ReplacementOptions::AfterSql() const {
  if (after_sql.empty()) return std::string();
  const std::string name = PathForPeople(AsBytes(after_sql));
  ASSIGN_OR_RETURN(const FileInfo info, PosixFileSystem().Stat(after_sql));
  if (info.size > kScriptBytesMax) {
    return MakeError(ErrorCode::kInvalidArgument, "{} has {} bytes, and --after-sql takes {} at most", name, info.size,
                     kScriptBytesMax);
  }
  ASSIGN_OR_RETURN(const Bytes bytes, PosixFileSystem().ReadFile(after_sql));
  std::string text = ToString(bytes);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // a byte order mark
  if (text.starts_with('\\') || text.find("\n\\") != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} has a line that begins with a backslash, which is a command of psql: --after-sql takes "
                     "statements of SQL alone",
                     name);
  }
  if (text.find('\0') != std::string::npos || text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument, "{} has no statements of SQL", name);
  }
  return text;
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
