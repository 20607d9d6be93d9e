#include "frontends/cli/postgres_restore.h"

#include <nlohmann/json.hpp>

#include "frontends/cli/exit_code.h"
#include "frontends/cli/postgres_in_place.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/cli/text.h"
#include "frontends/postgres/database_restore.h"
#include "frontends/postgres/postgres_source.h"
#include "frontends/postgres/table_restore.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

using postgres::DatabaseRestorePlan;
using postgres::DatabaseRestoreReport;

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

nlohmann::json PlanJson(const DatabaseRestorePlan& plan, std::optional<double> seconds) {
  nlohmann::json sessions = nlohmann::json::array();
  for (const postgres::ServerSession& one : plan.sessions) {
    sessions.push_back(
        {{"process", one.process}, {"user", one.user}, {"application", one.application}, {"address", one.address}});
  }
  return {{"run", plan.run},
          {"target", plan.target},
          {"beside", plan.beside},
          {"kept", plan.kept.empty() ? nlohmann::json() : nlohmann::json(plan.kept)},
          {"server", plan.server},
          {"tables", plan.tables},
          {"rows", plan.rows},
          {"bytes", plan.bytes},
          {"large_objects", plan.large_objects},
          {"way", "beside"},
          {"target_bytes", plan.target_bytes},
          {"seconds_about", seconds ? nlohmann::json(*seconds) : nlohmann::json()},
          {"sessions", std::move(sessions)},
          {"problems", plan.problems},
          {"notes", plan.notes}};
}

void ShowPlan(Cli& cli, const DatabaseRestorePlan& plan, const PostgresRestore& options,
              std::optional<double> seconds) {
  if (cli.json()) {
    nlohmann::json json = PlanJson(plan, seconds);
    json["message_type"] = "plan";
    cli.PrintJson(json);
    return;
  }
  cli.Print(fmt::format("into the server, PostgreSQL {}:\n", plan.server));
  cli.Print(
      fmt::format("  make      {}, from {} tables, {} rows, {}{}\n", Shown(plan.beside), HumanCount(plan.tables),
                  HumanCount(plan.rows), HumanBytes(plan.bytes),
                  plan.large_objects > 0 ? fmt::format(", {} large objects", HumanCount(plan.large_objects)) : ""));
  if (!options.replacement.no_verify) cli.Print("  verify    every row and large object, read again\n");
  if (!options.replacement.after_sql.empty()) {
    cli.Print(fmt::format("  run       {} in it\n", Shown(options.replacement.after_sql)));
  }
  if (!plan.kept.empty()) {
    if (!options.replacement.no_safety_snapshot)
      cli.Print(fmt::format("  back up   {}, as a safety snapshot\n", Shown(plan.target)));
    cli.Print(
        fmt::format("  keep      {} as {} for {} hours\n", Shown(plan.target), Shown(plan.kept), options.keep_hours));
  }
  cli.Print(fmt::format("  rename    {} to {}\n", Shown(plan.beside), Shown(plan.target)));
  if (plan.target_bytes > 0) {
    cli.Print(fmt::format("{} has {} now, and both are there until the former is dropped\n", Shown(plan.target),
                          HumanBytes(plan.target_bytes)));
  }
  if (seconds) cli.Print(TimeText(*seconds));
  if (!plan.sessions.empty()) {
    cli.Print(fmt::format("sessions that use {} now: {}{}\n", Shown(plan.target), plan.sessions.size(),
                          options.disconnect ? "; they will be ended" : "; it waits for their end"));
  }
  for (const std::string& note : plan.notes) cli.Print("note: " + Shown(note) + "\n");
  for (const std::string& problem : plan.problems) cli.Print("cannot be: " + Shown(problem) + "\n");
}

