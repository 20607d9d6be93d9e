#include "engine/stores/open_store.h"

#include <algorithm>

#include "engine/env/version.h"
#include "engine/store/local_store.h"
#include "engine/store/s3/credentials.h"
#include "engine/store/s3/s3_store.h"

namespace cairn {
namespace {

enum class Use : uint8_t { kOpen, kCreate };

// "s3" of "s3:https://host", nothing of a path: what is before the first colon has no "/".
std::optional<std::string> KindOf(const std::string& address) {
  const size_t colon = address.find(':');
  if (colon == std::string::npos || address.find('/') < colon) return std::nullopt;
  return address.substr(0, colon);
}

std::string Get(const StoreSettings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

Result<s3::Options> S3Options(const std::string& place, const StoreSettings& settings, const StoreWorld& world) {
  s3::Options options;
  ASSIGN_OR_RETURN(options.place, s3::Place::Parse(place));
  const std::string profile = Get(settings, "s3.profile");
  ASSIGN_OR_RETURN(options.credentials, s3::FindCredentials(world.files, world.environment, profile));
  std::string region = Get(settings, "s3.region");
  if (region.empty()) {
    ASSIGN_OR_RETURN(region, s3::FindRegion(world.files, world.environment, profile));
  }
  if (!region.empty()) options.region = region;
  const std::string addressing = Get(settings, "s3.addressing");
  if (addressing == "path" || addressing == "host") {
    options.place.virtual_host = addressing == "host";
  } else if (!addressing.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "s3.addressing is \"{}\": it is path or host", addressing);
  }
  options.storage_class = Get(settings, "s3.storage-class");
  options.encryption = Get(settings, "s3.encryption");
  options.kms_key = Get(settings, "s3.kms-key");
  options.client.ca_file = Get(settings, "tls.ca-file");
  options.client.user_agent = fmt::format("cairn/{}", kVersion);
  return options;
}

std::unique_ptr<ObjectStore> TriedAgain(std::unique_ptr<ObjectStore> store, const StoreWorld& world) {
  RetryOptions options;
  options.notice = world.retry_notice;
  return std::make_unique<RetryStore>(std::move(store), world.clock, world.random, world.stop, options);
}

Result<std::unique_ptr<ObjectStore>> MakeLocal(const std::string& folder, const StoreWorld& world, Use use) {
  std::string path = folder;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::unique_ptr<ObjectStore> store;
  if (use == Use::kCreate) {
    ASSIGN_OR_RETURN(store, LocalStore::Create(world.files, world.random, path));
  } else {
    ASSIGN_OR_RETURN(store, LocalStore::Open(world.files, world.random, path));
  }
  return store;
}

Result<std::unique_ptr<ObjectStore>> MakeS3(const std::string& place, const StoreSettings& settings,
                                            const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(s3::Options options, S3Options(place, settings, world));
  std::unique_ptr<ObjectStore> store;
  if (use == Use::kCreate) {
    ASSIGN_OR_RETURN(store, s3::S3Store::Create(std::move(options), world.clock, world.random));
  } else {
    store = s3::S3Store::Open(std::move(options), world.clock);
  }
  return TriedAgain(std::move(store), world);
}

Result<std::unique_ptr<ObjectStore>> Make(const std::string& address, const StoreSettings& settings,
                                          const StoreWorld& world, Use use) {
  if (const auto folder = LocalFolderOf(address)) return MakeLocal(*folder, world, use);
  const std::string kind = *KindOf(address);
  const std::string place = address.substr(kind.size() + 1);
  if (kind == "s3") return MakeS3(place, settings, world, use);
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\": stores of kind \"{}\" are not known to this version of cairn; it knows a folder, and "
                   "s3:https://host/bucket/prefix",
                   address, kind);
}

}  // namespace

const std::vector<StoreSettingHelp>& KnownStoreSettings() {
  static const std::vector<StoreSettingHelp> known = {
      {"s3.addressing", "path (https://host/bucket) or host (https://bucket.host); by itself as the server wants it"},
      {"s3.encryption", "by the server, on top of cairn's own: AES256 or aws:kms"},
      {"s3.kms-key", "the key of aws:kms"},
      {"s3.profile", "the section of ~/.aws/credentials whose keys are used"},
      {"s3.region", "where the bucket is; by itself what the server says"},
      {"s3.storage-class", "of data packs: STANDARD_IA, for example"},
      {"tls.ca-file", "certificates (PEM) to trust instead of the system's"},
  };
  return known;
}

Result<void> AddStoreSetting(StoreSettings& settings, const std::string& text) {
  const size_t equal = text.find('=');
  if (equal == std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\": a setting of the store is NAME=VALUE", text);
  }
  const std::string name = text.substr(0, equal);
  const auto& known = KnownStoreSettings();
  if (std::ranges::find(known, name, &StoreSettingHelp::name) == known.end()) {
    std::string names;
    for (const StoreSettingHelp& one : known) names += (names.empty() ? "" : ", ") + one.name;
    return MakeError(ErrorCode::kInvalidArgument, "there is no setting \"{}\" of a store; there are {}", name, names);
  }
  settings[name] = text.substr(equal + 1);
  return {};
}

std::optional<std::string> LocalFolderOf(const std::string& address) {
  const auto kind = KindOf(address);
  if (!kind) return address;
  if (*kind == "local") return address.substr(kind->size() + 1);
  return std::nullopt;
}

Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& address, const StoreSettings& settings,
                                               const StoreWorld& world) {
  return Make(address, settings, world, Use::kOpen);
}

Result<std::unique_ptr<ObjectStore>> CreateStore(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world) {
  return Make(address, settings, world, Use::kCreate);
}

}  // namespace cairn
