#include "frontends/cli/sqlite_restore.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "frontends/cli/exit_code.h"
#include "frontends/cli/restore_stage.h"
#include "frontends/cli/sqlite_places.h"
#include "frontends/cli/sqlite_steps.h"
#include "frontends/cli/sqlite_tables_restore.h"
#include "frontends/cli/text.h"
#include "frontends/sqlite/database_check.h"
#include "frontends/sqlite/live_database.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

class SqliteSet : public SetRestore {
 public:
  SqliteSet(Cli& cli, const SqliteRestore& options, SqliteRestore::Piece piece)
      : cli_(cli), options_(options), piece_(std::move(piece)), opened_(*piece_.opened) {}

  Result<std::vector<std::string>> Plan() override {
    RETURN_IF_ERROR(RefuseInsideRepository(cli_, options_.file));
    ASSIGN_OR_RETURN(target_, LookAtSqliteTarget(options_.file));
    RETURN_IF_ERROR(opened_.repository->keyring().Need(Rights::kContentKey, "restoring"));
    ASSIGN_OR_RETURN(replacement_, FindSqliteReplacement(opened_, piece_.item));
    ASSIGN_OR_RETURN(after_sql_, options_.replacement.AfterSql());
    std::vector<std::string> problems = Problems();
    if (auto may = MayBackUpBefore(*opened_.repository); keeps() && !may) problems.push_back(may.error().message());
    return problems;
  }

  Result<void> Run(const std::function<Result<void>()>& others) override {
    begun_ = SystemClock().Steady();
    auto done = Work(others);
    seconds_ = std::chrono::duration<double>(SystemClock().Steady() - begun_).count();
    return done;
  }

  // By a restore of its own, which keeps what was written since as one more safety snapshot.
  Result<void> PutBack() override {
    const std::string file = Shown(target_.file());
    if (!target_.exists) return MoveAside();
    if (!safety_) {
      return MakeError(ErrorCode::kInvalidArgument, "{} was replaced, and stays so: --no-safety-snapshot was asked for",
                       file);
    }
    Finish();
    OpenedSnapshot before;
    auto opened = before.Open(cli_, safety_->ToHex(), SnapshotFilter());
    if (!opened) return std::move(opened).While("putting back " + file);
    SqliteRestore options = options_;
    options.replacement.after_sql.clear();
    SqliteSet back(cli_, options,
                   {.opened = &before,
                    .item = &before.snapshot->inner.items.front(),
                    .run = NewRun(cli_.context().random),
                    .numeric_ids = piece_.numeric_ids});
    auto problems = back.Plan();
    auto done = problems ? back.Run([]() -> Result<void> { return {}; }) : Result<void>(problems.error());
    if (done) return {};
    return MakeError(done.error().code(), "{} could not be put back: {}; cairn restore {} --sqlite {} does it", file,
                     done.error().message(), safety_->Short(), file);
  }

  // The copy goes, also where it failed.
  void Finish() override {
    live_.reset();
    stage_.reset();
  }

  void ShowPlan(const std::vector<std::string>& problems) override {
    const SqliteFileState& state = target_.state;
    std::vector<std::string> notes = NotesOfTarget();
    if (!state.journals.empty() && !state.is_none()) {
      notes.push_back(
          fmt::format("{}: its programs have it open, or a crash left it: then it is finished first", state.journals));
    }
    if (cli_.json()) {
      nlohmann::json json = Common("plan");
      json["page_bytes"] = replacement_.page_bytes;
      json["target_bytes"] = target_.exists ? nlohmann::json(state.bytes) : nlohmann::json();
      json["target_mode"] = target_.exists ? nlohmann::json(state.has_log ? "wal" : "rollback") : nlohmann::json();
      json["verify"] = checks();
      json["safety_snapshot"] = keeps();
      json["problems"] = problems;
      json["notes"] = notes;
      cli_.PrintJson(json);
      return;
    }
    const std::string file = Shown(target_.file());
    cli_.Print(fmt::format("{} of snapshot {}, {}, into {}:\n", Shown(piece_.item->name), opened_.snapshot->id.Short(),
                           HumanBytes(replacement_.bytes), file));
    cli_.Print("  make      a copy beside it\n");
    if (!after_sql_.empty()) {
      cli_.Print(fmt::format("  run       {} in the copy\n", Shown(options_.replacement.after_sql)));
    }
    if (checks()) cli_.Print("  verify    the copy, by SQLite's integrity_check\n");
    if (keeps()) cli_.Print(fmt::format("  back up   {}, as a safety snapshot\n", file));
    cli_.Print(target_.exists ? fmt::format("  replace   what is in {}, {}, in {} mode, in one transaction\n", file,
                                            HumanBytes(state.bytes), state.has_log ? "WAL" : "rollback")
                              : fmt::format("  rename    the copy to {}\n", file));
    for (const std::string& note : notes) cli_.Print("note: " + note + "\n");
    for (const std::string& problem : problems) cli_.Print("cannot be: " + problem + "\n");
  }