void ShowReport(Cli& cli, const DatabaseRestorePlan& plan, const DatabaseRestoreReport& report,
                const std::optional<SnapshotId>& safety, double seconds) {
  const postgres::DatabaseLoader::Report& loaded = report.loaded;
  if (cli.json()) {
    const auto or_null = [](const std::string& text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); };
    cli.PrintJson({{"message_type", "summary"},
                   {"run", plan.run},
                   {"database", plan.target},
                   {"tables", loaded.tables},
                   {"rows", loaded.rows},
                   {"bytes", loaded.bytes},
                   {"large_objects", loaded.large_objects},
                   {"sequences", loaded.sequences},
                   {"verified", loaded.verified},
                   {"kept", or_null(report.kept)},
                   {"kept_until", or_null(report.kept_until)},
                   {"safety_snapshot", safety ? nlohmann::json(safety->ToHex()) : nlohmann::json()},
                   {"seconds", seconds}});
    return;
  }
  cli.Say(fmt::format("restored {}: {} tables, {} rows, {} large objects, {}{} in {:.1f} s\n", Shown(plan.target),
                      HumanCount(loaded.tables), HumanCount(loaded.rows), HumanCount(loaded.large_objects),
                      HumanBytes(loaded.bytes), loaded.verified > 0 ? ", each read again and right," : "", seconds));
  if (report.kept.empty()) return;
  cli.Say(fmt::format("what was there before is kept as {} until {}{}\n", Shown(report.kept), report.kept_until,
                      safety ? fmt::format(", and as snapshot {}", safety->Short()) : ""));
  cli.Say(fmt::format("cairn restore --postgres ADDRESS --undo {} puts it back\n", plan.run));
}

std::string SafetyDescription(const std::string& run, bool of_tables) {
  return DescriptionBefore(run) + (of_tables ? " of tables" : "");
}

// With what was put in the database's place: a snapshot, in hexadecimal.
constexpr std::string_view kInPlaceBy = " in place by ";

// Of what is about to be replaced; of a whole database it lacks what is written until that is renamed.
Result<SnapshotId> BackUpFirst(Cli& cli, Repository& repository, const postgres::Address& address,
                               postgres::TableChoice choice, const std::string& description, uint32_t lock_patience_s) {
  ASSIGN_OR_RETURN(auto source, PostgresSource::Make({.address = address,
                                                      .item = postgres::FileNameOf(address.database()),
                                                      .choice = std::move(choice),
                                                      .sessions = cli.context().executor.workers(),
                                                      .lock_patience_s = lock_patience_s},
                                                     SystemClock(), cli.stop()));
  return BackUpBefore(cli, repository, std::move(source), description);
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + Shown(name);
  return text;
}

void ShowTablePlan(Cli& cli, const postgres::TableRestorePlan& plan, bool merges) {
  if (cli.json()) {
    nlohmann::json tables = nlohmann::json::array();
    for (const postgres::TablePlan& one : plan.tables) {
      tables.push_back({{"schema", one.name.schema},
                        {"name", one.name.name},
                        {"rows", one.rows},
                        {"key", one.key},
                        {"only_in_dump", one.only_in_dump},
                        {"only_here", one.only_here}});
    }
    nlohmann::json missing = nlohmann::json::array();
    for (const postgres::MissingTable& one : plan.missing) {
      missing.push_back({{"schema", one.name.schema}, {"name", one.name.name}, {"rows", one.rows}});
    }
    cli.PrintJson({{"message_type", "plan"},
                   {"run", plan.run},
                   {"missing", std::move(missing)},
                   {"database", plan.database},
                   {"server", plan.server},
                   {"strategy", merges ? "merge" : "replace"},
                   {"tables", std::move(tables)},
                   {"problems", plan.problems},
                   {"notes", plan.notes}});
    return;
  }
  cli.Print(fmt::format("in {}, PostgreSQL {}, in one transaction:\n", Shown(plan.database), plan.server));
  for (const postgres::MissingTable& one : plan.missing) {
    cli.Print(fmt::format("  make      {}, which is missing, with {} rows\n", Shown(one.name.ForPeople()),
                          HumanCount(one.rows)));
  }
  for (const postgres::TablePlan& one : plan.tables) {
    cli.Print(
        merges ? fmt::format("  merge     {} rows into {}, the same by {}\n", HumanCount(one.rows),
                             Shown(one.name.ForPeople()), Joined(one.key))
               : fmt::format("  replace   the rows of {} by {}\n", Shown(one.name.ForPeople()), HumanCount(one.rows)));
  }
  for (const std::string& note : plan.notes) cli.Print("note: " + Shown(note) + "\n");
  for (const std::string& problem : plan.problems) cli.Print("cannot be: " + Shown(problem) + "\n");
}

