#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/jobs/restore.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/cli/scratch_store.h"
#include "frontends/cli/text.h"
#include "frontends/files/file_sink.h"
#include "frontends/postgres/database_restore.h"
#include "frontends/sqlite/database_check.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

// What was proven of an item.
struct Proof {
  std::string item, what;
  std::optional<Error> error;
  double seconds = 0;
};

struct DrillCommand {
  FilterOptions filter;
  std::string snapshot, address, scratch;
  bool no_owner = false;

  Result<int> Run(Cli& cli) {
    const SnapshotPath wanted = SnapshotPath::Parse(snapshot);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    RETURN_IF_ERROR(opened.repository->keyring().Need(Rights::kContentKey, "restoring"));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    if (!place.inside.empty()) {
      return MakeError(ErrorCode::kInvalidArgument, "a drill restores whole items, and \"{}\" is a part of one",
                       PathForPeople(place.path));
    }
    const auto& items = opened.snapshot->inner.items;
    std::vector<Proof> proofs;
    auto progress = cli.ShowProgress();
    for (const SnapshotItem& item : items) {
      if (place.item != nullptr && place.item != &item) continue;
      const auto start = SystemClock().Steady();
      auto what = item.kind == ItemKind::kPostgres ? ProveDatabase(cli, opened, item)
                                                   : ProveFiles(cli, opened, item, items.size() > 1 ? item.name : "");
      if (!what && EndsJob(what.error().code())) return what.error();
      Proof proof{.item = item.name, .what = what ? *what : "", .error = {}, .seconds = 0};
      if (!what) proof.error = what.error();
      proof.seconds = std::chrono::duration<double>(SystemClock().Steady() - start).count();
      proofs.push_back(std::move(proof));
    }
    progress.reset();
    return Show(cli, *opened.snapshot, proofs);
  }

