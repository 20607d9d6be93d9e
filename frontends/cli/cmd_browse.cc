#include <signal.h>
#include <unistd.h>

#include <system_error>
#include <thread>

#include "frontends/browse/browse.h"
#include "frontends/browse/terminal.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/looking_memory.h"
#include "frontends/cli/looking_patience.h"
#include "frontends/cli/restore_commands.h"
#include "frontends/cli/restore_folder.h"
#include "frontends/cli/snapshot_tables.h"
#include "frontends/view/live_view.h"

namespace cairn {
namespace {

constexpr unsigned kReaders = 6;  // that wait for the store at once
constexpr std::chrono::seconds kPatience(2);

struct BrowseCommand {
  FilterOptions filter;

  Result<int> Run(Cli& cli) {
    if (cli.json()) return Error(ErrorCode::kInvalidArgument, "browse has no --json: ls, find and snapshots have it");
    RETURN_IF_ERROR(browse::Terminal::Check());
    GiveFramesPagesOfTheirOwn();
    RETURN_IF_ERROR(GiveUpSoon(cli));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    browse::Messages messages;
    ASSIGN_OR_RETURN(const auto view, view::LiveView::Open(*repository, cli.context(),
                                                           {.filter = filter.Filter(),
                                                            .tree = {.user = ::getuid(), .group = ::getgid()},
                                                            .cache_bytes = cli.context().limits.memory_bytes / 8},
                                                           [&](const Finding& finding) { messages.Add(finding); }));
    auto shown = Show(cli, *repository, *view, messages);
    // Once more, for who did not see them all.
    for (const browse::Messages::Message& one : messages.all()) {
      if (one.severity != Finding::Severity::kNote) cli.context().log.Warning("{}", one.text);
    }
    return shown;
  }

  static Result<int> Show(Cli& cli, Repository& repository, view::LiveView& view, browse::Messages& messages) {
    const SnapshotTables tables(cli.context(), repository.store().is_far(), view.reader(),
                                [&](const std::string& note) { messages.Add(Finding::Severity::kWarning, note); });
    auto readers = MakeThreadPool(kReaders);
    const browse::BrowseWorld world{
        .view = view,
        .context = cli.context(),
        .readers = *readers,
        .messages = messages,
        .repository = (*cli.MainChoice())->ForPeople(),
        .restore = [&](const browse::RestoreRequest& request, const JobContext& context,
                       FindingSink findings) -> Result<RestoreReport> {
          RestoreOptions options;
          options.path = request.folder;
          options.overwrite = request.replaces ? Overwrite::kAlways : Overwrite::kNever;
          options.verify = request.verifies;
          options.take = request.take;
          options.descend = request.descend;
          ASSIGN_OR_RETURN(const auto sink, OpenRestoreFolder(cli, {.target = request.target}, options));
          return RunRestore(context, repository, view.index(), *request.snapshot, *sink, options, std::move(findings));
        },
        .tables = [&](const browse::ShownDatabase& database,
                      const std::stop_token& stop) { return tables.List(database, stop); },
        .rows = [&](const browse::ShownDatabase& database, const std::string& table, const browse::RowRange& range,
                    const std::stop_token& stop) { return tables.Rows(database, table, range, stop); },
        .commands = [&](const browse::ShownDatabase& database,
                        const std::string& table) { return RestoreCommands(cli, database, table); }};
    auto shown = browse::Browse(world, cli.stop());
    // Who still waits for the store is asked to stop, as by the user: a second time would end the process at once.
    const bool was_stopped = cli.stop().stop_requested();
    if (!was_stopped) ::kill(::getpid(), SIGTERM);
    std::jthread patience;
    try {
      patience = std::jthread([&context = cli.context()](const std::stop_token& has_ended) {
        if (!context.clock.Sleep(kPatience, has_ended)) return;
        context.log.Info("waiting for what is under way; Ctrl-C ends it at once");
      });
    } catch (const std::system_error&) {  // then nothing is said of it
    }
    readers.reset();
    RETURN_IF_ERROR(shown);
    return was_stopped ? kExitInterrupted : kExitOk;
  }
};

}  // namespace

void AddBrowse(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<BrowseCommand>();
  CLI::App* command = app.add_subcommand("browse", "Look through snapshots on the terminal, and restore from them");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
