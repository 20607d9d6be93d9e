#include "frontends/serve/gate.h"

#include <arpa/inet.h>

#include <algorithm>

#include "engine/crypto/hash.h"
#include "engine/http/base64.h"
#include "frontends/serve/web_path.h"

namespace cairn::serve {
namespace {

constexpr std::chrono::seconds kWrongTokenPause{1};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

Secret32 HashOf(ByteSpan token) { return Secret32(Sha256(token).bytes().first<32>()); }

// "[::1]:8420" and "localhost:8420" without their port.
std::string_view WithoutPort(std::string_view host) {
  const size_t bracket = host.rfind(']'), colon = host.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

bool IsLoopbackName(const std::string& host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "[::1]") return true;
  in_addr address{};
  constexpr uint32_t kLoopbackByte = 127;
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == kLoopbackByte;
}

// What is given as the token; nothing where nothing is that could be one.
std::optional<Bytes> TokenOf(std::string_view authorization) {
  const size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string scheme = Lower(authorization.substr(0, space));
  std::string_view value = authorization.substr(space);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  if (scheme == "bearer") return ToBytes(AsBytes(value));
  if (scheme != "basic") return std::nullopt;
  auto decoded = http::Base64Decode(value);
  if (!decoded) return std::nullopt;
  const auto colon = std::ranges::find(*decoded, ':');
  if (colon == decoded->end()) return std::nullopt;
  decoded->erase(decoded->begin(), colon + 1);
  return decoded;
}

Answer AskForToken(std::string text) {
  Answer answer = Words(401, std::move(text));
  answer.headers.emplace_back("WWW-Authenticate", "Basic realm=\"cairn\", charset=\"UTF-8\"");
  return answer;
}

}  // namespace

Gate::Gate(ByteSpan token, GateOptions options, const Clock& clock, Log& log, std::stop_token stop)
    : token_hash_(HashOf(token)), options_(std::move(options)), clock_(clock), log_(log), stop_(std::move(stop)) {}

Result<void> Gate::CheckToken(ByteSpan token) {
  const bool is_printable = std::ranges::all_of(token, [](uint8_t byte) { return byte > 0x20 && byte < 0x7f; });
  if (token.size() >= kTokenBytesMin && is_printable) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "a token has {} or more letters, digits and signs of ASCII, without spaces: openssl rand -hex 16 "
                   "makes one",
                   kTokenBytesMin);
}

bool Gate::IsOurs(std::string_view host) const {
  const std::string name = Lower(WithoutPort(host));
  return IsLoopbackName(name) || (!options_.host.empty() && name == Lower(options_.host));
}

std::optional<Answer> Gate::Refuse(const Request& request) {
  std::string_view host = HostOfTarget(request.target);
  if (host.empty()) host = request.header("host");
  const bool may_have_none = request.is_http_1_0 && host.empty();  // no browser
  if (options_.is_loopback && !may_have_none && !IsOurs(host)) {
    return Words(421, "this server is for this machine alone: ask it as localhost or 127.0.0.1");
  }
  const std::string_view authorization = request.header("authorization");
  if (authorization.empty()) return AskForToken("the password is the token that cairn serve has shown");
  if (waiting_ >= kWaitingMax) {
    Answer answer = Words(429, "too many wrong tokens: try again in a moment");
    answer.headers.emplace_back("Retry-After", "1");
    return answer;
  }
  auto token = TokenOf(authorization);
  if (token) {
    const WipeGuard wipe(*token);
    if (HashOf(*token).EqualTo(token_hash_)) return std::nullopt;
  }
  ++waiting_;
  log_.Warning("a wrong token from {}", request.peer);
  clock_.Sleep(kWrongTokenPause, stop_);
  --waiting_;
  return AskForToken("this is not the token");
}

}  // namespace cairn::serve
