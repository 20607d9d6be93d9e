#include "engine/stores/open_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <type_traits>

#include "engine/env/version.h"
#include "engine/store/azure/azure_store.h"
#include "engine/store/local_store.h"
#include "engine/store/own_or_empty.h"
#include "engine/store/put_if_absent_probe.h"
#include "engine/store/rclone/rclone_store.h"
#include "engine/store/retry_store.h"
#include "engine/store/s3/credentials.h"
#include "engine/store/s3/s3_store.h"
#include "engine/store/sftp/sftp_store.h"
#include "engine/store/webdav/webdav_store.h"
#include "engine/stores/s3_options.h"

namespace cairn {
namespace {

enum class Use : uint8_t { kOpen, kCreate };

using Made = Result<std::unique_ptr<ObjectStore>>;

template <class Store>
Made AnyStore(Result<std::unique_ptr<Store>> made) {
  RETURN_IF_ERROR(made);
  return std::unique_ptr<ObjectStore>(*std::move(made));
}

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

http::ClientSettings ClientSettingsOf(const StoreSettings& settings) {
  http::ClientSettings client;
  client.ca_file = Get(settings, "tls.ca-file");
  client.user_agent = fmt::format("cairn/{}", kVersion);
  return client;
}

Result<void> SetLock(const StoreSettings& settings, s3::Options& options) {
  const std::string mode = Get(settings, "s3.object-lock");
  const std::string span = Get(settings, "s3.lock-for");
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

Result<void> SetCreateBy(s3::Options& options, const std::string& text) {
  const auto create = text.empty() ? s3::CreateByOf(options.place) : s3::ParseCreateBy(text);
  if (!create) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "s3.create is \"{}\": it is if-none-match, forbid-overwrite or generation-match", text);
  }
  options.create = *create;
  if (options.create != s3::CreateBy::kIfNoneMatch && !options.lock_mode.empty()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "s3.object-lock: a server of s3.create={} does not know Amazon's headers for locks, and what is "
                     "put would not be locked: leave it out",
                     s3::Name(options.create));
  }
  if (options.create != s3::CreateBy::kGenerationMatch || options.encryption.empty()) return {};
  return Error(ErrorCode::kInvalidArgument,
               "s3.encryption: Google's server encrypts by itself, and knows no such header: leave it out");
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
  if (region.empty() && options.place.is_google()) region = "auto";
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
  RETURN_IF_ERROR(SetLock(settings, options));
  RETURN_IF_ERROR(SetCreateBy(options, Get(settings, "s3.create")));
  options.client = ClientSettingsOf(settings);
  return options;
}

Result<azure::Options> AzureOptions(const std::string& place, const StoreSettings& settings, const StoreWorld& world) {
  azure::Options options;
  ASSIGN_OR_RETURN(options.place,
                   azure::Place::Parse(place, {.name = world.environment("AZURE_ACCOUNT_NAME"),
                                               .endpoint_suffix = world.environment("AZURE_ENDPOINT_SUFFIX")}));
  ASSIGN_OR_RETURN(options.credentials, azure::FindCredentials(world.environment));
  options.access_tier = Get(settings, "azure.access-tier");
  constexpr std::array kTiers = {"", "Hot", "Cool", "Cold"};
  if (std::ranges::find(kTiers, options.access_tier) == kTiers.end()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "azure.access-tier is \"{}\": it is Hot, Cool or Cold (what is archived cannot be read)",
                     options.access_tier);
  }
  options.client = ClientSettingsOf(settings);
  return options;
}

// What a host allows everybody; "" of one that is not known for it.
std::string KnownRate(std::string_view host) { return host == "dav.jianguoyun.com" ? "600/30m" : ""; }

// Nothing where none is set, or known.
Result<std::shared_ptr<http::RequestLimit>> LimitOf(const std::string& name, const std::string& known,
                                                    const StoreSettings& settings, const StoreWorld& world) {
  const std::string given = Get(settings, name);
  const std::string& text = given.empty() ? known : given;
  if (text.empty()) return std::shared_ptr<http::RequestLimit>();
  auto rate = http::RequestRate::Parse(text);
  if (!rate) return std::move(rate).error().While(name);
  const auto notice = [told = world.retry_notice, name, text](const http::RequestRate&, std::chrono::nanoseconds wait) {
    if (told) told(MakeError(ErrorCode::kBusy, "{}={} allows no request yet", name, text), wait);
  };
  return std::make_shared<http::RequestLimit>(*rate, world.clock, world.stop, notice);
}

