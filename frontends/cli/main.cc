#include <fcntl.h>
#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

#include "engine/env/version.h"
#include "engine/stores/open_store.h"
#include "frontends/cli/command.h"
#include "frontends/cli/command_help.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/option_values.h"
#include "repo-format/base/units.h"

namespace {

std::string StoreSettingsHelp() {
  std::string text = "A setting of the store:";
  for (const cairn::StoreSettingHelp& one : cairn::KnownStoreSettings()) text += "\n" + one.name + ": " + one.help;
  return text;
}

void AddGlobalOptions(CLI::App& app, cairn::GlobalOptions& global) {
  app.add_option("-r,--repo", global.repository,
                 "The repository: a folder, s3:https://host/bucket/prefix, azure:container:/prefix, "
                 "webdav:https://host/folder, sftp:user@host:/folder, or @NAME, a name of the configuration")
      ->type_name("REPOSITORY");
  app.add_option("--config", global.config, "The configuration file, with named repositories and jobs")
      ->type_name("FILE");
  app.add_option("-o,--store-option", global.store_settings, StoreSettingsHelp())->type_name("NAME=VALUE");
  app.add_option("--password-file", global.password_file, "Read the password from the first line of a file")
      ->type_name("FILE");
  app.add_option("--password-command", global.password_command, "Read it from the first line that a command prints")
      ->type_name("COMMAND");
  app.add_option("--cache-dir", global.cache_folder, "Folder of caches")->type_name("FOLDER");
  app.add_flag("--no-cache", global.no_cache, "Keep nothing on this machine: a cache for this run alone");
  app.add_option("--memory", global.memory, "Memory to keep to: 128M or more")
      ->capture_default_str()
      ->type_name("SIZE")
      ->check(cairn::SizeValue(128 * cairn::kMiB));
  app.add_option("--limit-upload", global.limit_upload, "Bytes a second to the store")
      ->type_name("SIZE")
      ->check(cairn::SizeValue());
  app.add_option("--limit-download", global.limit_download, "Bytes a second from the store")
      ->type_name("SIZE")
      ->check(cairn::SizeValue());
  app.add_flag("--json", global.json, "Print JSON: one object, or one a line while running");
  app.add_flag("-q,--quiet", global.quiet, "Say only what was asked for, and what is wrong");
  app.add_flag("-v,--verbose", global.verbose, "Name each file that is new, changed, restored or deleted");
}

void AddCommands(CLI::App& app, cairn::Cli& cli, cairn::Action& action) {
  cairn::AddInit(app, cli, action);
  cairn::AddBackup(app, cli, action);
  cairn::AddRun(app, cli, action);
  cairn::AddJobs(app, cli, action);
  cairn::AddImport(app, cli, action);
  cairn::AddSnapshots(app, cli, action);
  cairn::AddLs(app, cli, action);
  cairn::AddFind(app, cli, action);
  cairn::AddCat(app, cli, action);
  cairn::AddDiff(app, cli, action);
  cairn::AddDump(app, cli, action);
  cairn::AddQuery(app, cli, action);
  cairn::AddExport(app, cli, action);
  cairn::AddRestore(app, cli, action);
  cairn::AddBrowse(app, cli, action);
  cairn::AddMount(app, cli, action);
  cairn::AddServe(app, cli, action);
  cairn::AddDrill(app, cli, action);
  cairn::AddCheck(app, cli, action);
  cairn::AddRepair(app, cli, action);
  cairn::AddForget(app, cli, action);
  cairn::AddUndelete(app, cli, action);
  cairn::AddPrune(app, cli, action);
  cairn::AddCopy(app, cli, action);
  cairn::AddTag(app, cli, action);
  cairn::AddRewrite(app, cli, action);
  cairn::AddKey(app, cli, action);
  cairn::AddSessions(app, cli, action);
  cairn::AddStats(app, cli, action);
  cairn::AddCost(app, cli, action);
  cairn::AddDatabases(app, cli, action);
  cairn::AddTables(app, cli, action);
  cairn::AddBenchmark(app, cli, action);
  cairn::AddCache(app, cli, action);
  cairn::AddConfig(app, cli, action);
  cairn::AddCompletion(app, cli, action);
  cairn::AddVersion(app, cli, action);
  cairn::AddHelp(app, cli, action);
}

// One value behind each `--tag` or `--exclude`, however often it stands: else it would take the paths behind it too.
void TakeOneValueEach(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (!option->get_positional() && option->get_items_expected_max() > 1) option->allow_extra_args(false);
  }
  for (CLI::App* inner : app.get_subcommands([](const CLI::App*) { return true; })) TakeOneValueEach(*inner);
}

// A program may be started with standard descriptors closed. The first files it opens would get their numbers, and be
// read as a stream, or written over with messages. Something that can be neither read nor written, as a closed one,
// stands there instead; messages go nowhere.
bool FillStandardDescriptors() {
  constexpr int kModes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int number = 0; number < 3; ++number) {
    if (::fcntl(number, F_GETFD) >= 0) continue;
    if (::open("/dev/null", kModes[number]) != number) return false;
  }
  return true;
}

// glibc gives threads eight arenas a core, and raises the size from which memory goes back to the system to that of
// whatever was freed, so that packs that are long gone stay in our memory: a third of the peak of a first backup. What
// the tops of the arenas may keep, together, saves page faults: with 8 MiB a check has twice as many, more saves no
// more.
void KeepMemoryTogether() {
  const int arenas = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 16U));
  ::mallopt(M_ARENA_MAX, arenas);
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(8 * cairn::kMiB));
  ::mallopt(M_TRIM_THRESHOLD, static_cast<int>(32 * cairn::kMiB) / arenas);
}

}  // namespace

int main(int argc, char** argv) {
  KeepMemoryTogether();
  if (!FillStandardDescriptors()) return cairn::kExitFatal;
  cairn::Cli cli;
  cairn::Action action;
  CLI::App app("cairn keeps backups: deduplicated, compressed, encrypted, and given back whole.", "cairn");
  app.formatter(cairn::MakeHelpFormatter());
  cairn::AddFooter(app);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string(cairn::kProgram));
  AddGlobalOptions(app, cli.global);
  AddCommands(app, cli, action);
  TakeOneValueEach(app);
  cairn::AddCommandFooters(app);
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return cairn::kExitUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> rest = app.remaining();
    if (error.get_name() == "RequiredError" && app.get_subcommands().empty() && !rest.empty()) {
      std::fprintf(stderr, "cairn: there is no command \"%s\"; cairn --help lists them\n", rest.front().c_str());
      return cairn::kExitUsage;
    }
    const int code = app.exit(error);
    return code == 0 ? cairn::kExitOk : cairn::kExitUsage;
  }
  auto started = cli.Start();
  if (!started) return cli.Fail(started.error());
  cli.command = app.get_subcommands().front()->get_name();
  auto code = action();
  cli.KeepRequests();
  // Who read the output has gone, which ends what only lists; what failed has failed all the same.
  const bool was_cut = cli.output_closed() && !code && code.error().code() == cairn::ErrorCode::kInterrupted;
  if (was_cut && !cli.stop().stop_requested()) return cairn::kExitOk;
  if (!code) return cli.Fail(code.error());
  if (std::fflush(stdout) != 0 && errno != EPIPE) {
    std::fprintf(stderr, "cairn: standard output could not be written\n");
    return cairn::kExitFatal;
  }
  return *code == cairn::kExitOk && cli.was_in_doubt() ? cairn::kExitIncomplete : *code;
}