void ShowTables(Cli& cli, const postgres::TableRestorePlan& plan, const std::vector<postgres::TableReport>& reports,
                const std::optional<SnapshotId>& safety, bool merges) {
  if (cli.json()) {
    nlohmann::json tables = nlohmann::json::array();
    for (const postgres::TableReport& one : reports) {
      tables.push_back({{"schema", one.name.schema},
                        {"name", one.name.name},
                        {"rows", one.rows},
                        {"inserted", one.inserted},
                        {"present", one.present},
                        {"without_key", one.without_key},
                        {"orphans", one.orphans},
                        {"conflicts", one.conflicts},
                        {"made", one.is_made},
                        {"left_out", one.left_out}});
    }
    cli.PrintJson({{"message_type", "summary"},
                   {"run", plan.run},
                   {"database", plan.database},
                   {"tables", std::move(tables)},
                   {"safety_snapshot", safety ? nlohmann::json(safety->ToHex()) : nlohmann::json()}});
    return;
  }
  for (const postgres::TableReport& one : reports) {
    const std::string name = Shown(one.name.ForPeople());
    if (!merges || one.is_made) {
      cli.Say(fmt::format("{}: {}{} rows\n", name, one.is_made ? "made, " : "", HumanCount(one.inserted)));
      continue;
    }
    cli.Say(
        fmt::format("{}: of {} rows {} came, {} were there{}{}{}\n", name, HumanCount(one.rows),
                    HumanCount(one.inserted), HumanCount(one.present),
                    one.orphans > 0 ? fmt::format(", {} lack a row that they refer to", HumanCount(one.orphans)) : "",
                    one.conflicts > 0 ? fmt::format(", {} are kept out by another key", HumanCount(one.conflicts)) : "",
                    one.without_key > 0 ? fmt::format(", {} have no key", HumanCount(one.without_key)) : ""));
    if (!one.left_out.empty()) cli.Say("  left out: " + Joined(one.left_out) + "\n");
  }
  if (safety) {
    cli.Say(
        fmt::format("what was there before is snapshot {}; cairn restore --postgres ADDRESS --undo {} puts it back\n",
                    safety->Short(), plan.run));
  }
}

Result<std::unique_ptr<postgres::Server>> OpenServer(Cli& cli, const std::string& text, const stream::Waiter& waiter) {
  ASSIGN_OR_RETURN(const postgres::Address address, ParseAddress(cli, text));
  return postgres::Server::Open(address, "", waiter, SystemClock(), cli.stop());
}

// A whole database.
class DatabaseSet : public SetRestore {
 public:
  DatabaseSet(Cli& cli, const PostgresRestore& options, OpenedSnapshot& opened, const SnapshotItem& item,
              postgres::Address server, const std::string& run)
      : cli_(cli),
        options_(options),
        opened_(opened),
        server_(std::move(server)),
        dump_(*opened.reader, item.root, cli.stop()),
        restore_(cli.context(), dump_, Options(run)) {}

  Result<std::vector<std::string>> Plan() override {
    ASSIGN_OR_RETURN(std::string script, options_.replacement.AfterSql());
    restore_.SetScript(std::move(script), options_.replacement.after_sql);
    ASSIGN_OR_RETURN(plan_, restore_.Plan());
    std::vector<std::string> problems = plan_.problems;
    if (auto may = MayBackUpBefore(*opened_.repository); keeps() && !may) problems.push_back(may.error().message());
    return problems;
  }
  void ShowPlan(const std::vector<std::string>& problems) override {
    DatabaseRestorePlan plan = plan_;
    plan.problems = problems;
    // How long it takes is worth no failure.
    auto seconds = problems.empty() ? restore_.Estimate() : Result<std::optional<double>>(std::nullopt);
    cairn::ShowPlan(cli_, plan, options_, seconds ? *seconds : std::nullopt);
  }