// The first line of a file, "" where none is named.
Result<std::string> PasswordOf(const std::string& path, const StoreWorld& world) {
  if (path.empty()) return world.environment("CAIRN_WEBDAV_PASSWORD");
  ASSIGN_OR_RETURN(const Bytes bytes, world.files.ReadFile(path));
  std::string line(AsText(bytes).substr(0, AsText(bytes).find('\n')));
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

Result<webdav::Options> WebdavOptions(const std::string& place, const StoreSettings& settings,
                                      const StoreWorld& world) {
  webdav::Options options;
  ASSIGN_OR_RETURN(options.place, webdav::Place::Parse(place));
  options.user = world.environment("CAIRN_WEBDAV_USER");
  ASSIGN_OR_RETURN(options.password, PasswordOf(Get(settings, "webdav.password-file"), world));
  if (options.user.empty() && !options.password.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "there is a password for the WebDAV store and no user: set CAIRN_WEBDAV_USER");
  }
  if (options.user.find(':') != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, "CAIRN_WEBDAV_USER has a colon, which WebDAV takes for its end");
  }
  const std::string plain = Get(settings, "webdav.plain-password");
  if (!plain.empty() && plain != "yes" && plain != "no") {
    return MakeError(ErrorCode::kInvalidArgument, "webdav.plain-password is \"{}\": it is yes or no", plain);
  }
  if (!options.user.empty() && options.place.origin.scheme == "http" && !options.place.is_loopback() &&
      plain != "yes") {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{}: whoever is on the way could read the password: give an address with https, or "
                     "-o webdav.plain-password=yes",
                     options.place.text());
  }
  ASSIGN_OR_RETURN(options.limit, LimitOf("webdav.requests", KnownRate(options.place.origin.host), settings, world));
  options.client = ClientSettingsOf(settings);
  return options;
}

// "500ms", "30s", "15m" or "2h"; more than none, less than a year.
std::optional<std::chrono::nanoseconds> ParseSpan(std::string_view text) {
  constexpr std::chrono::hours kSpanMax{24 * 365};
  const struct {
    std::string_view name;
    std::chrono::milliseconds span;
  } units[] = {{"ms", std::chrono::milliseconds(1)},
               {"s", std::chrono::seconds(1)},
               {"m", std::chrono::minutes(1)},
               {"h", std::chrono::hours(1)}};
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count == 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  const auto unit = std::ranges::find_if(units, [&](const auto& one) { return one.name == text; });
  if (unit == std::end(units) || count > kSpanMax / unit->span) return std::nullopt;
  return count * unit->span;
}

Result<RetryOptions> RetryOptionsOf(const StoreSettings& settings, const StoreWorld& world) {
  RetryOptions options{.notice = world.retry_notice};
  for (const auto& [name, span] : {std::pair("retry.first", &options.delay_first), {"retry.time", &options.time_max}}) {
    const std::string text = Get(settings, name);
    if (text.empty()) continue;
    const auto parsed = ParseSpan(text);
    if (!parsed) {
      return MakeError(ErrorCode::kInvalidArgument, "{} is \"{}\": it is a time, as 500ms, 30s, 15m or 2h", name, text);
    }
    *span = *parsed;
  }
  return options;
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

std::unique_ptr<ObjectStore> Counted(std::unique_ptr<ObjectStore> store, const StoreWorld& world) {
  if (world.meter == nullptr) return store;
  return std::make_unique<CountingStore>(std::move(store), *world.meter);
}

// Creation is tried again as a whole: what it had made before is found then, and taken for what it is. An `open` that
// returns no Result has asked for nothing, so that its success is no answer of the server.
template <class Create, class Open>
Result<std::unique_ptr<ObjectStore>> MakeFar(std::shared_ptr<Retry> retry, Use use, const Create& create,
                                             const Open& open, const StoreWorld& world) {
  if constexpr (std::is_convertible_v<decltype(open()), std::unique_ptr<ObjectStore>>) {
    if (use == Use::kOpen) return std::make_unique<RetryStore>(Counted(open(), world), std::move(retry));
  }
  auto store = retry->Repeat([&]() -> Made {
    if (use == Use::kCreate) return create();
    return open();
  });
  RETURN_IF_ERROR(store);
  return std::make_unique<RetryStore>(Counted(*std::move(store), world), std::move(retry));
}

}  // namespace

