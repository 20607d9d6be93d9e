#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

uint64_t BytesBelow(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (auto one = fs::recursive_directory_iterator(folder, error); !error && one != fs::recursive_directory_iterator();
       one.increment(error)) {
    std::error_code ignored;
    if (one->is_regular_file(ignored)) bytes += one->file_size(ignored);
  }
  return bytes;
}

Result<int> List(Cli& cli) {
  Table table({"Repository", ">Size"});
  nlohmann::json list = nlohmann::json::array();
  std::error_code error;
  for (auto one = fs::directory_iterator(cli.CacheRoot(), error); !error && one != fs::directory_iterator();
       one.increment(error)) {
    const std::string name = one->path().filename();
    if (!RepositoryId::Parse(name)) continue;
    const uint64_t bytes = BytesBelow(one->path());
    table.Add({name, HumanBytes(bytes)});
    list.push_back({{"repository", name}, {"bytes", bytes}});
  }
  if (cli.json()) {
    cli.PrintJson({{"folder", cli.CacheRoot()}, {"caches", list}});
  } else {
    cli.Print("caches in " + cli.CacheRoot() + "\n" + (table.empty() ? "none\n" : table.Text()));
  }
  return 0;
}

// Indexes, file caches and what is kept of far stores go; what is remembered of snapshots and running sessions stays:
// it guards against old states.
Result<int> Clear(Cli& cli) {
  uint64_t bytes = 0;
  std::error_code error;
  for (auto one = fs::directory_iterator(cli.CacheRoot(), error); !error && one != fs::directory_iterator();
       one.increment(error)) {
    if (!RepositoryId::Parse(one->path().filename().string())) continue;
    for (auto inner = fs::directory_iterator(one->path(), error); !error && inner != fs::directory_iterator();
         inner.increment(error)) {
      const std::string name = inner->path().filename();
      const bool is_derived = name == "index" || name == "metadata" || name == "objects" || name == "checked" ||
                              name.starts_with("files-") || name.starts_with("blocks-");
      if (!is_derived) continue;
      bytes += BytesBelow(inner->path());
      std::error_code failed;
      fs::remove_all(inner->path(), failed);
      if (failed) return MakeError(ErrorCode::kIo, "removing {}: {}", inner->path().string(), failed.message());
    }
  }
  if (cli.json()) {
    cli.PrintJson({{"message_type", "summary"}, {"bytes", bytes}});
  } else {
    cli.Say("cleared " + HumanBytes(bytes) + "; it is made anew from the repositories\n");
  }
  return 0;
}

Result<int> Path(Cli& cli) {
  if (cli.json()) {
    cli.PrintJson({{"folder", cli.CacheRoot()}});
  } else {
    cli.Print(cli.CacheRoot() + "\n");
  }
  return 0;
}

}  // namespace

void AddCache(CLI::App& app, Cli& cli, Action& action) {
  CLI::App* command = app.add_subcommand("cache", "What this machine keeps of repositories");
  command->require_subcommand(1);
  command->add_subcommand("list", "List caches")->callback([&cli, &action] { action = [&cli] { return List(cli); }; });
  command->add_subcommand("clear", "Clear indexes and file caches")->callback([&cli, &action] {
    action = [&cli] { return Clear(cli); };
  });
  command->add_subcommand("path", "Show where they are")->callback([&cli, &action] {
    action = [&cli] { return Path(cli); };
  });
}

}  // namespace cairn
