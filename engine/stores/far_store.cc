#include "engine/stores/far_store.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "engine/env/version.h"
#include "engine/store/ahead_store.h"

namespace cairn {
namespace {

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
    const std::string text = SettingOf(settings, name);
    if (text.empty()) continue;
    const auto parsed = ParseSpan(text);
    if (!parsed) {
      return MakeError(ErrorCode::kInvalidArgument, "{} is \"{}\": it is a time, as 500ms, 30s, 15m or 2h", name, text);
    }
    *span = *parsed;
  }
  return options;
}

}  // namespace

Result<std::shared_ptr<Retry>> MakeRetry(const StoreSettings& settings, const StoreWorld& world) {
  ASSIGN_OR_RETURN(const RetryOptions options, RetryOptionsOf(settings, world));
  return std::make_shared<Retry>(world.clock, world.random, world.stop, options);
}

http::ClientSettings ClientSettingsOf(const StoreSettings& settings) {
  http::ClientSettings client;
  client.ca_file = SettingOf(settings, "tls.ca-file");
  client.user_agent = fmt::format("cairn/{}", kVersion);
  return client;
}

std::unique_ptr<ObjectStore> BelowRetry(std::unique_ptr<ObjectStore> store, const StoreWorld& world) {
  if (world.meter != nullptr) store = std::make_unique<CountingStore>(std::move(store), *world.meter);
  return std::make_unique<AheadStore>(std::move(store), world.clock);
}

}  // namespace cairn