  // The safety snapshot lacks what is written until the database is renamed; that which is kept has it.
  Result<void> Run(const std::function<Result<void>()>& others) override {
    const auto begun = SystemClock().Steady();
    for (const std::string& note : plan_.notes) {
      cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInvalidArgument, plan_.target, note});
    }
    ASSIGN_OR_RETURN(report_, restore_.Run([&]() -> Result<void> {
      if (keeps()) {
        ASSIGN_OR_RETURN(safety_, BackUpFirst(cli_, *opened_.repository, server_.WithDatabase(plan_.target), {},
                                              SafetyDescription(plan_.run, false), options_.replacement.lock_wait));
      }
      return others();
    }));
    seconds_ = std::chrono::duration<double>(SystemClock().Steady() - begun).count();
    return {};
  }

  // Sessions that have come to the new one meanwhile are ended: what they wrote is kept with it.
  Result<void> PutBack() override {
    const stream::Waiter waiter(cli_.stop());
    auto server = postgres::Server::Open(server_, "", waiter, SystemClock(), cli_.stop());
    if (server && plan_.kept.empty()) return TakeAway(**server);
    Result<postgres::UndoReport> undone =
        server ? postgres::UndoRestore(
                     **server, {plan_.run, plan_.target},
                     {.session_patience = std::chrono::seconds(options_.session_wait), .disconnects = true},
                     std::chrono::hours(options_.keep_hours), false)
               : Result<postgres::UndoReport>(server.error());
    if (!undone) {
      return MakeError(undone.error().code(),
                       "{} could not be put back: {}; what was there before is {}: cairn restore --postgres ADDRESS "
                       "--undo {} does it",
                       Shown(plan_.target), undone.error().message(), Shown(plan_.kept), plan_.run);
    }
    cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInterrupted, plan_.target,
                     fmt::format("is as it was; what was made for it is kept as {} until {}", Shown(undone->kept),
                                 undone->kept_until)});
    return {};
  }
  void Finish() override {}
  void ShowReport() override { cairn::ShowReport(cli_, plan_, report_, safety_, seconds_); }

 private:
  postgres::DatabaseRestoreOptions Options(const std::string& run) const {
    const unsigned workers = cli_.context().executor.workers();
    return {.address = server_,
            .target = options_.as.empty() ? server_.database() : options_.as,
            .run = run,
            .replaces = options_.strategy == "replace",
            .with_owners = !options_.no_owner,
            .verifies = !options_.replacement.no_verify,
            .disconnects = options_.disconnect,
            .with_rows = !options_.schema_only,
            .sessions = options_.jobs == 0 ? workers : std::min(options_.jobs, workers),
            .session_patience = std::chrono::seconds(options_.session_wait),
            .keeps = std::chrono::hours(options_.keep_hours)};
  }
  bool keeps() const { return !plan_.kept.empty() && !options_.replacement.no_safety_snapshot; }

  // There was none before: it is kept under another name, for somebody may have written to it.
  Result<void> TakeAway(postgres::Server& server) const {
    using postgres::KeptDatabase;
    KeptDatabase kept{.name = KeptDatabase::NameOf(KeptDatabase::Role::kUndone, plan_.target, plan_.run),
                      .run = plan_.run,
                      .of = plan_.target,
                      .role = KeptDatabase::Role::kUndone};
    auto until = server.TimeFromNow(std::chrono::hours(options_.keep_hours));
    auto done = until ? Result<void>() : Result<void>(until.error());
    if (done) {
      kept.until = *until;
      done = server.Swap(plan_.target, report_.oid, "", std::nullopt, kept,
                         {.session_patience = std::chrono::seconds(options_.session_wait), .disconnects = true});
    }
    if (!done) {
      return MakeError(done.error().code(), "{}, which was not there before, could not be taken away again: {}",
                       Shown(plan_.target), done.error().message());
    }
    cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInterrupted, plan_.target,
                     fmt::format("was not there before: it is {} until {}", Shown(kept.name), kept.until)});
    return {};
  }

  Cli& cli_;
  const PostgresRestore& options_;
  OpenedSnapshot& opened_;
  const postgres::Address server_;
  postgres::DumpReader dump_;
  postgres::DatabaseRestore restore_;
  DatabaseRestorePlan plan_;
  DatabaseRestoreReport report_;
  std::optional<SnapshotId> safety_;
  double seconds_ = 0;
};

}  // namespace

