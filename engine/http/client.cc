#include "engine/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>

#include "repo-format/base/check.h"
#include "repo-format/base/units.h"

namespace cairn::http {
namespace {

constexpr long kBufferBytes = 256 * kKiB;
constexpr uint64_t kBytesASecondMin = 4 * kKiB;
constexpr std::chrono::minutes kTimeMin{10};
constexpr size_t kHeaderBytesMax = 64 * kKiB;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

void InitOnce() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(done == CURLE_OK);
}

// What is under way: curl's callbacks fill it.
struct Exchange {
  const Request& request;
  Response response = {};
  size_t header_bytes = 0;
  uint64_t body_bytes = 0;
  std::optional<Error> error = {};  // of ours: why a callback ended the request
};

std::string SmallLetters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

size_t TakeHeader(char* data, size_t size, size_t count, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kHeaderBytesMax) {
    exchange.error = MakeError(ErrorCode::kIo, "the answer has more than {} bytes of headers", kHeaderBytesMax);
    return 0;
  }
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();  // 100 Continue, or a proxy's, came before
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  exchange.response.headers.emplace_back(SmallLetters(line.substr(0, colon)), Trimmed(line.substr(colon + 1)));
  return line.size();
}

bool AsksForRange(const Request& request) {
  return std::ranges::any_of(request.headers, [](const auto& header) { return header.first == "Range"; });
}

// For how much of the body there should be room before it comes, by what the server says, which may be a lie.
uint64_t RoomForBody(const Request& request, CURL* handle) {
  constexpr uint64_t kRoomMax = 32 * kMiB;
  curl_off_t told = 0;
  const bool is_told = curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told) == CURLE_OK && told > 0;
  return is_told ? std::min({static_cast<uint64_t>(told), request.answer_bytes_max, kRoomMax}) : 0;
}

size_t TakeBody(char* data, size_t size, size_t count, void* user, CURL* handle) {
  constexpr uint64_t kFailureBytesMax = 64 * kKiB;  // of an answer that says what is wrong
  Exchange& exchange = *static_cast<Exchange*>(user);
  const ByteSpan piece(reinterpret_cast<const uint8_t*>(data), size * count);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  exchange.body_bytes += piece.size();
  if (!exchange.response.succeeded()) {
    const uint64_t room = kFailureBytesMax - std::min<uint64_t>(kFailureBytesMax, exchange.response.body.size());
    Append(exchange.response.body, piece.first(std::min<uint64_t>(room, piece.size())));
    return piece.size();
  }
  if (exchange.body_bytes > exchange.request.answer_bytes_max && exchange.response.status == 200 &&
      AsksForRange(exchange.request)) {
    exchange.error = Error(ErrorCode::kUnsupported, "the server was asked for a range and gives all of it");
    return 0;
  }
  constexpr int kPartial = 206;
  if (exchange.request.is_range && exchange.response.status != kPartial) {
    exchange.error = MakeError(ErrorCode::kUnsupported,
                               "a part was asked for, and the server gives all of it (status {}): cairn needs ranges",
                               exchange.response.status);
    return 0;
  }
  if (exchange.body_bytes > exchange.request.answer_bytes_max) {
    exchange.error =
        MakeError(ErrorCode::kCorrupt, "the answer has more than {} bytes", exchange.request.answer_bytes_max);
    return 0;
  }
  if (!exchange.request.sink) {
    if (exchange.response.body.empty()) exchange.response.body.reserve(RoomForBody(exchange.request, handle));
    Append(exchange.response.body, piece);
    return piece.size();
  }
  const auto taken = exchange.request.sink(piece);
  if (taken) return piece.size();
  exchange.error = taken.error();
  return 0;
}

// Without what may be secret.
std::string Told(const Request& request) { return request.method + " " + request.url.substr(0, request.url.find('?')); }

// What the user can do about it, where there is something.
std::string_view WayOut(CURLcode code, const Request& request) {
  const bool is_plain = request.url.starts_with("http:");
  switch (code) {
    case CURLE_GOT_NOTHING:
      return is_plain ? "; does the server speak https?" : "";
    case CURLE_SSL_CONNECT_ERROR:
      return "; does the server speak TLS here? http:// where it does not";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "; where the server has a certificate of your own authority, name that authority's file: -o "
             "tls.ca-file=FILE";
    case CURLE_SSL_CACERT_BADFILE:
      return "; see the file that -o tls.ca-file names";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return "; is the address right, and the server up?";
    default:
      return "";
  }
}

bool MayPass(CURLcode code) {
  return code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE && code != CURLE_URL_MALFORMAT &&
         code != CURLE_UNSUPPORTED_PROTOCOL && code != CURLE_BAD_FUNCTION_ARGUMENT;
}

}  // namespace

struct Client::Connection {
  struct Free {
    void operator()(CURL* gone) const { curl_easy_cleanup(gone); }
  };
  std::unique_ptr<CURL, Free> handle{curl_easy_init()};
};

std::string_view Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

Client::Client(ClientSettings settings) : settings_(std::move(settings)) { InitOnce(); }
Client::~Client() = default;

std::unique_ptr<Client::Connection> Client::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto last = std::move(idle_.back());
      idle_.pop_back();
      return last;
    }
  }
  auto fresh = std::make_unique<Connection>();
  CHECK(fresh->handle != nullptr);
  return fresh;
}

void Client::GiveBack(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

namespace {

void SetTransport(CURL* curl, const ClientSettings& settings) {
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // the system's folder would count beside it
  }
  if (settings.is_direct) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, settings.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
}

void SetLimits(CURL* curl, const ClientSettings& settings, const Request& request) {
  const auto milliseconds = [](auto span) {
    return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
  };
  const std::chrono::seconds on_the_line((request.body.size() + request.answer_bytes_max) / kBytesASecondMin);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings.connect_time_max));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(kBytesASecondMin));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings.silence_max.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(kTimeMin + on_the_line));
}

List SetRequest(CURL* curl, const Request& request) {
  curl_slist* headers = nullptr;
  const auto add = [&](const std::string& line) { headers = curl_slist_append(headers, line.c_str()); };
  for (const auto& [name, value] : request.headers) add(value.empty() ? name + ";" : name + ": " + value);
  // curl would add these by itself: one waits for an answer before the body, the other lies about it.
  add("Expect:");
  add("Content-Type:");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST" || !request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                     request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  return List(headers);
}

}  // namespace

Result<Response> Client::Send(const Request& request) {
  auto connection = Take();
  CURL* curl = connection->handle.get();
  curl_easy_reset(curl);  // keeps the connection
  SetTransport(curl, settings_);
  SetLimits(curl, settings_, request);
  const List headers = SetRequest(curl, request);
  Exchange exchange{.request = request};
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  // The handle, for the status, comes with the data.
  struct Both {
    Exchange& exchange;
    CURL* curl;
  } both{exchange, curl};
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &both);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* user) {
        const Both& pair = *static_cast<Both*>(user);
        return TakeBody(data, size, count, &pair.exchange, pair.curl);
      });
  char detail[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  GiveBack(std::move(connection));
  if (exchange.error) return std::move(*exchange.error).While(Told(request));
  if (code != CURLE_OK) {
    Error error = MakeError(ErrorCode::kIo, "{}: {}{}", Told(request),
                            detail[0] != '\0' ? detail : curl_easy_strerror(code), WayOut(code, request));
    if (MayPass(code)) return std::move(error).Transient();
    return error;
  }
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace cairn::http