  void ShowReport() override {
    for (const std::string& note : NotesOfTarget()) {
      cli_.Findings()({Finding::Severity::kNote, ErrorCode::kUnsupported, Shown(target_.file()), note});
    }
    if (cli_.json()) {
      nlohmann::json json = Common("summary");
      json["verified"] = checks();
      std::vector<std::string> notes = check_.notes;
      std::ranges::copy(NotesOfTarget(), std::back_inserter(notes));
      json["notes"] = notes;
      json["foreign_keys_broken"] = check_.foreign_keys_broken;
      json["safety_snapshot"] = safety_ ? nlohmann::json(safety_->ToHex()) : nlohmann::json();
      json["tries"] = tries_;
      json["seconds"] = seconds_;
      cli_.PrintJson(json);
      return;
    }
    const std::string file = Shown(target_.file());
    const char* const found = !checks()              ? ""
                              : check_.notes.empty() ? ", found whole by SQLite,"
                                                     : ", checked by SQLite,";
    cli_.Say(fmt::format("restored {} of snapshot {} into {}: {}{} in {:.1f} s\n", Shown(piece_.item->name),
                         opened_.snapshot->id.Short(), file, HumanBytes(replacement_.bytes), found, seconds_));
    if (!undo().empty()) cli_.Say(fmt::format("{} is again what it was before restore {}\n", file, undo()));
    if (!safety_) return;
    cli_.Say(fmt::format("what was there is kept as snapshot {}\n", safety_->Short()));
    cli_.Say(fmt::format("cairn restore --sqlite {} --undo {} puts it back\n", file, piece_.run));
  }

 private:
  const std::string& undo() const { return piece_.undo; }
  bool keeps() const { return target_.exists && !options_.replacement.no_safety_snapshot; }
  bool checks() const { return !options_.replacement.no_verify; }

  // There was none before: it is not removed, for programs may have written to it.
  Result<void> MoveAside() {
    const std::string aside = target_.file() + ".undone-" + piece_.run;
    auto moved = PosixFileSystem().RenameNew(target_.file(), aside);
    if (!moved) return std::move(moved).While("taking " + Shown(target_.file()) + " away again");
    cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInterrupted, Shown(target_.file()),
                     "it was not there before: it is " + Shown(aside) + " now"});
    return {};
  }

  // What can be known without opening the target as a database.
  std::vector<std::string> Problems() const {
    std::vector<std::string> problems;
    const SqliteFileState& state = target_.state;
    if (auto beside = target_.RefuseOthers(); !beside) problems.push_back(beside.error().message());
    if (target_.exists && options_.strategy == "refuse") {
      problems.push_back(fmt::format("{} is there, and --strategy refuse was given", Shown(target_.file())));
    }
    if (!target_.exists || state.bytes == 0) return problems;
    if (replacement_.parameters.is_part) {
      problems.push_back(fmt::format(
          "the snapshot has a part of a database, and all that is not in it would be taken from {}: restore "
          "its tables (--table '*'), or the part into a new file",
          Shown(target_.file())));
    }
    if (auto is_one = RefuseNoDatabase(target_.file(), state); !is_one) problems.push_back(is_one.error().message());
    if (state.has_log && replacement_.page_bytes != 0 && state.page_bytes != replacement_.page_bytes) {
      problems.push_back(fmt::format(
          "{} is in WAL mode with pages of {} bytes, and the snapshot's have {}: SQLite cannot change that while it "
          "is: "
          "end its programs and move it away, with its -wal and -shm, or take it out of WAL mode (PRAGMA journal_mode "
          "= DELETE), then restore",
          Shown(target_.file()), state.page_bytes, replacement_.page_bytes));
    }
    return problems;
  }

  // What its programs have to know. A connection keeps the encoding with which it was opened, and refuses another.
  std::vector<std::string> NotesOfTarget() const {
    const uint32_t here = target_.state.text_encoding, there = replacement_.text_encoding;
    if (!target_.exists || here == 0 || there == 0 || here == there) return {};
    return {
        fmt::format("the text encoding of {} is {}, and the snapshot's {}: programs that have it open must reopen it",
                    Shown(target_.file()), SqliteTextEncodingName(here), SqliteTextEncodingName(there))};
  }

  Result<void> Work(const std::function<Result<void>()>& others) {
    if (target_.exists) {
      cli_.context().progress.SetPhase("looking at the database");
      RETURN_IF_ERROR(OpenLive());
      RETURN_IF_ERROR(live_->TryLock());
      live_.reset();  // its programs shall not wait while the copy is made
    }
    auto done = PutTogether();
    if (done) done = others();
    if (done) done = target_.exists ? ReplaceLive() : PutNew();
    if (done || is_told_ || (stage_ != nullptr && stage_->is_placed())) return done;
    return MakeError(done.error().code(), "{} ({})", done.error().message(),
                     target_.exists ? Shown(target_.file()) + " is as it was: nothing was written to it"
                                    : "nothing was put to " + Shown(target_.file()));
  }

  Result<void> OpenLive() {
    ASSIGN_OR_RETURN(live_, LiveDatabase::Open({target_.file(), options_.replacement.lock_wait}, cli_.context()));
    return replacement_.page_bytes == 0 ? Result<void>() : live_->CheckPageSize(replacement_.page_bytes);
  }

  Result<void> PutTogether() {
    ASSIGN_OR_RETURN(StagedDatabase staged, StageSqlite(cli_, {.opened = opened_,
                                                               .item = *piece_.item,
                                                               .replacement = replacement_,
                                                               .place = target_.place,
                                                               .run = piece_.run,
                                                               .script = after_sql_,
                                                               .script_name = options_.replacement.after_sql,
                                                               .numeric_ids = piece_.numeric_ids,
                                                               .checks = checks()}));
    stage_ = std::move(staged.stage);
    check_ = std::move(staged.check);
    return {};
  }

  Result<void> PutNew() {
    ASSIGN_OR_RETURN(const SqliteTarget now, LookAtSqliteTarget(target_.file()));  // it took a while
    RETURN_IF_ERROR(now.RefuseOthers());
    return stage_->PutInPlace();
  }

  // The safety snapshot is committed with the lock in hand, so that it is what is replaced.
  Result<void> ReplaceLive() {
    RETURN_IF_ERROR(OpenLive());
    RETURN_IF_ERROR(live_->SetReplacement(stage_->file()));
    RETURN_IF_ERROR(keeps() ? BackUpFirst() : live_->Lock());
    cli_.context().progress.SetPhase("writing the database");
    auto replaced = live_->Replace();
    return replaced ? replaced : AfterFailure(replaced.error());
  }

  Result<void> BackUpFirst() {
    ASSIGN_OR_RETURN(safety_, BackUpAndLock(cli_, *opened_.repository, *live_, target_, piece_.run, tries_));
    return {};
  }

  // What is there now is said when it was looked at.
  Error AfterFailure(const Error& error) {
    is_told_ = true;
    cli_.context().progress.SetPhase("undoing");
    IgnoreError(stage_->Remove(), "it is tried again: this is for the room that it takes");
    return TellAfterFailure(error, *live_, target_, safety_);
  }

  nlohmann::json Common(const char* type) const {
    return {{"message_type", type},
            {"run", piece_.run},
            {"id", opened_.snapshot->id.ToHex()},
            {"item", piece_.item->name},
            {"file", Shown(target_.file())},
            {"existed", target_.exists},
            {"bytes", replacement_.bytes},
            {"undone", undo().empty() ? nlohmann::json() : nlohmann::json(undo())}};
  }

  Cli& cli_;
  const SqliteRestore& options_;
  const SqliteRestore::Piece piece_;
  OpenedSnapshot& opened_;
  SqliteReplacement replacement_;
  std::string after_sql_;
  SqliteTarget target_;
  std::unique_ptr<RestoreStage> stage_;
  std::unique_ptr<LiveDatabase> live_;
  DatabaseCheck check_;
  std::optional<SnapshotId> safety_;
  int tries_ = 0;
  std::chrono::nanoseconds begun_{};
  double seconds_ = 0;
  bool is_told_ = false;  // what became of the target
};

}  // namespace