void PostgresRestore::AddTo(CLI::App& command) {
  const size_t before = command.get_options().size();
  command
      .add_option("--postgres", address,
                  "Into this PostgreSQL server (postgresql://user@host/database, key=value, or env:NAME)")
      ->type_name("ADDRESS");
  command.add_option("--as", as, "The database's name there (default: the address's, else the one that it had)")
      ->type_name("NAME");
  command.add_flag(
      "--in-place", in_place,
      "Change the database that is there, in one transaction, rather than make one beside it: what is done "
      "anyway where the role may not do that");
  command.add_flag("--disconnect", disconnect, "End the sessions that use the database, when its turn comes");
  command.add_option("--session-wait", session_wait, "Seconds to wait for sessions that use the database to end")
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_option("--keep-hours", keep_hours, "How long the former database is kept")
      ->type_name("HOURS")
      ->check(CLI::Range(1u, 87'600u))
      ->capture_default_str();
  command.add_flag("--no-owner", no_owner, "All belongs to the role that connects; no grants");
  command.add_option("-j,--jobs", jobs, "Tables that are loaded at once (default: as many as there are threads)")
      ->check(CLI::Range(1u, 64u))
      ->type_name("NUMBER");
  command.add_flag("--clean-up", clean_up,
                   "Drop what dead restores have left, and former databases whose time is over");
  GroupOptions(command, before, "Into a PostgreSQL server");
}

Result<int> PostgresRestore::Run(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter,
                                 bool dry_run) const {
  if (!replacement.undo.empty()) return Undo(cli, dry_run);
  if (clean_up) return CleanUp(cli, dry_run);
  return Restore(cli, snapshot, filter, dry_run);
}

Result<void> PostgresRestore::RefuseMixture() const {
  const auto refuse = [](const char* why) -> Result<void> { return Error(ErrorCode::kInvalidArgument, why); };
  RETURN_IF_ERROR(RefuseTableMixture(is_of_tables()));
  if (is_of_tables() && !replacement.after_sql.empty()) {
    return refuse("--after-sql is for a database that is restored whole");
  }
  if (in_place && (is_of_tables() || strategy == "refuse")) {
    return refuse("--in-place is for a whole database that is replaced");
  }
  return {};
}

Result<int> PostgresRestore::Restore(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter,
                                     bool dry_run) const {
  RETURN_IF_ERROR(RefuseMixture());
  ASSIGN_OR_RETURN(const postgres::Address server, ParseAddress(cli, address));
  SnapshotPath wanted = SnapshotPath::Parse(snapshot);
  OpenedSnapshot opened;
  RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter, Cli::InDoubt::kRefuse));
  RETURN_IF_ERROR(opened.repository->keyring().Need(Rights::kContentKey, "restoring"));
  ASSIGN_OR_RETURN(const SnapshotItem* item, PickItem(opened, wanted.path, ItemKind::kPostgres, "PostgreSQL database"));
  if (is_of_tables()) return RestoreTables(cli, opened, *item, server, dry_run);
  std::vector<std::unique_ptr<SetRestore>> sets;
  const std::string target = !as.empty()                  ? as
                             : !server.database().empty() ? server.database()
                                                          : postgres::NameOfFile(item->name);
  ASSIGN_OR_RETURN(std::string why, WhyInPlace(cli, server, target));
  if (why.empty()) {
    sets.push_back(MakeSet(cli, opened, *item, server, ""));
  } else {
    ASSIGN_OR_RETURN(auto set, MakeSetInPlace(cli, opened, *item, server.WithDatabase(target), std::move(why)));
    sets.push_back(std::move(set));
  }
  return RunSetRestores(cli, sets, *replacement.hooks, dry_run);
}

