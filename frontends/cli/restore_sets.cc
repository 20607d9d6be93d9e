#include "frontends/cli/restore_sets.h"

#include <algorithm>
#include <iterator>
#include <list>
#include <nlohmann/json.hpp>
#include <set>

#include "frontends/cli/exit_code.h"
#include "frontends/cli/files_set.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/cli/sqlite_places.h"
#include "frontends/files/folder_exchange.h"
#include "frontends/postgres/database_restore.h"
#include "frontends/postgres/kept_database.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

std::string Shown(const std::string& text) { return PathForPeople(AsBytes(text)); }

// What a database of the server was before a run.
class UndoneDatabase : public SetRestore {
 public:
  UndoneDatabase(Cli& cli, const PostgresRestore& options, postgres::Address server, postgres::UndoneRun undone)
      : cli_(cli), options_(options), address_(std::move(server)), undone_(std::move(undone)), waiter_(cli.stop()) {}

  Result<std::vector<std::string>> Plan() override {
    RETURN_IF_ERROR(Undo(true));
    return std::vector<std::string>();
  }
  void ShowPlan(const std::vector<std::string>&) override {
    if (cli_.json()) {
      cli_.PrintJson({{"message_type", "plan"}, {"database", report_.database}, {"undone", undone_.run}});
      return;
    }
    cli_.Print(fmt::format("would make {} what it was before restore {}\n", Shown(report_.database), undone_.run));
  }
  Result<void> Run(const std::function<Result<void>()>& others) override {
    RETURN_IF_ERROR(others());
    return Undo(false);
  }
  Result<void> PutBack() override {
    return MakeError(ErrorCode::kBusy, "{} was put back, and stays so: what the restore had made is kept as {}",
                     Shown(report_.database), Shown(report_.kept));
  }
  void Finish() override {}
  void ShowReport() override {
    if (cli_.json()) {
      cli_.PrintJson({{"message_type", "summary"},
                      {"database", report_.database},
                      {"undone", undone_.run},
                      {"kept", report_.kept},
                      {"kept_until", report_.kept_until}});
      return;
    }
    cli_.Say(fmt::format("{} is again what it was before restore {}\n", Shown(report_.database), undone_.run));
    if (report_.kept.empty()) return;
    cli_.Say(
        fmt::format("what the restore had made is kept as {} until {}\n", Shown(report_.kept), report_.kept_until));
  }

 private:
  Result<void> Undo(bool dry_run) {
    ASSIGN_OR_RETURN(const auto server, postgres::Server::Open(address_, "", waiter_, SystemClock(), cli_.stop()));
    ASSIGN_OR_RETURN(report_, postgres::UndoRestore(*server, undone_,
                                                    {std::chrono::seconds(options_.session_wait), options_.disconnect},
                                                    std::chrono::hours(options_.keep_hours), dry_run));
    return {};
  }

  Cli& cli_;
  const PostgresRestore& options_;
  const postgres::Address address_;
  const postgres::UndoneRun undone_;
  const stream::Waiter waiter_;
  postgres::UndoReport report_;
};

// A folder or file in which a restore died: what it had put aside.
class UndoneExchange : public SetRestore {
 public:
  UndoneExchange(Cli& cli, std::string place, std::unique_ptr<FolderExchange> exchange)
      : cli_(cli), place_(std::move(place)), exchange_(std::move(exchange)) {}

  Result<std::vector<std::string>> Plan() override { return std::vector<std::string>(); }
  void ShowPlan(const std::vector<std::string>&) override {
    if (cli_.json()) return cli_.PrintJson({{"message_type", "plan"}, {"path", Shown(place_)}, {"undone", true}});
    cli_.Print(fmt::format("would put back what {} has\n", Shown(exchange_->path())));
  }
  Result<void> Run(const std::function<Result<void>()>& others) override {
    RETURN_IF_ERROR(others());
    RETURN_IF_ERROR(exchange_->PutBack());
    is_done_ = true;
    return {};
  }
  Result<void> PutBack() override {
    return MakeError(ErrorCode::kBusy, "{} is as it was before the restore", Shown(place_));
  }
  void Finish() override {
    if (is_done_ && !exchange_->has_others()) is_removed_ = static_cast<bool>(exchange_->Remove(false));
  }
  void ShowReport() override {
    if (cli_.json()) return cli_.PrintJson({{"message_type", "summary"}, {"path", Shown(place_)}, {"undone", true}});
    cli_.Say(fmt::format("{} is again what it was before the restore{}\n", Shown(place_),
                         is_removed_ ? ""
                                     : "; what was there instead is kept in " + Shown(exchange_->path()) +
                                           ": see that nothing in it is needed, and remove it"));
  }

