#include <algorithm>
#include <array>

#include "engine/store/azure/azure_store.h"
#include "engine/stores/kinds.h"

namespace cairn {
namespace {

Result<azure::Options> AzureOptions(const std::string& place, const StoreSettings& settings, const StoreWorld& world) {
  azure::Options options;
  ASSIGN_OR_RETURN(options.place,
                   azure::Place::Parse(place, {.name = world.environment("AZURE_ACCOUNT_NAME"),
                                               .endpoint_suffix = world.environment("AZURE_ENDPOINT_SUFFIX")}));
  ASSIGN_OR_RETURN(options.credentials, azure::FindCredentials(world.environment));
  options.access_tier = SettingOf(settings, "azure.access-tier");
  constexpr std::array kTiers = {"", "Hot", "Cool", "Cold"};
  if (std::ranges::find(kTiers, options.access_tier) == kTiers.end()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "azure.access-tier is \"{}\": it is Hot, Cool or Cold (what is archived cannot be read)",
                     options.access_tier);
  }
  options.client = ClientSettingsOf(settings);
  return options;
}

}  // namespace

Made MakeAzure(const std::string& place, const StoreSettings& settings, const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(azure::Options options, AzureOptions(place, settings, world));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return MakeFlat(azure::AzureStore::Open(std::move(options), world.clock), retry, use,
                  &azure::AzureStore::MakeContainer, world);
}

}  // namespace cairn