void SqliteRestore::AddTo(CLI::App& command) {
  command
      .add_option("--sqlite", file,
                  "Into this SQLite database, which programs may have open; or, where there is none, make it")
      ->type_name("FILE");
}

std::unique_ptr<SetRestore> SqliteRestore::MakeSet(Cli& cli, Piece piece) const {
  return std::make_unique<SqliteSet>(cli, *this, std::move(piece));
}

Result<int> SqliteRestore::Run(Cli& cli, const Request& request) const {
  RETURN_IF_ERROR(RefuseTableMixture(is_of_tables()));
  if (is_of_tables() && !replacement.undo.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "--undo puts the whole database back: give it alone, or the safety snapshot with --table");
  }
  if (is_of_tables()) return RestoreSqliteTables(cli, *this, request);
  SnapshotPath wanted = SnapshotPath::Parse(request.snapshot);
  const std::string& undo = replacement.undo;
  if (!undo.empty()) {
    ASSIGN_OR_RETURN(const SqliteTarget target, LookAtSqliteTarget(file));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    ASSIGN_OR_RETURN(const LoadedSnapshot* before, FindSqliteBefore(set, undo, target.file()));
    wanted = {before->id.ToHex(), ""};
  }
  OpenedSnapshot opened;
  RETURN_IF_ERROR(
      opened.Open(cli, wanted.snapshot, undo.empty() ? request.filter : SnapshotFilter(), Cli::InDoubt::kRefuse));
  ASSIGN_OR_RETURN(const SnapshotItem* item, PickItem(opened, wanted.path, ItemKind::kSqlite, "SQLite database"));
  std::vector<std::unique_ptr<SetRestore>> sets;
  sets.push_back(MakeSet(cli, {.opened = &opened,
                               .item = item,
                               .run = NewRun(cli.context().random),
                               .undo = undo,
                               .numeric_ids = request.numeric_ids}));
  return RunSetRestores(cli, sets, *replacement.hooks, request.dry_run);
}

}  // namespace cairn
