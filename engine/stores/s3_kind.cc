#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "engine/store/s3/credentials.h"
#include "engine/store/s3/s3_store.h"
#include "engine/stores/kinds.h"
#include "engine/stores/repeated.h"
#include "engine/stores/s3_options.h"

namespace cairn {
namespace {

Result<void> SetLock(const StoreSettings& settings, s3::Options& options) {
  const std::string mode = SettingOf(settings, "s3.object-lock");
  const std::string span = SettingOf(settings, "s3.lock-for");
  if (mode.empty() && span.empty()) return {};
  if (mode != "governance" && mode != "compliance") {
    return MakeError(ErrorCode::kInvalidArgument, "s3.object-lock is \"{}\": it is governance or compliance", mode);
  }
  uint32_t days = 0;
  const auto [end, error] = std::from_chars(span.data(), span.data() + span.size(), days);
  constexpr uint32_t kDaysMax = 36'500;
  if (error != std::errc() || std::string_view(end) != "d" || days == 0 || days > kDaysMax) {
    return MakeError(ErrorCode::kInvalidArgument, "s3.lock-for is \"{}\": it is a number of days, as 30d", span);
  }
  options.lock_mode = mode == "governance" ? "GOVERNANCE" : "COMPLIANCE";
  options.lock_for = std::chrono::hours(24) * days;
  return {};
}

// Of what is brought back from an archive.
Result<void> SetRestore(const StoreSettings& settings, s3::Options& options) {
  if (const std::string tier = SettingOf(settings, "s3.restore-tier"); !tier.empty()) {
    constexpr std::array<std::string_view, 3> kTiers = {"Expedited", "Standard", "Bulk"};
    if (std::ranges::find(kTiers, tier) == kTiers.end()) {
      return MakeError(ErrorCode::kInvalidArgument, "s3.restore-tier is \"{}\": it is Expedited, Standard or Bulk",
                       tier);
    }
    options.restore_tier = tier;
  }
  const std::string days = SettingOf(settings, "s3.restore-days");
  if (days.empty()) return {};
  constexpr uint32_t kDaysMax = 3'650;
  const auto [end, error] = std::from_chars(days.data(), days.data() + days.size(), options.restore_days);
  const bool is_right = error == std::errc() && end == days.data() + days.size() && options.restore_days > 0 &&
                        options.restore_days <= kDaysMax;
  if (is_right) return {};
  return MakeError(ErrorCode::kInvalidArgument, "s3.restore-days is \"{}\": it is a number of days, as 7", days);
}

Result<void> SetCreateBy(s3::Options& options, const std::string& text) {
  const auto create = text.empty() ? s3::CreateByOf(options.place) : s3::ParseCreateBy(text);
  if (!create) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "s3.create is \"{}\": it is if-none-match, forbid-overwrite or generation-match", text);
  }
  options.create = *create;
  if (options.create != s3::CreateBy::kIfNoneMatch && (!options.lock_mode.empty() || options.takes_holds)) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{}: a server of s3.create={} does not know Amazon's headers for locks, and what is "
                     "put would not be locked: leave it out",
                     options.lock_mode.empty() ? "s3.legal-hold" : "s3.object-lock", s3::Name(options.create));
  }
  if (options.create != s3::CreateBy::kGenerationMatch || options.encryption.empty()) return {};
  return Error(ErrorCode::kInvalidArgument,
               "s3.encryption: Google's server encrypts by itself, and knows no such header: leave it out");
}

Result<s3::Options> S3Options(const std::string& place, const StoreSettings& settings, const StoreWorld& world) {
  s3::Options options;
  ASSIGN_OR_RETURN(options.place, s3::Place::Parse(place));
  const std::string profile = SettingOf(settings, "s3.profile");
  ASSIGN_OR_RETURN(options.credentials, s3::FindCredentials(world.files, world.environment, profile));
  std::string region = SettingOf(settings, "s3.region");
  if (region.empty()) {
    ASSIGN_OR_RETURN(region, s3::FindRegion(world.files, world.environment, profile));
  }
  if (region.empty() && options.place.is_google()) region = "auto";
  if (!region.empty()) options.region = region;
  const std::string addressing = SettingOf(settings, "s3.addressing");
  if (addressing == "path" || addressing == "host") {
    options.place.virtual_host = addressing == "host";
  } else if (!addressing.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "s3.addressing is \"{}\": it is path or host", addressing);
  }
  options.storage_class = SettingOf(settings, "s3.storage-class");
  RETURN_IF_ERROR(SetRestore(settings, options));
  options.encryption = SettingOf(settings, "s3.encryption");
  options.kms_key = SettingOf(settings, "s3.kms-key");
  RETURN_IF_ERROR(SetLock(settings, options));
  const std::string holds = SettingOf(settings, "s3.legal-hold");
  options.takes_holds = holds == "yes";
  if (!holds.empty() && holds != "yes" && holds != "no") {
    return MakeError(ErrorCode::kInvalidArgument, "s3.legal-hold is \"{}\": it is yes or no", holds);
  }
  RETURN_IF_ERROR(SetCreateBy(options, SettingOf(settings, "s3.create")));
  options.client = ClientSettingsOf(settings);
  return options;
}

}  // namespace

Result<s3::Options> S3OptionsOf(const std::string& place, const StoreSettings& settings, const StoreWorld& world,
                                const std::shared_ptr<Retry>& retry) {
  ASSIGN_OR_RETURN(s3::Options options, S3Options(place, settings, world));
  options.hold_off = [retry](std::chrono::seconds span) { retry->HoldOff(span); };
  return options;
}

Made MakeS3(const std::string& place, const StoreSettings& settings, const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  ASSIGN_OR_RETURN(s3::Options options, S3OptionsOf(place, settings, world, retry));
  return MakeFlat(s3::S3Store::Open(std::move(options), world.clock), retry, use, &s3::S3Store::MakeBucket, world);
}

Result<std::unique_ptr<ObjectLocker>> MakeS3Locker(const std::string& place, const StoreSettings& settings,
                                                   const StoreWorld& world) {
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  ASSIGN_OR_RETURN(s3::Options options, S3OptionsOf(place, settings, world, retry));
  return std::unique_ptr<ObjectLocker>(std::make_unique<RepeatedLocker>(
      s3::S3Store::Open(std::move(options), world.clock), Repeated(retry, world.meter)));
}

Result<std::unique_ptr<ObjectHolder>> MakeS3Holder(const std::string& place, const StoreSettings& settings,
                                                   const StoreWorld& world) {
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  ASSIGN_OR_RETURN(s3::Options options, S3OptionsOf(place, settings, world, retry));
  return std::unique_ptr<ObjectHolder>(std::make_unique<RepeatedHolder>(
      s3::S3Store::Open(std::move(options), world.clock), Repeated(retry, world.meter)));
}

Result<std::unique_ptr<ObjectWarmer>> MakeS3Warmer(const std::string& place, const StoreSettings& settings,
                                                   const StoreWorld& world) {
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  ASSIGN_OR_RETURN(s3::Options options, S3OptionsOf(place, settings, world, retry));
  return std::unique_ptr<ObjectWarmer>(std::make_unique<RepeatedWarmer>(
      s3::S3Store::Open(std::move(options), world.clock), Repeated(retry, world.meter)));
}

}  // namespace cairn
