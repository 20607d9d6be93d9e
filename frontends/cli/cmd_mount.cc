#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/looking_memory.h"
#include "frontends/cli/looking_patience.h"
#include "frontends/mount/fuse_mount.h"
#include "frontends/mount/inode_table.h"
#include "frontends/view/live_view.h"

namespace cairn {
namespace {

// What is below it would be asked of itself.
Result<void> RefuseOver(const std::string& folder, const std::string& needed, std::string_view what) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path over = fs::canonical(folder, error);
  for (fs::path path = fs::weakly_canonical(needed, error); !error && !over.empty(); path = path.parent_path()) {
    if (path == over) {
      return MakeError(ErrorCode::kInvalidArgument, "{} {} is below {}: a mount there would hide it", what, needed,
                       folder);
    }
    if (path == path.parent_path()) break;
  }
  return {};
}

struct MountCommand {
  FilterOptions filter;
  std::string folder;
  bool allow_other = false, owner_root = false, numeric_ids = false;

  Result<int> Run(Cli& cli) {
    RETURN_IF_ERROR(mount::CheckMountPoint(folder));
    folder = std::filesystem::absolute(folder).lexically_normal().string();
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    GiveFramesPagesOfTheirOwn();
    RETURN_IF_ERROR(GiveUpSoon(cli));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(RefuseInsideRepository(cli, folder));
    RETURN_IF_ERROR(RefuseOver(folder, cli.RepositoryFolder(), "the repository"));
    RETURN_IF_ERROR(RefuseOver(folder, repository->cache().folder(), "the cache"));
    return Serve(cli, *repository);
  }

  // The cache has a quarter of the memory, and what is read ahead at most a quarter of that; what the kernel knows an
  // eighth.
  Result<int> Serve(Cli& cli, Repository& repository) const {
    const Limits& limits = cli.context().limits;
    const uint64_t cache_bytes = limits.memory_bytes / 4;
    ASSIGN_OR_RETURN(const auto view, view::LiveView::Open(repository, cli.context(),
                                                           {.filter = filter.Filter(),
                                                            .tree = {.user = ::getuid(),
                                                                     .group = ::getgid(),
                                                                     .opened = ToWireTime(cli.context().clock.Now()),
                                                                     .owner_is_root = owner_root,
                                                                     .numeric_ids = numeric_ids,
                                                                     .stop = cli.stop()},
                                                            .cache_bytes = cache_bytes},
                                                           cli.Findings()));
    const bool is_far = repository.store().is_far();
    const auto ahead = MakeThreadPool(is_far ? limits.gets : cli.context().executor.workers());
    ASSIGN_OR_RETURN(const auto mounted,
                     mount::FuseMount::Make(view->tree(), *ahead, cli.context(),
                                            {.folder = folder,
                                             .allow_other = allow_other,
                                             .ahead = {.window_bytes = cache_bytes / 4},
                                             .known_max = limits.memory_bytes / 8 / mount::InodeTable::kEntryBytes}));
    if (cli.json()) {
      cli.PrintJson({{"message_type", "mounted"}, {"folder", folder}});
    } else {
      cli.Say(fmt::format("mounted at {}; Ctrl-C or fusermount3 -u ends it\n", folder));
    }
    std::fflush(stdout);
    RETURN_IF_ERROR(mounted->Serve(cli.stop()));
    return 0;
  }
};

}  // namespace

void AddMount(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<MountCommand>();
  CLI::App* command = app.add_subcommand("mount", "Show snapshots as folders, read-only, until it is ended");
  command->add_option("FOLDER", options->folder, "An empty folder to mount at")->required();
  options->filter.AddTo(*command);
  command->add_flag("--allow-other", options->allow_other,
                    "Let other users look, too, as far as modes and ACLs of the files let them");
  command->add_flag("--owner-root", options->owner_root, "Show everything as root's");
  command->add_flag("--numeric-ids", options->numeric_ids,
                    "Owners and groups by number, not by the numbers that their names have here");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