 private:
  Cli& cli_;
  const std::string place_;
  const std::unique_ptr<FolderExchange> exchange_;
  bool is_done_ = false, is_removed_ = false;
};

// The safety snapshot that a run took of a folder or file of this host.
const LoadedSnapshot* FindFilesBefore(const SnapshotSet& set, const std::string& run, const std::string& path) {
  for (const LoadedSnapshot& one : set.snapshots) {
    const SnapshotInner& inner = one.inner;
    if (!one.opened || inner.snapshot_class != SnapshotClass::kSafety || inner.items.size() != 1) continue;
    const SnapshotItem& item = inner.items.front();
    const bool is_it = item.kind == ItemKind::kFiles && inner.host == HostName() &&
                       inner.description == DescriptionBefore(run) &&
                       std::ranges::find(item.paths, ToBytes(AsBytes(path))) != item.paths.end();
    if (is_it) return &one;
  }
  return nullptr;
}

}  // namespace

Result<WantedSet> WantedSet::Parse(const std::string& text) {
  const size_t equals = text.find('='), slash = text.find('/');
  WantedSet wanted;
  std::string name = text;
  if (equals != std::string::npos && slash < equals) {
    wanted.path = text.substr(slash, equals - slash);
    name.erase(slash, equals - slash);
  }
  ASSIGN_OR_RETURN(NamedSet set, NamedSet::Parse(name));
  wanted.item = std::move(set.name);
  wanted.kind = std::move(set.kind);
  wanted.where = std::move(set.where);
  if (wanted.path.empty() || wanted.kind.empty()) return wanted;
  return MakeError(ErrorCode::kInvalidArgument, "{}: a database is restored whole: write {}={}:...", Shown(wanted.item),
                   Shown(wanted.item), wanted.kind);
}

// What the command has to keep alive while it runs.
class RestoreSets::Work {
 public:
  Work(Cli& cli, const Request& request, const PostgresRestore& postgres)
      : cli_(cli),
        request_(request),
        postgres_(postgres),
        undo_(postgres.replacement.undo),
        run_(postgres::NewRun(cli.context().random)) {}

  Result<int> Run(const std::vector<std::string>& texts) {
    std::vector<WantedSet> wanted;
    for (const std::string& text : texts) {
      ASSIGN_OR_RETURN(WantedSet one, WantedSet::Parse(text));
      wanted.push_back(std::move(one));
    }
    RETURN_IF_ERROR(RefuseSame(wanted));
    RETURN_IF_ERROR(RefuseScript(wanted));
    RETURN_IF_ERROR(RefuseNoWayBack(wanted));
    // The last is replaced first: what takes long and is not one step before what is.
    std::vector<WantedSet> ordered;
    for (const char* kind : {"postgres", "sqlite", ""}) {
      std::ranges::copy_if(wanted, std::back_inserter(ordered), [&](const WantedSet& one) { return one.kind == kind; });
    }
    if (undo_.empty())
      RETURN_IF_ERROR(opened_.emplace_back().Open(cli_, request_.snapshot, request_.filter, Cli::InDoubt::kRefuse));
    std::vector<std::unique_ptr<SetRestore>> made;
    for (const WantedSet& one : ordered) {
      ASSIGN_OR_RETURN(auto set, undo_.empty() ? Make(one) : MakeUndo(one));
      if (set != nullptr) made.push_back(std::move(set));
    }
    // What is only renamed comes last, as what cannot be put back again.
    std::ranges::partition(made, [](const auto& set) { return dynamic_cast<UndoneExchange*>(set.get()) != nullptr; });
    if (made.empty()) return MakeError(ErrorCode::kNotFound, "nothing is left of restore {} in these places", undo_);
    ASSIGN_OR_RETURN(const int code, RunSetRestores(cli_, made, *postgres_.replacement.hooks, request_.dry_run));
    if (code == kExitOk && skipped_ > 0) return kExitIncomplete;
    const bool can_be_undone = undo_.empty() && !postgres_.replacement.no_safety_snapshot;
    if (!request_.dry_run && !cli_.json() && can_be_undone) {
      cli_.Say(fmt::format("cairn restore --undo {} with the same --set puts back what was there\n", run_));
    }
    return code;
  }

