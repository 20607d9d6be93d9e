#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "engine/jobs/benchmark.h"
#include "frontends/cli/benchmark_text.h"
#include "frontends/cli/command.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/scratch_store.h"
#include "frontends/cli/text.h"
#include "frontends/config/compression_option.h"
#include "frontends/config/values.h"
#include "frontends/files/file_source.h"

namespace cairn {
namespace {

bool IsFolder(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

struct BenchmarkCommand {
  std::vector<std::string> paths;
  std::string compression = "default", host;
  double seconds = 1;

  Result<std::unique_ptr<Source>> MakeSource(Cli& cli) const {
    FileSourceOptions options;
    options.paths = paths;
    options.repository = cli.RepositoryFolder();
    options.cache_root = cli.CacheRoot();
    options.temporary_cache = [&cli] { return cli.TemporaryCache(); };
    ASSIGN_OR_RETURN(auto source, FileSource::Make(std::move(options)));
    return std::unique_ptr<Source>(std::move(source));
  }

  // A backup goes on without a path that is gone; who measures has mistyped it.
  Result<void> CheckPaths() const {
    for (const std::string& path : paths) {
      struct stat status{};
      if (::lstat(path.c_str(), &status) != 0) return ErrnoError(errno, "looking for the dump " + path);
    }
    return {};
  }

  Result<BenchmarkOptions> Options(Cli& cli) const {
    BenchmarkOptions options;
    options.duration = std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
    ASSIGN_OR_RETURN(options.compression, ParseCompression(compression));
    char name[256] = {};
    options.host = ToBytes(AsBytes(!host.empty() || gethostname(name, sizeof(name) - 1) != 0 ? host : name));
    if (!paths.empty()) options.make_source = [this, &cli] { return MakeSource(cli); };
    if (!cli.global.limit_upload.empty()) {
      ASSIGN_OR_RETURN(options.bandwidth.upload, ParseBytes(cli.global.limit_upload));
    }
    if (!cli.global.limit_download.empty()) {
      ASSIGN_OR_RETURN(options.bandwidth.download, ParseBytes(cli.global.limit_download));
    }
    return options;
  }

  // Where the store may be tried.
  static Result<std::unique_ptr<ScratchStore>> MakeScratch(Cli& cli) {
    const std::string folder = cli.RepositoryFolder();
    if (!IsFolder(folder)) {
      return MakeError(ErrorCode::kUnsupported,
                       "the store is no folder of this machine, and takes objects of the repository alone");
    }
    const JobContext& context = cli.context();
    const unsigned objects = BenchmarkOptions::Objects(context.limits, context.executor.workers());
    const uint64_t bytes = 2 * BenchmarkOptions::ObjectBytes(context.limits) * objects;
    return ScratchStore::MakeBeside(folder, bytes, cli.context().log, [&cli](std::shared_ptr<ScratchFolder> made) {
      cli.RemoveWhenForced(std::move(made));
    });
  }

  Result<int> Run(Cli& cli) {
    RETURN_IF_ERROR(CheckPaths());
    if (!paths.empty()) RETURN_IF_ERROR(MakeSource(cli));  // what is wrong with it is told before a password is asked
    ASSIGN_OR_RETURN(BenchmarkOptions options, Options(cli));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    std::unique_ptr<ScratchStore> scratch;
    TriedFolder tried;
    options.make_scratch = [&]() -> Result<ObjectStore*> {
      ASSIGN_OR_RETURN(scratch, MakeScratch(cli));
      tried.path = scratch->folder();
      return &scratch->store();
    };
    options.drop_scratch = [&] {
      if (auto removed = scratch->Remove(); !removed) tried.left = removed.error().message();
      scratch.reset();
    };
    auto progress = cli.ShowProgress();
    auto report = RunBenchmark(cli.context(), *repository, options, cli.Findings());
    progress.reset();
    RETURN_IF_ERROR(report);
    const BenchmarkText text(*report, options.compression.level, tried);
    if (cli.json()) {
      cli.PrintJson(text.Json());
    } else {
      cli.Print(text.Text());
    }
    return 0;
  }
};

}  // namespace

void AddBenchmark(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<BenchmarkCommand>();
  CLI::App* command = app.add_subcommand("benchmark", "What this machine, the store and cairn's stages can do");
  command->add_option("DUMP", options->paths, "Files or folders to measure with (default: synthetic data)");
  command->add_option("--duration", options->seconds, "Seconds for each of about 25 measurements")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 3600.0));
  command->add_option("--compression", options->compression, "0 to 19, off, fast, default, better, max")
      ->capture_default_str()
      ->check(ValueOf(ParseCompression));
  command->add_option("--host", options->host, "Host of a backup (default: this one)")->type_name("HOST");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
