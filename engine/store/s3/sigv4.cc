#include "engine/store/s3/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "engine/crypto/hash.h"
#include "engine/http/percent.h"

namespace cairn::s3 {
namespace {

// What differs.
struct Words {
  std::string_view algorithm, key_prefix, service, end, header_prefix;
};

const Words& WordsOf(Dialect dialect) {
  static constexpr Words kAmazon{"AWS4-HMAC-SHA256", "AWS4", "s3", "aws4_request", "x-amz-"};
  static constexpr Words kGoogle{"GOOG4-HMAC-SHA256", "GOOG4", "storage", "goog4_request", "x-goog-"};
  return dialect == Dialect::kGoogle ? kGoogle : kAmazon;
}

// 20130524T000000Z.
std::string AmzDate(UnixNs now) {
  using namespace std::chrono;
  const sys_seconds seconds{duration_cast<std::chrono::seconds>(nanoseconds(now))};
  const auto day = floor<days>(seconds);
  const year_month_day date(day);
  const hh_mm_ss time(seconds - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

// Small letters, no blanks around, one for several within.
http::Headers Canonical(const Unsigned& request, const http::Headers& headers) {
  http::Headers canonical{{"host", request.host}};
  for (const auto& [name, value] : headers) {
    std::string small(name);
    for (char& c : small) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    std::string text;
    for (const char c : value) {
      if (c != ' ' || (!text.empty() && text.back() != ' ')) text += c;
    }
    while (text.ends_with(' ')) text.pop_back();
    canonical.emplace_back(std::move(small), std::move(text));
  }
  std::ranges::sort(canonical);
  return canonical;
}

Digest Hmac(ByteSpan key, std::string_view text) { return HmacSha256(key, {AsBytes(text)}); }

// The key of a day, a region and a service.
Digest SigningKey(const Credentials& credentials, const SigningScope& scope, std::string_view day) {
  const Words& words = WordsOf(scope.dialect);
  std::string first = std::string(words.key_prefix) + credentials.secret_key;
  const WipeGuard wipe({reinterpret_cast<uint8_t*>(first.data()), first.size()});
  const Digest of_day = Hmac(AsBytes(first), day);
  const Digest of_region = Hmac(of_day.bytes(), scope.region);
  const Digest of_service = Hmac(of_region.bytes(), words.service);
  return Hmac(of_service.bytes(), words.end);
}

}  // namespace

std::string CanonicalQuery(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query) encoded.emplace_back(http::PercentEncode(name), http::PercentEncode(value));
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

http::Headers Sign(const Unsigned& request, const Credentials& credentials, const SigningScope& scope, UnixNs now) {
  const Words& words = WordsOf(scope.dialect);
  const auto header = [&](std::string_view name) { return fmt::format("{}{}", words.header_prefix, name); };
  const std::string date = AmzDate(now);
  const std::string day = date.substr(0, 8);
  const std::string body_hash = Sha256(request.body).ToHex();
  http::Headers headers = request.headers;
  headers.emplace_back(header("content-sha256"), body_hash);
  headers.emplace_back(header("date"), date);
  if (!credentials.session_token.empty()) headers.emplace_back(header("security-token"), credentials.session_token);

  std::string header_lines, names;
  for (const auto& [name, value] : Canonical(request, headers)) {
    header_lines += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, http::PercentEncode(request.path, http::Slash::kKept),
                  CanonicalQuery(request.query), header_lines, names, body_hash);
  const std::string scope_text = fmt::format("{}/{}/{}/{}", day, scope.region, words.service, words.end);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", words.algorithm, date, scope_text, Sha256(AsBytes(canonical)).ToHex());
  const Digest signature = Hmac(SigningKey(credentials, scope, day).bytes(), to_sign);
  headers.emplace_back("Authorization",
                       fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", words.algorithm,
                                   credentials.access_key, scope_text, names, signature.ToHex()));
  return headers;
}

}  // namespace cairn::s3