 private:
  static Result<void> RefuseSame(const std::vector<WantedSet>& wanted) {
    std::set<std::string> places;
    for (const WantedSet& one : wanted) {
      const bool is_path = one.kind != "postgres";
      std::error_code ignored;
      const std::string place = is_path ? std::filesystem::weakly_canonical(one.where, ignored).native() : one.where;
      if (is_path) {
        for (const std::string& other : places) {
          const bool is_in = place.starts_with(other + "/") || other.starts_with(place + "/");
          if (is_in) {
            return MakeError(ErrorCode::kInvalidArgument,
                             "{} and {} lie in each other: restore them one after the other", Shown(place),
                             Shown(other));
          }
        }
      }
      if (places.insert(place).second) continue;
      return MakeError(ErrorCode::kInvalidArgument, "the set {} has the place of another: give each its own",
                       Shown(one.item));
    }
    return {};
  }

  // What SQLite has replaced goes back by a safety snapshot alone.
  Result<void> RefuseNoWayBack(const std::vector<WantedSet>& wanted) const {
    const bool has_sqlite = std::ranges::any_of(wanted, [](const WantedSet& one) { return one.kind == "sqlite"; });
    if (!postgres_.replacement.no_safety_snapshot || wanted.size() == 1 || !has_sqlite) return {};
    return Error(
        ErrorCode::kInvalidArgument,
        "--no-safety-snapshot leaves no way back for a SQLite database when another set fails: leave it out, or "
        "restore the database by itself");
  }

  Result<void> RefuseScript(const std::vector<WantedSet>& wanted) const {
    const auto is_database = [](const WantedSet& one) { return !one.kind.empty(); };
    if (postgres_.replacement.after_sql.empty() || std::ranges::count_if(wanted, is_database) == 1) return {};
    return Error(ErrorCode::kInvalidArgument, "--after-sql is for one database: restore it by itself");
  }

  Result<const SnapshotItem*> Find(const WantedSet& wanted) const {
    const OpenedSnapshot& opened = opened_.front();
    std::string names;
    for (const SnapshotItem& item : opened.snapshot->inner.items) {
      if (item.name == wanted.item) return &item;
      names += (names.empty() ? "" : ", ") + Shown(item.name);
    }
    return MakeError(ErrorCode::kNotFound, "snapshot {} has no item {}: it has {}", opened.snapshot->id.Short(),
                     Shown(wanted.item), names);
  }

  Result<std::unique_ptr<SetRestore>> Make(const WantedSet& wanted) {
    OpenedSnapshot& opened = opened_.front();
    ASSIGN_OR_RETURN(const SnapshotItem* item, Find(wanted));
    const ItemKind kind = wanted.kind == "postgres" ? ItemKind::kPostgres
                          : wanted.kind == "sqlite" ? ItemKind::kSqlite
                                                    : item->kind;
    if (item->kind != kind) {
      return MakeError(ErrorCode::kInvalidArgument, "{} of snapshot {} is no {} database: give its place as {}",
                       Shown(item->name), opened.snapshot->id.Short(),
                       wanted.kind == "postgres" ? "PostgreSQL" : "SQLite",
                       item->kind == ItemKind::kPostgres ? "postgres:ADDRESS"
                       : item->kind == ItemKind::kSqlite ? "sqlite:FILE"
                                                         : "a path");
    }
    if (wanted.kind == "postgres") {
      ASSIGN_OR_RETURN(const postgres::Address address, ParseAddress(cli_, wanted.where));
      return postgres_.MakeSet(cli_, opened, *item, address, run_);
    }
    if (wanted.kind == "sqlite") return MakeSqlite(wanted, opened, item);
    ASSIGN_OR_RETURN(std::string path, PathOf(opened, *item, wanted));
    return Files(wanted, opened, std::move(path));
  }

