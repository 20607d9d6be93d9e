#include "engine/stores/store_settings.h"

#include <algorithm>

namespace cairn {

const std::vector<StoreSettingHelp>& KnownStoreSettings() {
  static const std::vector<StoreSettingHelp> known = {
      {"azure.access-tier", "of data packs: Hot, Cool, Cold or Archive"},
      {"azure.rehydrate-priority", "how soon what is archived is brought back: Standard or High"},
      {"rclone.args", "what rclone is started with, words between blanks: --config FILE --bwlimit 4M"},
      {"rclone.program", "rclone itself, where it is not found by its name"},
      {"retry.first", "the pause before what failed is tried again (500ms); it doubles each time, up to a minute"},
      {"retry.time", "how long it is tried again (15m)"},
      {"s3.addressing", "path (https://host/bucket) or host (https://bucket.host); by itself as the server wants it"},
      {"s3.create",
       "how to put only where nothing is: if-none-match, forbid-overwrite (Alibaba), generation-match (Google)"},
      {"s3.encryption", "by the server, on top of cairn's own: AES256 or aws:kms"},
      {"s3.kms-key", "the key of aws:kms"},
      {"s3.legal-hold", "yes: the bucket that init makes can hold snapshots (cairn tag --legal-hold)"},
      {"s3.lock-for", "for how long nobody can remove what is put: 30d"},
      {"s3.object-lock", "governance or compliance: what is put cannot be removed for s3.lock-for"},
      {"s3.profile", "the section of ~/.aws/credentials whose keys are used"},
      {"s3.region", "where the bucket is; by itself what the server says"},
      {"s3.restore-days", "for how many days what was archived can be read: 7"},
      {"s3.restore-tier", "how soon what is archived is brought back: Standard, Bulk or Expedited"},
      {"s3.storage-class", "of data packs: STANDARD_IA, for example"},
      {"store.least-age", "for how long a data pack is billed at least: 30d; by itself as its storage class has it"},
      {"store.least-size", "as what size a smaller data pack is billed: 128K; by itself as its storage class has it"},
      {"store.object-size", "how large an object may be: 100M; by itself 500 MB at Nutstore"},
      {"tls.ca-file", "certificates (PEM) to trust instead of the system's"},
      {"webdav.password-file", "its first line is the password of CAIRN_WEBDAV_USER, instead of CAIRN_WEBDAV_PASSWORD"},
      {"webdav.plain-password", "yes: it may be sent over http, where others can read it"},
      {"webdav.requests", "how many the server allows a program: 600/30m"},
  };
  return known;
}

Result<void> AddStoreSetting(StoreSettings& settings, const std::string& text) {
  const size_t equal = text.find('=');
  if (equal == std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, "a setting of the store (-o) is NAME=VALUE: one has no =");
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

std::string SettingOf(const StoreSettings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

}  // namespace cairn