  // Into a database of its own, which is dropped.
  Result<std::string> ProveDatabase(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item) const {
    if (address.empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   "it is a PostgreSQL database: give a server for the drill by --postgres ADDRESS");
    }
    ASSIGN_OR_RETURN(const postgres::Address server, ParseAddress(cli, address));
    postgres::DumpReader dump(*opened.reader, item.root, cli.stop());
    postgres::DatabaseRestore restore(
        cli.context(), dump,
        {.address = server, .is_drill = true, .with_owners = !no_owner, .sessions = cli.context().executor.workers()});
    RETURN_IF_ERROR(restore.Plan());
    ASSIGN_OR_RETURN(const auto report, restore.Run([]() -> Result<void> { return {}; }));
    return fmt::format("{} tables, {} rows, {} large objects, {}, each read again and right",
                       HumanCount(report.loaded.tables), HumanCount(report.loaded.rows),
                       HumanCount(report.loaded.large_objects), HumanBytes(report.loaded.bytes));
  }

  // Into a folder of its own, which is removed.
  Result<std::string> ProveFiles(Cli& cli, OpenedSnapshot& opened, const SnapshotItem& item,
                                 const std::string& path) const {
    Bytes random(4);
    cli.context().random.Fill(random);
    const auto folder = std::make_shared<ScratchFolder>(Scratch() + "/cairn-drill-" + ToHex(random));
    cli.RemoveWhenForced(folder);
    RETURN_IF_ERROR(folder->Make());
    auto proven = RestoreAndVerify(cli, opened, path, folder->path());
    if (proven && item.kind == ItemKind::kSqlite) proven = CheckDatabases(cli, folder->path(), *proven);
    auto removed = folder->Remove();
    if (proven) RETURN_IF_ERROR(removed);
    return proven;
  }

  static Result<std::string> RestoreAndVerify(Cli& cli, OpenedSnapshot& opened, const std::string& path,
                                              const std::string& folder) {
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = folder}));
    RestoreOptions options;
    options.path = ToBytes(AsBytes(path));
    options.verify = true;
    ASSIGN_OR_RETURN(const RestoreReport report, RunRestore(cli.context(), *opened.repository, *opened.index,
                                                            *opened.snapshot, *sink, options, cli.Findings()));
    if (report.failed > 0) {
      return MakeError(ErrorCode::kCorrupt, "{} of its files and folders could not be restored whole", report.failed);
    }
    return fmt::format("{} files, {} folders, {}; {} read back and right", HumanCount(report.files),
                       HumanCount(report.folders), HumanBytes(report.bytes), HumanCount(report.verified));
  }

  // The file of a SQLite item, as SQLite itself sees it.
  static Result<std::string> CheckDatabases(Cli& cli, const std::string& folder, std::string what) {
    std::error_code error;
    for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
      if (!file->is_regular_file()) continue;
      RETURN_IF_ERROR(LeaveLogMode(file->path().native()));
      ASSIGN_OR_RETURN(const DatabaseCheck check, CheckDatabase(file->path().native(), SystemClock(), cli.stop()));
      if (!check.damage.empty()) return MakeError(ErrorCode::kIo, "SQLite finds damage: {}", check.damage.front());
      for (const std::string& note : check.notes) {
        cli.Findings()({Finding::Severity::kNote, ErrorCode::kInvalidArgument, file->path().filename().native(), note});
      }
      what += ", and SQLite finds nothing wrong with it";
    }
    if (error) return MakeError(ErrorCode::kIo, "reading the folder {}: {}", folder, error.message());
    return what;
  }

  // A copy that is thrown away needs no log beside it: bytes 18 and 19 of the header say whether it has one.
  static Result<void> LeaveLogMode(const std::string& file) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    char modes[2] = {1, 1};
    if (!stream.seekg(18).read(modes, 2) || (modes[0] == 1 && modes[1] == 1)) return {};
    const char plain[2] = {1, 1};
    if (stream.seekp(18).write(plain, 2).flush()) return {};
    return MakeError(ErrorCode::kIo, "writing {}", file);
  }

  std::string Scratch() const {
    if (!scratch.empty()) return scratch;
    const char* given = std::getenv("TMPDIR");
    return given != nullptr && *given != 0 ? given : "/tmp";
  }

  static int Show(Cli& cli, const LoadedSnapshot& one, const std::vector<Proof>& proofs) {
    const bool is_proven = std::ranges::none_of(proofs, [](const Proof& proof) { return proof.error.has_value(); });
    if (cli.json()) {
      nlohmann::json items = nlohmann::json::array();
      for (const Proof& proof : proofs) {
        items.push_back({{"item", proof.item},
                         {"proven", !proof.error},
                         {"what", proof.error ? proof.error->message() : proof.what},
                         {"seconds", proof.seconds}});
      }
      cli.PrintJson(
          {{"message_type", "summary"}, {"id", one.id.ToHex()}, {"proven", is_proven}, {"items", std::move(items)}});
    } else {
      for (const Proof& proof : proofs) {
        cli.Print(fmt::format("{}: {}{} in {:.1f} s\n", PathForPeople(AsBytes(proof.item)),
                              proof.error ? "NOT PROVEN: " : "", proof.error ? proof.error->message() : proof.what,
                              proof.seconds));
      }
      cli.Print(
          fmt::format("snapshot {} {}\n", one.id.Short(),
                      is_proven ? "can be restored: it was, and is gone again" : "was not proven to be restorable"));
    }
    return is_proven ? kExitOk : kExitFatal;
  }
};

}  // namespace

void AddDrill(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<DrillCommand>();
  CLI::App* command =
      app.add_subcommand("drill", "Prove that a snapshot can be restored: do it, verify it, and remove it again");
  command->add_option("SNAPSHOT[:ITEM]", options->snapshot, "All of its items, or one")->required();
  command->add_option("--postgres", options->address, "A server where databases are made for the drill")
      ->type_name("ADDRESS");
  command->add_option("--scratch", options->scratch, "Where files go meanwhile (default: TMPDIR, else /tmp)")
      ->type_name("DIR");
  command->add_flag("--no-owner", options->no_owner, "Of databases, all belongs to the role that connects");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