Result<std::shared_ptr<Retry>> MakeRetry(const StoreSettings& settings, const StoreWorld& world) {
  ASSIGN_OR_RETURN(const RetryOptions options, RetryOptionsOf(settings, world));
  return std::make_shared<Retry>(world.clock, world.random, world.stop, options);
}

Result<s3::Options> S3OptionsOf(const std::string& place, const StoreSettings& settings, const StoreWorld& world,
                                const std::shared_ptr<Retry>& retry) {
  ASSIGN_OR_RETURN(s3::Options options, S3Options(place, settings, world));
  options.hold_off = [retry](std::chrono::seconds span) { retry->HoldOff(span); };
  return options;
}

namespace {

// What stores of objects without folders have in common: `make_home` makes the bucket where it is missing. Each step of
// a creation is tried again by itself.
template <class Store>
Made MakeFlat(std::unique_ptr<Store> flat, std::shared_ptr<Retry> retry, Use use, Result<void> (Store::*make_home)(),
              const StoreWorld& world) {
  if (use == Use::kCreate) RETURN_IF_ERROR(retry->Repeat([&] { return (*flat.*make_home)(); }));
  auto store = std::make_unique<RetryStore>(Counted(std::move(flat), world), std::move(retry));
  if (use == Use::kCreate) {
    RETURN_IF_ERROR(NeedOwnOrEmpty(*store, "another prefix, bucket or container"));
    RETURN_IF_ERROR(ProbePutIfAbsent(*store, world.random));
  }
  return store;
}

Result<std::unique_ptr<ObjectStore>> MakeS3(const std::string& place, const StoreSettings& settings,
                                            const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  ASSIGN_OR_RETURN(s3::Options options, S3OptionsOf(place, settings, world, retry));
  return MakeFlat(s3::S3Store::Open(std::move(options), world.clock), retry, use, &s3::S3Store::MakeBucket, world);
}

Result<std::unique_ptr<ObjectStore>> MakeAzure(const std::string& place, const StoreSettings& settings,
                                               const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(azure::Options options, AzureOptions(place, settings, world));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return MakeFlat(azure::AzureStore::Open(std::move(options), world.clock), retry, use,
                  &azure::AzureStore::MakeContainer, world);
}

Result<std::unique_ptr<ObjectStore>> MakeWebdav(const std::string& place, const StoreSettings& settings,
                                                const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(const webdav::Options options, WebdavOptions(place, settings, world));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return MakeFar(
      retry, use, [&] { return AnyStore(webdav::WebdavStore::Create(options, world.random)); },
      [&] { return webdav::WebdavStore::Open(options, world.random); }, world);
}

// Words between blanks.
std::vector<std::string> WordsOf(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = text.find_first_not_of(' '); begin != std::string::npos;
       begin = text.find_first_not_of(' ', begin)) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

Result<std::unique_ptr<ObjectStore>> MakeRclone(const std::string& remote, const StoreSettings& settings,
                                                const StoreWorld& world, Use use) {
  rclone::Options options;
  ASSIGN_OR_RETURN(options.remote, rclone::ParseRemote(remote));
  if (const std::string program = Get(settings, "rclone.program"); !program.empty()) options.program = program;
  options.arguments = WordsOf(Get(settings, "rclone.args"));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return MakeFar(
      retry, use, [&] { return AnyStore(rclone::RcloneStore::Create(options, world.random, world.clock, world.stop)); },
      [&] { return rclone::RcloneStore::Open(options, world.random, world.clock, world.stop); }, world);
}

Result<std::unique_ptr<ObjectStore>> MakeSftp(const std::string& address, const StoreSettings& settings,
                                              const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(const SftpPlace place, SftpPlace::Parse(address));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  const SftpOptions options;
  return MakeFar(
      retry, use, [&] { return AnyStore(SftpStore::Create(place, options, world.random, world.clock, world.stop)); },
      [&] { return AnyStore(SftpStore::Open(place, options, world.random, world.clock, world.stop)); }, world);
}

Result<std::unique_ptr<ObjectStore>> Make(const std::string& address, const StoreSettings& settings,
                                          const StoreWorld& world, Use use) {
  if (const auto folder = LocalFolderOf(address)) return MakeLocal(*folder, world, use);
  const std::string kind = *KindOf(address);
  const std::string place = address.substr(kind.size() + 1);
  if (kind == "s3") return MakeS3(place, settings, world, use);
  if (kind == "azure") return MakeAzure(place, settings, world, use);
  if (kind == "webdav") return MakeWebdav(place, settings, world, use);
  if (kind == "sftp") return MakeSftp(address, settings, world, use);
  if (kind == "rclone") return MakeRclone(place, settings, world, use);
  return MakeError(ErrorCode::kInvalidArgument,
                   "stores of kind \"{}\" are not known to this version of cairn; it knows a folder, "
                   "s3:https://host/bucket/prefix, azure:container:/prefix, webdav:https://host/folder, "
                   "sftp:user@host:/folder, and rclone:remote:folder",
                   kind);
}

// Sends again what may work the next time.
class RetryLocker final : public ObjectLocker {
 public:
  RetryLocker(std::unique_ptr<ObjectLocker> base, std::shared_ptr<Retry> retry)
      : base_(std::move(base)), retry_(std::move(retry)) {}
  Result<bool> ExtendLock(const ObjectName& name) override {
    return retry_->Repeat([&] { return base_->ExtendLock(name); });
  }

