#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

std::string_view SourceName(SourceKind kind) {
  switch (kind) {
    case SourceKind::kFiles:
      return "files";
    case SourceKind::kStream:
      return "stream";
    case SourceKind::kRows:
      return "rows";
    case SourceKind::kPages:
      return "pages";
  }
  return "unknown";
}

Result<int> Change(Cli& cli, const std::string& keep_deleted) {
  ASSIGN_OR_RETURN(const uint32_t seconds, ParseAge(keep_deleted));
  ASSIGN_OR_RETURN(Repository * repository, cli.Open());
  RETURN_IF_ERROR(KeepDeleted(*repository, seconds, cli.context()));
  if (cli.json()) {
    cli.PrintJson({{"message_type", "changed"}, {"keep_deleted_seconds", seconds}});
  } else if (seconds > 0) {
    cli.Say(
        fmt::format("what is forgotten from now on can be brought back for {}; what is kept already, for at least "
                    "as long from when it was forgotten\n",
                    AgeText(seconds)));
  } else {
    cli.Say("what is forgotten from now on is kept only where it is asked for (cairn forget --keep-deleted)\n");
  }
  return 0;
}

Result<int> Run(Cli& cli) {
  ASSIGN_OR_RETURN(Repository * repository, cli.Open());
  const Keyring& keyring = repository->keyring();
  const ConfigSealedPart& sealed = keyring.sealed_part();
  const FeatureBits& features = keyring.public_part().features;
  nlohmann::json chunkers = nlohmann::json::array();
  std::string chunker_text;
  for (const ChunkerSettings& one : sealed.chunkers) {
    chunkers.push_back({{"source", SourceName(one.source)},
                        {"chunker", one.chunker},
                        {"min", one.size_min},
                        {"average", one.size_average},
                        {"max", one.size_max}});
    chunker_text += fmt::format("chunks of {:<9} {} to {}, {} on average\n", SourceName(one.source),
                                HumanBytes(one.size_min), HumanBytes(one.size_max), HumanBytes(one.size_average));
  }
  if (cli.json()) {
    cli.PrintJson({{"id", keyring.repository().ToHex()},
                   {"family", keyring.family().ToHex()},
                   {"config", keyring.config_number()},
                   {"suite", Name(sealed.suite)},
                   {"pack_bytes", sealed.pack_bytes},
                   {"keep_deleted_seconds", sealed.keep_deleted_seconds},
                   {"epoch", keyring.newest_epoch().epoch},
                   {"chunkers", chunkers},
                   {"features",
                    {{"incompat", features.incompat}, {"ro_compat", features.ro_compat}, {"compat", features.compat}}},
                   {"role", RoleName(keyring.rights())},
                   {"slot", keyring.slot().ToHex()}});
    return 0;
  }
  cli.Print(fmt::format(
      "repository          {}\nkey family          {}\nconfig              {}\nepoch               {}\n"
      "cipher              {}\nfull pack           {}\nforgotten, kept for {}\n{}this key            {} ({})\n",
      keyring.repository().ToHex(), keyring.family().ToHex(), keyring.config_number(), keyring.newest_epoch().epoch,
      Name(sealed.suite), HumanBytes(sealed.pack_bytes),
      sealed.keep_deleted_seconds == 0 ? "as it is asked for" : AgeText(sealed.keep_deleted_seconds), chunker_text,
      keyring.slot().ToHex(), RoleName(keyring.rights())));
  return 0;
}

}  // namespace

void AddConfig(CLI::App& app, Cli& cli, Action& action) {
  auto keep_deleted = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("config", "Show what the repository was set up with, or change it");
  command
      ->add_option("--keep-deleted", *keep_deleted,
                   "For so long at least cairn undelete can bring back what any client forgets")
      ->type_name("AGE")
      ->check(AgeValue());
  command->callback([&cli, &action, keep_deleted] {
    action = [&cli, keep_deleted] { return keep_deleted->empty() ? Run(cli) : Change(cli, *keep_deleted); };
  });
}

}  // namespace cairn
