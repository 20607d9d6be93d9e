#include <algorithm>
#include <array>

#include "engine/store/azure/azure_store.h"
#include "engine/stores/kinds.h"
#include "engine/stores/repeated.h"

namespace cairn {
namespace {

Result<azure::Options> AzureOptions(const std::string& place, const StoreSettings& settings, const StoreWorld& world) {
  azure::Options options;
  ASSIGN_OR_RETURN(options.place,
                   azure::Place::Parse(place, {.name = world.environment("AZURE_ACCOUNT_NAME"),
                                               .endpoint_suffix = world.environment("AZURE_ENDPOINT_SUFFIX")}));
  ASSIGN_OR_RETURN(options.credentials, azure::FindCredentials(world.environment));
  options.access_tier = SettingOf(settings, "azure.access-tier");
  constexpr std::array kTiers = {"", "Hot", "Cool", "Cold", "Archive"};
  if (std::ranges::find(kTiers, options.access_tier) == kTiers.end()) {
    return MakeError(ErrorCode::kInvalidArgument, "azure.access-tier is \"{}\": it is Hot, Cool, Cold or Archive",
                     options.access_tier);
  }
  if (const std::string priority = SettingOf(settings, "azure.rehydrate-priority"); !priority.empty()) {
    if (priority != "Standard" && priority != "High") {
      return MakeError(ErrorCode::kInvalidArgument, "azure.rehydrate-priority is \"{}\": it is Standard or High",
                       priority);
    }
    options.rehydrate_priority = priority;
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

Result<std::unique_ptr<ObjectWarmer>> MakeAzureWarmer(const std::string& place, const StoreSettings& settings,
                                                      const StoreWorld& world) {
  ASSIGN_OR_RETURN(azure::Options options, AzureOptions(place, settings, world));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return std::unique_ptr<ObjectWarmer>(std::make_unique<RepeatedWarmer>(
      azure::AzureStore::Open(std::move(options), world.clock), Repeated(retry, world.meter)));
}

}  // namespace cairn