std::unique_ptr<SetRestore> PostgresRestore::MakeSet(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item,
                                                     const postgres::Address& server, const std::string& run) const {
  return std::make_unique<DatabaseSet>(cli, *this, opened, item, server, run);
}

Result<std::string> PostgresRestore::WhyInPlace(Cli& cli, const postgres::Address& server,
                                                const std::string& target) const {
  if (in_place) return std::string(undone_snapshot.empty() ? "--in-place" : "as the restore that is undone was");
  if (strategy != "replace") return std::string();
  const stream::Waiter waiter(cli.stop());
  auto opened = postgres::Server::Open(server, "", waiter, SystemClock(), cli.stop());
  if (opened) return postgres::WhyNotBeside(**opened, target);
  if (opened.error().code() != ErrorCode::kPermission) return opened.error();
  return "no other database can be connected to: " + opened.error().message();
}

Result<std::unique_ptr<SetRestore>> PostgresRestore::MakeSetInPlace(Cli& cli, OpenedSnapshot& opened,
                                                                    const SnapshotItem& item,
                                                                    const postgres::Address& into,
                                                                    std::string why) const {
  if (!replacement.after_sql.empty()) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "--after-sql is for a database that is made beside the one in use, and {} is changed in place ({})",
        Shown(into.database()), why);
  }
  InPlaceSetOptions set{.in_place = {.address = into,
                                     .with_owners = !no_owner,
                                     .with_rows = !schema_only,
                                     .verifies = !replacement.no_verify,
                                     .lock_patience = std::chrono::seconds(replacement.lock_wait)},
                        .why = std::move(why)};
  if (!replacement.no_safety_snapshot) {
    set.back_up = [&cli, &opened, into, wait = replacement.lock_wait](const std::string& run) {
      return BackUpFirst(cli, *opened.repository, into, {},
                         SafetyDescription(run, false) + std::string(kInPlaceBy) + opened.snapshot->id.ToHex(), wait);
    };
    RETURN_IF_ERROR(MayBackUpBefore(*opened.repository));
  }
  if (!undone_snapshot.empty()) {
    // Without it, what that restore has made and the database had not stays, and is told.
    OpenedSnapshot former;
    auto found = former.Open(cli, undone_snapshot, {});
    if (!found && found.error().code() != ErrorCode::kNotFound) return found.error();
    auto former_item = found ? PickItem(former, item.name, ItemKind::kPostgres, "PostgreSQL database")
                             : Result<const SnapshotItem*>(found.error());
    if (found && !former_item) former_item = PickItem(former, "", ItemKind::kPostgres, "PostgreSQL database");
    if (former_item) {
      postgres::DumpReader former_dump(*former.reader, (*former_item)->root, cli.stop());
      ASSIGN_OR_RETURN(set.in_place.undone, former_dump.Read(postgres::kSchemaFile));
    }
  }
  return MakeInPlaceSet(cli, *opened.reader, item.root, std::move(set));
}