 private:
  std::unique_ptr<ObjectLocker> base_;
  std::shared_ptr<Retry> retry_;
};

}  // namespace

const std::vector<StoreSettingHelp>& KnownStoreSettings() {
  static const std::vector<StoreSettingHelp> known = {
      {"azure.access-tier", "of data packs: Hot, Cool or Cold"},
      {"rclone.args", "what rclone is started with, words between blanks: --config FILE --bwlimit 4M"},
      {"rclone.program", "rclone itself, where it is not found by its name"},
      {"retry.first", "the pause before what failed is tried again (500ms); it doubles each time, up to a minute"},
      {"retry.time", "how long it is tried again (15m)"},
      {"s3.addressing", "path (https://host/bucket) or host (https://bucket.host); by itself as the server wants it"},
      {"s3.create",
       "how to put only where nothing is: if-none-match, forbid-overwrite (Alibaba), generation-match (Google)"},
      {"s3.encryption", "by the server, on top of cairn's own: AES256 or aws:kms"},
      {"s3.kms-key", "the key of aws:kms"},
      {"s3.lock-for", "for how long nobody can remove what is put: 30d"},
      {"s3.object-lock", "governance or compliance: what is put cannot be removed for s3.lock-for"},
      {"s3.profile", "the section of ~/.aws/credentials whose keys are used"},
      {"s3.region", "where the bucket is; by itself what the server says"},
      {"s3.storage-class", "of data packs: STANDARD_IA, for example"},
      {"store.least-age", "for how long a data pack is billed at least: 30d; by itself as its storage class has it"},
      {"store.least-size", "as what size a smaller data pack is billed: 128K; by itself as its storage class has it"},
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

Result<std::unique_ptr<ObjectLocker>> OpenLocker(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world) {
  const auto kind = KindOf(address);
  if (!kind || *kind != "s3" || Get(settings, "s3.object-lock").empty()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} locks no objects: give the settings that the backups have (-o s3.object-lock, s3.lock-for)",
                     address);
  }
  ASSIGN_OR_RETURN(s3::Options options, S3Options(address.substr(kind->size() + 1), settings, world));
  ASSIGN_OR_RETURN(auto retry, MakeRetry(settings, world));
  options.hold_off = [retry](std::chrono::seconds span) { retry->HoldOff(span); };
  return std::unique_ptr<ObjectLocker>(
      std::make_unique<RetryLocker>(s3::S3Store::Open(std::move(options), world.clock), std::move(retry)));
}

}  // namespace cairn
