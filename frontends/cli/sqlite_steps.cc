#include "frontends/cli/sqlite_steps.h"

#include "frontends/cli/replacement.h"
#include "frontends/sqlite/script.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr int kTriesMax = 5;  // to replace what nobody has written to since its safety snapshot

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

std::string ItemName(const SqliteTarget& target) {
  return IsItemName(target.place.name) ? target.place.name : Shown(target.place.name);
}

}  // namespace

Result<StagedDatabase> StageSqlite(Cli& cli, const StageRequest& request) {
  StagedDatabase staged;
  ASSIGN_OR_RETURN(staged.stage, RestoreStage::Make(cli, request.place, request.run));
  Progress& progress = cli.context().progress;
  progress.bytes_total = request.replacement.bytes;
  progress.SetPhase("restoring");
  RETURN_IF_ERROR(staged.stage->Fetch(cli, request.opened, request.replacement.path, request.numeric_ids));
  RETURN_IF_ERROR(staged.stage->SetWithoutLog());
  if (!request.script.empty()) {
    progress.SetPhase("running the script");
    auto run = RunSqliteScript(staged.stage->file(), request.script, SystemClock(), cli.stop());
    if (!run) return std::move(run).error().While(Shown(request.script_name));
    RETURN_IF_ERROR(staged.stage->SetWithoutLog());
  }
  if (!request.checks) return staged;
  progress.SetPhase("checking the database");
  ASSIGN_OR_RETURN(staged.check, CheckDatabase(staged.stage->file(), SystemClock(), cli.stop()));
  const DatabaseCheck& check = staged.check;
  for (const std::string& note : check.notes) {
    cli.Findings()({Finding::Severity::kNote, ErrorCode::kUnsupported, Shown(request.item.name), note});
  }
  if (check.damage.empty()) return staged;
  return MakeError(ErrorCode::kIo,
                   "the database of the snapshot is damaged, and was when it was backed up: {}{}; an older snapshot "
                   "may be whole, and --no-verify restores this one",
                   check.damage.front(),
                   check.damage.size() > 1 ? fmt::format(" (and {} more)", check.damage.size() - 1) : "");
}

Result<SnapshotId> BackUpAndLock(Cli& cli, Repository& repository, LiveDatabase& live, const SqliteTarget& target,
                                 const std::string& run, int& tries) {
  cli.context().progress.SetPhase("backing up what is there");
  for (tries = 1;; ++tries) {
    auto id = BackUpBefore(cli, repository, live.SafetySource(ItemName(target)), DescriptionBefore(run));
    if (id) return id;
    if (!live.was_written()) return std::move(id).error().While("the safety snapshot");
    if (tries == kTriesMax) break;
  }
  return MakeError(ErrorCode::kBusy,
                   "{} is written to all the time: in {} tries another program committed something between its "
                   "safety snapshot and its replacement, and that would have been lost: end the programs that write "
                   "to it, or restore with --no-safety-snapshot",
                   Shown(target.file()), kTriesMax);
}

Error TellAfterFailure(const Error& error, LiveDatabase& live, const SqliteTarget& target,
                       const std::optional<SnapshotId>& safety) {
  const std::string file = Shown(target.file());
  const std::string kept = !safety ? "" : fmt::format("; what was there before is also snapshot {}", safety->Short());
  if (live.was_moved()) return MakeError(error.code(), "{}{}", error.message(), kept);
  const auto state = live.LookAgain();
  if (!state) {
    return MakeError(error.code(),
                     "{} (whether {} is as it was could not be seen: {}; what undoes a half-done replacement lies "
                     "beside it, in its -journal or -wal: leave them together, and the next program that opens it "
                     "does so{})",
                     error.message(), file, state.error().message(), kept);
  }
  if (*state == LiveDatabase::State::kAsItWas) {
    return MakeError(error.code(), "{} ({} is as it was: it was opened again and read{})", error.message(), file, kept);
  }
  return MakeError(error.code(),
                   "{} ({} is not as it was: it was replaced all the same, or another program has written to it "
                   "since{})",
                   error.message(), file, kept);
}

}  // namespace cairn