Result<int> PostgresRestore::RestoreTables(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item,
                                           const postgres::Address& server, bool dry_run) const {
  const bool merges = strategy == "merge";
  cli.SetAllOrNone();
  postgres::DumpReader dump(*opened.reader, item.root, cli.stop());
  postgres::Address into = server;
  if (!as.empty()) into = server.WithDatabase(as);
  if (into.database().empty()) {
    ASSIGN_OR_RETURN(const auto description, dump.Description());
    into = server.WithDatabase(description.properties.name);
  }
  ASSIGN_OR_RETURN(auto own_keys, ParseKeys());
  postgres::TableRestore restore(cli.context(), dump,
                                 {.address = into,
                                  .choice = {tables, excluded},
                                  .merges = merges,
                                  .keys = std::move(own_keys),
                                  .verifies = !replacement.no_verify,
                                  .makes_missing = !data_only,
                                  .with_rows = !schema_only,
                                  .with_owners = !no_owner,
                                  .lock_patience = std::chrono::seconds(replacement.lock_wait)});
  ASSIGN_OR_RETURN(const postgres::TableRestorePlan plan, restore.Plan());
  if (dry_run) {
    ShowTablePlan(cli, plan, merges);
    return plan.problems.empty() ? kExitOk : kExitFatal;
  }
  for (const std::string& note : plan.notes) {
    cli.Findings()({Finding::Severity::kNote, ErrorCode::kInvalidArgument, plan.database, note});
  }
  std::optional<SnapshotId> safety;
  const auto before_change = [&](const std::string& run) -> Result<void> {
    RETURN_IF_ERROR(replacement.hooks->Before(cli));
    if (replacement.no_safety_snapshot || plan.tables.empty()) return {};
    RETURN_IF_ERROR(MayBackUpBefore(*opened.repository));
    postgres::TableChoice choice;
    for (const postgres::TablePlan& one : plan.tables) choice.names.push_back(one.name);
    ASSIGN_OR_RETURN(safety, BackUpFirst(cli, *opened.repository, into, std::move(choice), SafetyDescription(run, true),
                                         replacement.lock_wait));
    return {};
  };
  auto progress = cli.ShowProgress();
  auto reports = restore.Run(before_change);
  progress.reset();
  RETURN_IF_ERROR(reports);
  ShowTables(cli, plan, *reports, safety, merges);
  return kExitOk;
}

Result<int> PostgresRestore::Undo(Cli& cli, bool dry_run) const {
  const stream::Waiter waiter(cli.stop());
  auto opened = OpenServer(cli, address, waiter);
  // A role that can only connect to its own database has changed that in place.
  if (!opened && opened.error().code() == ErrorCode::kPermission) return UndoTables(cli, opened.error(), dry_run);
  RETURN_IF_ERROR(opened);
  const auto server = *std::move(opened);
  if (!dry_run) RETURN_IF_ERROR(replacement.hooks->Before(cli));
  const postgres::Server::Swapping how{std::chrono::seconds(session_wait), disconnect};
  const std::chrono::hours keeps(keep_hours);
  auto undone = postgres::UndoRestore(*server, {replacement.undo, ""}, how, keeps, dry_run);
  // One run may have replaced several databases: then the address has to name one.
  ASSIGN_OR_RETURN(const postgres::Address named, ParseAddress(cli, address));
  if (!undone && undone.error().code() == ErrorCode::kInvalidArgument && !named.database().empty()) {
    undone = postgres::UndoRestore(*server, {replacement.undo, named.database()}, how, keeps, dry_run);
  }
  if (!undone && undone.error().code() == ErrorCode::kNotFound) return UndoTables(cli, undone.error(), dry_run);
  RETURN_IF_ERROR(undone);
  const postgres::UndoReport& report = *undone;
  if (cli.json()) {
    cli.PrintJson({{"message_type", "summary"},
                   {"database", report.database},
                   {"dry_run", dry_run},
                   {"kept", report.kept},
                   {"kept_until", report.kept_until}});
    return kExitOk;
  }
  if (dry_run) {
    cli.Print(fmt::format("would make {} what it was before restore {}\n", Shown(report.database), replacement.undo));
    return kExitOk;
  }
  cli.Say(fmt::format("{} is again what it was before restore {}\n", Shown(report.database), replacement.undo));
  if (!report.kept.empty()) {
    cli.Say(fmt::format("what the restore had made is kept as {} until {}\n", Shown(report.kept), report.kept_until));
  }
  return kExitOk;
}

