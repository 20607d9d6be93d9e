#include <nlohmann/json.hpp>

#include "engine/env/version.h"
#include "frontends/cli/command.h"
#include "repo-format/object_header.h"

namespace cairn {

void AddVersion(CLI::App& app, Cli& cli, Action& action) {
  CLI::App* command = app.add_subcommand("version", "Show the version");
  command->callback([&cli, &action] {
    action = [&cli]() -> Result<int> {
      if (cli.json()) {
        cli.PrintJson({{"version", kVersion}, {"format", ObjectHeader::kMajorVersion}});
      } else {
        cli.Print(fmt::format("{}, repository format {}\n", kProgram, ObjectHeader::kMajorVersion));
      }
      return 0;
    };
  });
}

}  // namespace cairn