  // Where a set's content is in the snapshot.
  static Result<std::string> PathOf(const OpenedSnapshot& opened, const SnapshotItem& item, const WantedSet& wanted) {
    std::string path = ToString(opened.snapshot->inner.PlaceOf(item));
    if (!wanted.path.empty()) return path + wanted.path;
    if (item.kind == ItemKind::kPostgres) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "{} is a PostgreSQL database: give its place as {}=postgres:ADDRESS (its files go anywhere by "
                       "--target)",
                       Shown(item.name), Shown(item.name));
    }
    if (item.kind == ItemKind::kFiles) {
      if (item.paths.size() == 1) return path + ToString(item.paths.front());
      return MakeError(ErrorCode::kInvalidArgument, "{} of snapshot {} has {} paths: name one, as in {}{}=WHERE",
                       Shown(item.name), opened.snapshot->id.Short(), item.paths.size(), Shown(item.name),
                       item.paths.empty() ? "/PATH" : PathForPeople(item.paths.front()));
    }
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(path));
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& inside, const Node&) -> Result<bool> {
      path = ToString(inside);
      return false;
    };
    RETURN_IF_ERROR(opened.Walk(place, visitor));
    return path;
  }

  std::unique_ptr<SetRestore> MakeSqlite(const WantedSet& wanted, OpenedSnapshot& opened, const SnapshotItem* item) {
    SqliteRestore& options = sqlite_.emplace_back();
    options.replacement = postgres_.replacement;
    options.file = wanted.where;
    return options.MakeSet(
        cli_, {.opened = &opened, .item = item, .run = run_, .undo = undo_, .numeric_ids = request_.numeric_ids});
  }

  std::unique_ptr<SetRestore> Files(const WantedSet& wanted, OpenedSnapshot& opened, std::string path) {
    return MakeFilesSet(cli_, {.opened = &opened,
                               .path = std::move(path),
                               .where = wanted.where,
                               .name = wanted.item,
                               .run = run_,
                               .numeric_ids = request_.numeric_ids,
                               .verifies = !postgres_.replacement.no_verify,
                               .keeps = !postgres_.replacement.no_safety_snapshot});
  }

  // Where the run took a safety snapshot of a database, it may have replaced it.
  Result<void> RefuseGone(const std::string& database) const {
    ASSIGN_OR_RETURN(const SnapshotSet set, cli_.Snapshots());
    for (const LoadedSnapshot& one : set.snapshots) {
      const bool is_it = one.opened && one.inner.description == DescriptionBefore(undo_) &&
                         one.inner.items.size() == 1 && one.inner.items.front().kind == ItemKind::kPostgres &&
                         one.inner.items.front().name == postgres::FileNameOf(database);
      if (!is_it) continue;
      return MakeError(
          ErrorCode::kNotFound,
          "the server keeps nothing of {} from restore {}, but snapshot {} is what it was then: nothing "
          "was put back; restore that by itself if the database was replaced, and undo the rest without it",
          Shown(database), undo_, one.id.Short());
    }
    return {};
  }

  // Nothing: the run did not come to this place.
  Result<std::unique_ptr<SetRestore>> MakeUndo(const WantedSet& wanted) {
    if (wanted.kind == "postgres") return UndoDatabase(wanted);
    ASSIGN_OR_RETURN(const SnapshotSet set, cli_.Snapshots());
    if (wanted.kind == "sqlite") {
      ASSIGN_OR_RETURN(const SqliteTarget target, LookAtSqliteTarget(wanted.where));
      auto before = FindSqliteBefore(set, undo_, target.file());
      if (!before && before.error().code() == ErrorCode::kNotFound) return Skip(wanted, before.error().message());
      RETURN_IF_ERROR(before);
      OpenedSnapshot& opened = opened_.emplace_back();
      RETURN_IF_ERROR(opened.Open(cli_, (*before)->id.ToHex(), SnapshotFilter()));
      return MakeSqlite(wanted, opened, &opened.snapshot->inner.items.front());
    }
    ASSIGN_OR_RETURN(const FilesPlace place, LookAtFilesPlace(wanted.where));
    ASSIGN_OR_RETURN(auto left, FolderExchange::Find({.folder = place.folder, .entry = place.entry, .run = undo_}));
    if (left != nullptr) return std::make_unique<UndoneExchange>(cli_, place.path(), std::move(left));
    const LoadedSnapshot* before = FindFilesBefore(set, undo_, place.path());
    if (before == nullptr) {
      return Skip(wanted,
                  fmt::format("there is no safety snapshot of {} from a restore {}", Shown(place.path()), undo_));
    }
    OpenedSnapshot& opened = opened_.emplace_back();
    RETURN_IF_ERROR(opened.Open(cli_, before->id.ToHex(), SnapshotFilter()));
    return Files(wanted, opened, place.path());
  }

  Result<std::unique_ptr<SetRestore>> UndoDatabase(const WantedSet& wanted) {
    ASSIGN_OR_RETURN(const postgres::Address address, ParseAddress(cli_, wanted.where));
    if (address.database().empty()) {
      return MakeError(ErrorCode::kInvalidArgument, "which database of the server is {}? Name it in the address",
                       Shown(wanted.item));
    }
    const postgres::UndoneRun undone{undo_, address.database()};
    const stream::Waiter waiter(cli_.stop());
    ASSIGN_OR_RETURN(const auto server, postgres::Server::Open(address, "", waiter, SystemClock(), cli_.stop()));
    const auto found = postgres::UndoRestore(*server, undone, {}, std::chrono::hours(1), true);
    if (!found && found.error().code() == ErrorCode::kNotFound) {
      ASSIGN_OR_RETURN(const auto left, server->ListKept());
      const bool is_untouched = std::ranges::any_of(left, [&](const postgres::KeptDatabase& one) {
        return one.role == postgres::KeptDatabase::Role::kIncomplete && one.run == undo_ && one.of == undone.database;
      });
      if (is_untouched) {  // the process died before its turn
        cli_.Findings()({Finding::Severity::kNote, ErrorCode::kNotFound, Shown(wanted.item),
                         "was not replaced; cairn restore --postgres ADDRESS --clean-up drops what was made for it"});
        return std::unique_ptr<SetRestore>();
      }
      RETURN_IF_ERROR(RefuseGone(address.database()));
      return Skip(wanted, found.error().message());
    }
    RETURN_IF_ERROR(found);
    return std::make_unique<UndoneDatabase>(cli_, postgres_, address, undone);
  }

  std::unique_ptr<SetRestore> Skip(const WantedSet& wanted, const std::string& why) {
    ++skipped_;
    cli_.Findings()({Finding::Severity::kWarning, ErrorCode::kNotFound, Shown(wanted.item), "left as it is: " + why});
    return nullptr;
  }

  Cli& cli_;
  const Request& request_;
  const PostgresRestore& postgres_;
  const std::string undo_, run_;
  std::list<OpenedSnapshot> opened_;
  std::list<SqliteRestore> sqlite_;
  unsigned skipped_ = 0;  // of an undo
};

void RestoreSets::AddTo(CLI::App& command) {
  command
      .add_option("--set", sets,
                  "An item of the snapshot into its place: a path, sqlite:FILE, or postgres:ADDRESS (repeatable); all "
                  "places are replaced, or none")
      ->type_name("NAME=WHERE")
      ->check(ValueOf(WantedSet::Parse));
}

Result<int> RestoreSets::Run(Cli& cli, const Request& request, const PostgresRestore& postgres) const {
  return Work(cli, request, postgres).Run(sets);
}

}  // namespace cairn
