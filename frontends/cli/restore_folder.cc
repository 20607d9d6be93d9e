#include "frontends/cli/restore_folder.h"

#include <sys/stat.h>

#include "frontends/cli/command.h"
#include "frontends/files/left_out.h"

namespace cairn {
namespace {

void Protect(RestoreOptions& options, const std::string& folder, std::string name, bool from_writing) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return;
  options.protected_places.push_back({{status.st_dev, status.st_ino}, std::move(name), from_writing});
}

}  // namespace

Result<std::unique_ptr<FileSink>> OpenRestoreFolder(const Cli& cli, FileSinkOptions where, RestoreOptions& options) {
  RETURN_IF_ERROR(RefuseInsideRepository(cli, where.target));
  ASSIGN_OR_RETURN(auto sink, FileSink::Make(std::move(where)));
  options.left_out = LeftOutOf;
  Protect(options, cli.RepositoryFolder(), "the repository", true);
  Protect(options, cli.CacheRoot(), "the folder of cairn's caches", false);
  Protect(options, cli.TemporaryCache(), "the cache of this run", false);
  return sink;
}

}  // namespace cairn