// A restore of tables has left no database, but a snapshot of what they were.
Result<int> PostgresRestore::UndoTables(Cli& cli, const Error& no_database, bool dry_run) const {
  if (cli.global.repository.empty() && std::getenv("CAIRN_REPOSITORY") == nullptr) return no_database;
  ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
  // Of a restore in place, what begins so.
  const std::string before_in_place = SafetyDescription(replacement.undo, false) + std::string(kInPlaceBy);
  for (const LoadedSnapshot& one : set.snapshots) {
    const bool is_it = one.opened && one.inner.snapshot_class == SnapshotClass::kSafety &&
                       one.inner.items.size() == 1 && one.inner.description.starts_with(before_in_place);
    if (!is_it) continue;
    PostgresRestore back = *this;
    back.replacement.undo.clear();
    back.in_place = true;
    back.strategy = "replace";
    back.undone_snapshot = one.inner.description.substr(before_in_place.size());
    back.as = postgres::NameOfFile(one.inner.items.front().name);
    return back.Run(cli, one.id.ToHex(), {}, dry_run);
  }
  const auto find = [&](bool of_tables) {
    return std::ranges::find_if(set.snapshots, [&](const LoadedSnapshot& one) {
      return one.opened && one.inner.snapshot_class == SnapshotClass::kSafety && one.inner.items.size() == 1 &&
             one.inner.description == SafetyDescription(replacement.undo, of_tables);
    });
  };
  const auto whole = find(false);
  if (whole != set.snapshots.end()) {
    return MakeError(ErrorCode::kNotFound, "{}; snapshot {} has what was there: cairn restore {} --postgres ADDRESS",
                     no_database.message(), whole->id.Short(), whole->id.Short());
  }
  const auto found = find(true);
  if (found == set.snapshots.end()) {
    return MakeError(ErrorCode::kNotFound, "{}; and the repository has no safety snapshot of that run",
                     no_database.message());
  }
  PostgresRestore back = *this;
  back.replacement.undo.clear();
  back.data_only = true;
  back.strategy = "replace";
  back.as = postgres::NameOfFile(found->inner.items.front().name);
  return back.Run(cli, found->id.ToHex(), {}, dry_run);
}

Result<int> PostgresRestore::CleanUp(Cli& cli, bool dry_run) const {
  const stream::Waiter waiter(cli.stop());
  ASSIGN_OR_RETURN(const auto server, OpenServer(cli, address, waiter));
  ASSIGN_OR_RETURN(const postgres::CleanUpReport report, postgres::CleanUpAfterRestores(*server, dry_run));
  for (const auto& [one, error] : report.failed) {
    cli.Findings()({Finding::Severity::kWarning, error.code(), one.name, error.message()});
  }
  const int code = report.failed.empty() ? kExitOk : kExitIncomplete;
  if (cli.json()) {
    nlohmann::json gone = nlohmann::json::array(), kept = nlohmann::json::array();
    for (const auto& one : report.dropped) gone.push_back(one.name);
    for (const auto& one : report.left) kept.push_back(one.name);
    cli.PrintJson({{"message_type", "summary"}, {"dry_run", dry_run}, {"dropped", gone}, {"kept", kept}});
    return code;
  }
  for (const postgres::KeptDatabase& one : report.dropped) {
    cli.Print(fmt::format("{} {} ({} of restore {})\n", dry_run ? "would drop" : "dropped", Shown(one.name),
                          postgres::Name(one.role), one.run));
  }
  if (report.dropped.empty()) cli.Say("there is nothing to drop\n");
  for (const postgres::KeptDatabase& one : report.left) {
    cli.Say(fmt::format("{} stays{}: {}\n", Shown(one.name), one.until.empty() ? "" : " until " + one.until,
                        one.is_in_work ? "restore " + one.run + " is at it"
                        : one.is_used  ? std::string("sessions use it")
                                       : fmt::format("{} of restore {}", postgres::Name(one.role), one.run)));
  }
  return code;
}

}  // namespace cairn
