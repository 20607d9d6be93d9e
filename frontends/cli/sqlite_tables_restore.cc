#include "frontends/cli/sqlite_tables_restore.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "frontends/cli/exit_code.h"
#include "frontends/cli/sqlite_steps.h"
#include "frontends/cli/text.h"
#include "frontends/sqlite/table_restore.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

using sqlite::TablePlan;
using sqlite::TableReport;

std::string Shown(const std::string& text) { return PathForPeople(AsBytes(text)); }

std::string Joined(const std::vector<std::string>& names, const char* between = ", ") {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : between) + Shown(name);
  return text;
}

std::string_view WordOf(TablePlan::Action action) {
  switch (action) {
    case TablePlan::Action::kMake:
      return "make";
    case TablePlan::Action::kReplace:
      return "replace";
    case TablePlan::Action::kMerge:
      return "merge";
    case TablePlan::Action::kRebuild:
      return "rebuild";
    case TablePlan::Action::kNothing:
      break;
  }
  return "nothing";
}

class RestoringTables {
 public:
  RestoringTables(Cli& cli, const SqliteRestore& options, const SqliteRestore::Request& request)
      : cli_(cli), options_(options), request_(request), run_(NewRun(cli.context().random)) {}

  Result<int> Run() {
    RETURN_IF_ERROR(LookAtTarget());
    const SnapshotPath wanted = SnapshotPath::Parse(request_.snapshot);
    RETURN_IF_ERROR(opened_.Open(cli_, wanted.snapshot, request_.filter, Cli::InDoubt::kRefuse));
    RETURN_IF_ERROR(opened_.repository->keyring().Need(Rights::kContentKey, "restoring"));
    ASSIGN_OR_RETURN(item_, PickItem(opened_, wanted.path, ItemKind::kSqlite, "SQLite database"));
    ASSIGN_OR_RETURN(replacement_, FindSqliteReplacement(opened_, item_));
    if (replacement_.parameters.no_rows && !options_.schema_only) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "snapshot {} has definitions alone, and no rows to take the place of those of {}: give "
                       "--schema-only",
                       opened_.snapshot->id.Short(), Shown(target_.file()));
    }
    auto may = MayBackUpBefore(*opened_.repository);
    if (keeps() && !request_.dry_run) RETURN_IF_ERROR(may);
    auto progress = cli_.ShowProgress();
    auto done = Work();
    // Before anything is said: the copy goes, also where it failed.
    restore_.reset();
    live_.reset();
    staged_.stage.reset();
    progress.reset();
    RETURN_IF_ERROR(done);
    if (request_.dry_run) {
      if (keeps() && !may) plan_.problems.push_back(may.error().message());
      ShowPlan();
      return plan_.problems.empty() ? kExitOk : kExitFatal;
    }
    for (const std::string& note : plan_.notes) {
      cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInvalidArgument, Shown(target_.file()), note});
    }
    Show();
    return kExitOk;
  }

 private:
  bool keeps() const { return !options_.replacement.no_safety_snapshot; }
  bool checks() const { return !options_.replacement.no_verify; }
  bool merges() const { return options_.strategy == "merge"; }

  Result<void> LookAtTarget() {
    RETURN_IF_ERROR(RefuseInsideRepository(cli_, options_.file));
    ASSIGN_OR_RETURN(target_, LookAtSqliteTarget(options_.file));
    if (!target_.exists) {
      return MakeError(ErrorCode::kNotFound,
                       "there is no {}, and tables go into a database that is there: restore the whole of it, or make "
                       "an empty file of that name first",
                       Shown(target_.file()));
    }
    return target_.state.bytes == 0 ? Result<void>() : RefuseNoDatabase(target_.file(), target_.state);
  }

  Result<void> Work() {
    auto done = Prepare();
    if (done && !request_.dry_run) done = Change();
    if (done || is_told_) return done;
    return MakeError(done.error().code(), "{} ({} is as it was: nothing was written to it)", done.error().message(),
                     Shown(target_.file()));
  }

  Result<void> OpenLive() {
    ASSIGN_OR_RETURN(live_, LiveDatabase::Open({target_.file(), options_.replacement.lock_wait}, cli_.context()));
    return {};
  }

  Result<void> Prepare() {
    if (!request_.dry_run) {
      cli_.context().progress.SetPhase("looking at the database");
      RETURN_IF_ERROR(OpenLive());
      RETURN_IF_ERROR(live_->TryLock());
      live_.reset();  // its programs shall not wait while the copy is made
    }
    ASSIGN_OR_RETURN(staged_, StageSqlite(cli_, {.opened = opened_,
                                                 .item = *item_,
                                                 .replacement = replacement_,
                                                 .place = target_.place,
                                                 .run = run_,
                                                 .numeric_ids = request_.numeric_ids,
                                                 .checks = checks()}));
    ASSIGN_OR_RETURN(auto keys, options_.ParseKeys());
    RETURN_IF_ERROR(OpenLive());
    restore_.emplace(cli_.context(), *live_,
                     sqlite::TableRestoreOptions{.staged = staged_.stage->file(),
                                                 .chosen = options_.tables,
                                                 .excluded = options_.excluded,
                                                 .merges = merges(),
                                                 .makes = !options_.data_only,
                                                 .brings_rows = !options_.schema_only,
                                                 .keys = std::move(keys),
                                                 .verifies = checks(),
                                                 .is_part = replacement_.parameters.is_part});
    ASSIGN_OR_RETURN(plan_, restore_->Plan());
    if (replacement_.parameters.no_others && !options_.data_only) {
      plan_.notes.emplace_back("the snapshot has rows alone: what is made has no indexes and no triggers");
    }
    if (request_.dry_run || plan_.problems.empty()) return {};
    std::string text;
    for (const std::string& problem : plan_.problems) text += (text.empty() ? "" : "; ") + problem;
    return Error(ErrorCode::kInvalidArgument, text);
  }

  Result<void> Change() {
    RETURN_IF_ERROR(options_.replacement.hooks->Before(cli_));
    if (keeps()) {
      ASSIGN_OR_RETURN(safety_, BackUpAndLock(cli_, *opened_.repository, *live_, target_, run_, tries_));
    } else {
      RETURN_IF_ERROR(live_->Lock());
    }
    auto reports = restore_->Run();
    auto done = reports ? live_->Commit() : Result<void>(reports.error());
    if (done) {
      reports_ = *std::move(reports);
      return {};
    }
    is_told_ = true;
    cli_.context().progress.SetPhase("undoing");
    restore_.reset();
    return TellAfterFailure(done.error(), *live_, target_, safety_);
  }

  nlohmann::json Common(const char* type) const {
    return {{"message_type", type},
            {"run", run_},
            {"id", opened_.snapshot->id.ToHex()},
            {"item", item_->name},
            {"file", Shown(target_.file())},
            {"strategy", options_.strategy}};
  }

  void ShowPlan() const {
    if (cli_.json()) {
      nlohmann::json json = Common("plan");
      json["tables"] = nlohmann::json::array();
      for (const TablePlan& one : plan_.tables) {
        json["tables"].push_back({{"name", one.name},
                                  {"action", WordOf(one.action)},
                                  {"rows", one.rows},
                                  {"key", one.key},
                                  {"only_in_dump", one.only_in_snapshot},
                                  {"only_here", one.only_here},
                                  {"made", one.made}});
      }
      json["verify"] = checks();
      json["safety_snapshot"] = keeps();
      json["problems"] = plan_.problems;
      json["notes"] = plan_.notes;
      cli_.PrintJson(json);
      return;
    }
    cli_.Print(fmt::format("{} of snapshot {} into {}, in one transaction:\n", Shown(item_->name),
                           opened_.snapshot->id.Short(), Shown(target_.file())));
    if (keeps()) cli_.Print(fmt::format("  back up   {}, as a safety snapshot\n", Shown(target_.file())));
    for (const TablePlan& one : plan_.tables) cli_.Print(LineOf(one));
    for (const std::string& note : plan_.notes) cli_.Print("note: " + note + "\n");
    for (const std::string& problem : plan_.problems) cli_.Print("cannot be: " + problem + "\n");
  }

  std::string LineOf(const TablePlan& one) const {
    const std::string name = Shown(one.name);
    const std::string with = one.made.empty() ? "" : " with " + Joined(one.made);
    switch (one.action) {
      case TablePlan::Action::kMake:
        return options_.schema_only
                   ? fmt::format("  make      {}{}\n", name, with)
                   : fmt::format("  make      {}{}, and its {} rows\n", name, with, HumanCount(one.rows));
      case TablePlan::Action::kReplace:
        return fmt::format("  replace   the rows of {} by {}\n", name, HumanCount(one.rows));
      case TablePlan::Action::kMerge:
        return fmt::format("  merge     {} rows into {}, the same by {}\n", HumanCount(one.rows), name,
                           Joined(one.key));
      case TablePlan::Action::kRebuild:
        return fmt::format("  rebuild   the full text index {}\n", name);
      case TablePlan::Action::kNothing:
        break;
    }
    return one.made.empty() ? fmt::format("  leave     {}, which is there\n", name)
                            : fmt::format("  make      {} of {}\n", Joined(one.made), name);
  }

  void Show() const {
    if (cli_.json()) {
      nlohmann::json json = Common("summary");
      json["tables"] = nlohmann::json::array();
      for (const TableReport& one : reports_) {
        json["tables"].push_back({{"name", one.name},
                                  {"made", one.is_made},
                                  {"rows", one.rows},
                                  {"inserted", one.inserted},
                                  {"present", one.present},
                                  {"without_key", one.without_key},
                                  {"orphans", one.orphans},
                                  {"conflicts", one.conflicts},
                                  {"renumbered", one.renumbered},
                                  {"left_out", one.left_out}});
      }
      json["notes"] = plan_.notes;
      json["verified"] = checks();
      json["safety_snapshot"] = safety_ ? nlohmann::json(safety_->ToHex()) : nlohmann::json();
      json["tries"] = tries_;
      cli_.PrintJson(json);
      return;
    }
    for (const TableReport& one : reports_) ShowTable(one);
    for (const TablePlan& one : plan_.tables) {
      const bool is_made = options_.schema_only && one.action == TablePlan::Action::kMake;
      if (is_made) cli_.Say(fmt::format("{}: made\n", Shown(one.name)));
      if (options_.schema_only && !one.made.empty()) cli_.Say("  made: " + Joined(one.made) + "\n");
    }
    if (!safety_) return;
    const std::string file = Shown(target_.file());
    cli_.Say(
        fmt::format("what was there before is snapshot {}; cairn restore --sqlite {} --undo {} puts all of it "
                    "back, and with it takes away what is written to any table until then; cairn restore {} "
                    "--sqlite {} --table TABLE puts one back\n",
                    safety_->Short(), file, run_, safety_->Short(), file));
  }

  void ShowTable(const TableReport& one) const {
    const std::string name = Shown(one.name);
    if (!merges()) {
      cli_.Say(fmt::format("{}: {} rows{}{}\n", name, HumanCount(one.inserted), one.is_made ? ", and it was made" : "",
                           checks() ? ", each read again and right" : ""));
      return;
    }
    cli_.Say(fmt::format(
        "{}: of {} rows {} came, {} were there{}{}{}{}\n", name, HumanCount(one.rows), HumanCount(one.inserted),
        HumanCount(one.present),
        one.renumbered > 0 ? fmt::format(", {} got another number", HumanCount(one.renumbered)) : "",
        one.orphans > 0 ? fmt::format(", {} lack a row that they refer to", HumanCount(one.orphans)) : "",
        one.conflicts > 0 ? fmt::format(", {} are kept out by another key or a constraint", HumanCount(one.conflicts))
                          : "",
        one.without_key > 0 ? fmt::format(", {} have no key", HumanCount(one.without_key)) : ""));
    if (!one.left_out.empty()) cli_.Say("  left out: " + Joined(one.left_out) + "\n");
  }

  Cli& cli_;
  const SqliteRestore& options_;
  const SqliteRestore::Request& request_;
  const std::string run_;
  OpenedSnapshot opened_;
  const SnapshotItem* item_ = nullptr;
  SqliteReplacement replacement_;
  SqliteTarget target_;
  StagedDatabase staged_;
  std::unique_ptr<LiveDatabase> live_;
  std::optional<sqlite::TableRestore> restore_;
  sqlite::TableRestorePlan plan_;
  std::vector<TableReport> reports_;
  std::optional<SnapshotId> safety_;
  int tries_ = 0;
  bool is_told_ = false;  // what became of the target
};

}  // namespace

Result<int> RestoreSqliteTables(Cli& cli, const SqliteRestore& options, const SqliteRestore::Request& request) {
  return RestoringTables(cli, options, request).Run();
}

}  // namespace cairn
