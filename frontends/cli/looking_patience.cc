#include "frontends/cli/looking_patience.h"

#include <algorithm>

namespace cairn {

Result<void> GiveUpSoon(Cli& cli) {
  ASSIGN_OR_RETURN(const RepositoryChoice* choice, cli.MainChoice());
  std::vector<std::string>& given = cli.global.store_settings;
  const auto is_time = [](const std::string& setting) { return setting.starts_with("retry.time="); };
  if (std::ranges::any_of(given, is_time) || std::ranges::any_of(choice->store_settings, is_time)) return {};
  if (!LocalFolderOf(choice->address)) given.push_back("retry.time=1m");
  return {};
}

}  // namespace cairn
