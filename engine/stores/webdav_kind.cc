#include "engine/store/webdav/webdav_store.h"
#include "engine/stores/kinds.h"

namespace cairn {
namespace {

bool IsNutstore(std::string_view host) { return host == "dav.jianguoyun.com"; }

// What a host allows everybody; "" of one that is not known for it.
std::string KnownRate(std::string_view host) { return IsNutstore(host) ? "600/30m" : ""; }

// Nothing where none is set, or known.
Result<std::shared_ptr<http::RequestLimit>> LimitOf(const std::string& name, const std::string& known,
                                                    const StoreSettings& settings, const StoreWorld& world) {
  const std::string given = SettingOf(settings, name);
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
  ASSIGN_OR_RETURN(options.password, PasswordOf(SettingOf(settings, "webdav.password-file"), world));
  if (options.user.empty() && !options.password.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "there is a password for the WebDAV store and no user: set CAIRN_WEBDAV_USER");
  }
  if (options.user.find(':') != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, "CAIRN_WEBDAV_USER has a colon, which WebDAV takes for its end");
  }
  const std::string plain = SettingOf(settings, "webdav.plain-password");
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

}  // namespace

uint64_t WebdavObjectBytesMax(const std::string& place) {
  constexpr uint64_t kNutstoreBytesMax = 500'000'000;
  const auto parsed = webdav::Place::Parse(place);
  return parsed && IsNutstore(parsed->origin.host) ? kNutstoreBytesMax : 0;
}

Made MakeWebdav(const std::string& place, const StoreSettings& settings, const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(const webdav::Options options, WebdavOptions(place, settings, world));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return MakeFar(
      retry, use, [&] { return AnyStore(webdav::WebdavStore::Create(options, world.random)); },
      [&] { return webdav::WebdavStore::Open(options, world.random); }, world);
}

}  // namespace cairn
