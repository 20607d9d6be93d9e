#include "frontends/serve/http_server.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <mutex>

namespace cairn::serve {
namespace {

constexpr size_t kBlockBytes = 128 * 1024;      // of a body that is being sent
constexpr size_t kConnectionBytes = 96 * 1024;  // a request's line and headers, and what is read and sent at once
constexpr size_t kNameBytesMax = 255;

struct FreeAddresses {
  void operator()(addrinfo* gone) const { ::freeaddrinfo(gone); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> LookUp(const ListenAddress& address) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  std::string host = address.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &wanted, &found);
  if (failed == 0) return Addresses(found);
  return MakeError(ErrorCode::kNotFound, "the address {} to listen at is none of this machine's: {}", address.host,
                   ::gai_strerror(failed));
}

bool IsLoopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(address);
    return ntohl(four->sin_addr.s_addr) >> 24 == 127;
  }
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

std::string PeerText(const sockaddr* address) {
  char host[NI_MAXHOST] = "";
  const socklen_t size = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  ::getnameinfo(address, size, host, sizeof(host), nullptr, 0, NI_NUMERICHOST);
  return host;
}

// What libmicrohttpd says would go to stderr; the last of it explains why it did not start.
class LibrarySays {
 public:
  explicit LibrarySays(Log& log) : log_(log) {}
  static void Write(void* self, const char* format, va_list arguments) {
    char line[512];
    std::vsnprintf(line, sizeof(line), format, arguments);
    std::string text = line;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    static_cast<LibrarySays*>(self)->Add(std::move(text));
  }
  std::string Last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  void Add(std::string text) {
    log_.Debug("libmicrohttpd says: {}", text);
    const std::lock_guard lock(mutex_);
    last_ = std::move(text);
  }
  Log& log_;
  std::mutex mutex_;
  std::string last_;  // guarded by mutex_
};

// Connections that have asked nothing yet that was not refused. They come and go in the library's threads.
class Strangers {
 public:
  explicit Strangers(const Clock& clock) : clock_(clock) {}
  void Came(MHD_Connection* connection, int descriptor) {
    const std::lock_guard lock(mutex_);
    since_[connection] = {descriptor, clock_.Steady()};
  }
  void IsKnownOrGone(MHD_Connection* connection) {
    const std::lock_guard lock(mutex_);
    since_.erase(connection);
  }
  // The library sees them end, and closes their sockets after it has said so here: the numbers are still theirs.
  void EndThoseOlderThan(std::chrono::nanoseconds age) {
    const std::lock_guard lock(mutex_);
    for (const auto& [connection, stranger] : since_) {
      if (clock_.Steady() - stranger.since > age) ::shutdown(stranger.descriptor, SHUT_RDWR);
    }
  }

 private:
  struct Stranger {
    int descriptor = -1;
    std::chrono::nanoseconds since{0};
  };
  const Clock& clock_;
  std::mutex mutex_;
  std::map<MHD_Connection*, Stranger> since_;  // guarded by mutex_
};

// One request while its body arrives.
struct Exchange {
  Request request;
  Bytes body;
};

struct FreeResponse {
  void operator()(MHD_Response* gone) const { MHD_destroy_response(gone); }
};
using ResponsePointer = std::unique_ptr<MHD_Response, FreeResponse>;

// While this lives the client is not the one who is waited for. The library counts the time that an answer takes to be
// made as the connection's, and would cut it off; to set a limit where there was none begins the count anew.
class OurTurn {
 public:
  OurTurn(MHD_Connection* connection, unsigned idle_seconds) : connection_(connection), idle_seconds_(idle_seconds) {
    MHD_set_connection_option(connection_, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
  }
  ~OurTurn() { MHD_set_connection_option(connection_, MHD_CONNECTION_OPTION_TIMEOUT, idle_seconds_); }
  OurTurn(const OurTurn&) = delete;
  OurTurn& operator=(const OurTurn&) = delete;

 private:
  MHD_Connection* const connection_;
  const unsigned idle_seconds_;
};

// The body of an answer while it is sent.
struct SentBody {
  std::unique_ptr<Body> body;
  MHD_Connection* connection = nullptr;
  unsigned idle_seconds = 0;
};

ssize_t ReadBody(void* sent, uint64_t, char* target, size_t size) {
  const auto& self = *static_cast<SentBody*>(sent);
  const OurTurn turn(self.connection, self.idle_seconds);
  const auto got = self.body->Read({reinterpret_cast<uint8_t*>(target), size});
  if (!got) return MHD_CONTENT_READER_END_WITH_ERROR;
  return *got == 0 ? MHD_CONTENT_READER_END_OF_STREAM : static_cast<ssize_t>(*got);
}

ResponsePointer MakeResponse(MHD_Connection* connection, Answer answer, unsigned idle_seconds) {
  MHD_Response* made = nullptr;
  if (answer.body == nullptr) {
    made = MHD_create_response_from_buffer(answer.text.size(), answer.text.data(), MHD_RESPMEM_MUST_COPY);
  } else {
    auto sent = std::make_unique<SentBody>(std::move(answer.body), connection, idle_seconds);
    made = MHD_create_response_from_callback(answer.size.value_or(MHD_SIZE_UNKNOWN), kBlockBytes, ReadBody, sent.get(),
                                             [](void* gone) { delete static_cast<SentBody*>(gone); });
    if (made != nullptr) static_cast<void>(sent.release());
  }
  ResponsePointer response(made);
  if (response == nullptr) return nullptr;
  for (const auto& [name, value] : answer.headers) {
    if (MHD_add_response_header(response.get(), name.c_str(), value.c_str()) != MHD_YES) return nullptr;
  }
  return response;
}

class Server final : public HttpServer {
 public:
  Server(Handler& handler, const JobContext& context, HttpServerOptions options)
      : handler_(handler),
        context_(context),
        options_(std::move(options)),
        says_(context.log),
        strangers_(context.clock) {}
  ~Server() override {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }
  Result<void> Listen();
  Result<void> Begin();
  uint16_t port() const override { return port_; }
  void Wait(std::stop_token stop) override {
    constexpr std::chrono::seconds kLookEvery{1};
    while (context_.clock.Sleep(kLookEvery, stop)) strangers_.EndThoseOlderThan(options_.stranger_max);
  }

 private:
  static MHD_Result Ask(void* self, MHD_Connection* connection, const char* target, const char* method,
                        const char* version, const char* upload, size_t* upload_bytes, void** exchange);
  static void Notify(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code);
  MHD_Result Refuse(MHD_Connection* connection, Exchange& exchange);
  MHD_Result Queue(MHD_Connection* connection, Answer answer) const;
  unsigned idle_seconds() const { return static_cast<unsigned>(options_.idle_max.count()); }

  Handler& handler_;
  const JobContext& context_;
  const HttpServerOptions options_;
  LibrarySays says_;
  Strangers strangers_;
  int socket_ = -1;  // the daemon's once that has begun
  uint16_t port_ = 0;
  MHD_Daemon* daemon_ = nullptr;
};

MHD_Result Server::Queue(MHD_Connection* connection, Answer answer) const {
  const unsigned status = answer.status;
  const ResponsePointer response = MakeResponse(connection, std::move(answer), idle_seconds());
  return response == nullptr ? MHD_NO : MHD_queue_response(connection, status, response.get());
}

Request RequestOf(MHD_Connection* connection, const char* target, const char* method, const char* version) {
  Request request{.method = method, .target = target, .is_http_1_0 = std::string_view(version) != "HTTP/1.1"};
  MHD_get_connection_values(
      connection, MHD_HEADER_KIND,
      [](void* headers, MHD_ValueKind, const char* name, const char* value) {
        std::string lower = name;
        for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        static_cast<Headers*>(headers)->emplace_back(std::move(lower), value == nullptr ? "" : value);
        return MHD_YES;
      },
      &request.headers);
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info != nullptr) request.peer = PeerText(info->client_addr);
  return request;
}

// Called once when the headers are known, then with each piece of the body, then with none.
MHD_Result Server::Ask(void* self, MHD_Connection* connection, const char* target, const char* method,
                       const char* version, const char* upload, size_t* upload_bytes, void** place) {
  auto& server = *static_cast<Server*>(self);
  auto* exchange = static_cast<Exchange*>(*place);
  if (exchange == nullptr) {
    exchange = new Exchange{.request = RequestOf(connection, target, method, version), .body = {}};
    *place = exchange;
    return server.Refuse(connection, *exchange);
  }
  if (*upload_bytes > 0) {
    if (exchange->body.size() + *upload_bytes > Handler::kBodyBytesMax) return MHD_NO;
    Append(exchange->body, {reinterpret_cast<const uint8_t*>(upload), *upload_bytes});
    *upload_bytes = 0;
    return MHD_YES;
  }
  const OurTurn turn(connection, server.idle_seconds());
  return server.Queue(connection, server.handler_.Give(exchange->request, exchange->body));
}

MHD_Result Server::Refuse(MHD_Connection* connection, Exchange& exchange) {
  auto refused = handler_.Refuse(exchange.request);
  if (refused) return Queue(connection, *std::move(refused));
  strangers_.IsKnownOrGone(connection);
  return MHD_YES;
}

void Server::Notify(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
  Strangers& strangers = static_cast<Server*>(self)->strangers_;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) return strangers.IsKnownOrGone(connection);
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info != nullptr) strangers.Came(connection, info->connect_fd);
}

Result<void> Server::Listen() {
  ASSIGN_OR_RETURN(const Addresses addresses, LookUp(options_.listen));
  const std::string where = fmt::format("listening at {}:{}", options_.listen.host, options_.listen.port);
  if (options_.listen.is_loopback && !IsLoopback(addresses->ai_addr)) {
    return MakeError(ErrorCode::kBusy, "{}: the name is now of another address than before", where);
  }
  socket_ = ::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return ErrnoError(errno, where);
  const int yes = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(socket_, addresses->ai_addr, addresses->ai_addrlen) != 0 || ::listen(socket_, SOMAXCONN) != 0) {
    const int failed = errno;
    ::close(socket_);
    if (failed != EADDRINUSE) return ErrnoError(failed, where);
    return MakeError(ErrorCode::kBusy, "{}: another program listens there: --listen names another port", where);
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  ::getsockname(socket_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                            : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  return {};
}

Result<void> Server::Begin() {
  unsigned flags =
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;
  std::vector<MHD_OptionItem> tls;
  const auto add = [&](MHD_OPTION option, const char* text) { tls.push_back({option, 0, const_cast<char*>(text)}); };
  if (!options_.certificate.empty()) {
    flags |= MHD_USE_TLS;
    add(MHD_OPTION_HTTPS_MEM_CERT, options_.certificate.c_str());
    add(MHD_OPTION_HTTPS_MEM_KEY, options_.key.c_str());
    add(MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1");
  }
  tls.push_back({MHD_OPTION_END, 0, nullptr});
  // Targets stay as they were sent: what is decoded here ends at a zero byte, and "%2F" would be a "/".
  const auto leave = [](void*, MHD_Connection*, char* text) -> size_t { return std::char_traits<char>::length(text); };
  const auto completed = [](void*, MHD_Connection*, void** place, MHD_RequestTerminationCode) {
    delete static_cast<Exchange*>(std::exchange(*place, nullptr));
  };
  daemon_ = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &Server::Ask, this, MHD_OPTION_EXTERNAL_LOGGER, &LibrarySays::Write, &says_,
      MHD_OPTION_LISTEN_SOCKET, socket_, MHD_OPTION_CONNECTION_LIMIT, options_.connections_max,
      MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds(), MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes,
      MHD_OPTION_UNESCAPE_CALLBACK, static_cast<size_t (*)(void*, MHD_Connection*, char*)>(leave), nullptr,
      MHD_OPTION_NOTIFY_COMPLETED, static_cast<MHD_RequestCompletedCallback>(completed), nullptr,
      MHD_OPTION_NOTIFY_CONNECTION, &Server::Notify, this, MHD_OPTION_ARRAY, tls.data(), MHD_OPTION_END);
  if (daemon_ != nullptr) return {};
  const bool is_tls = !options_.certificate.empty();
  return MakeError(is_tls ? ErrorCode::kInvalidArgument : ErrorCode::kIo, "the server did not start{}: {}",
                   is_tls ? " with this certificate and key" : "", says_.Last());
}

}  // namespace

Result<ListenAddress> ListenAddress::Parse(const std::string& text) {
  ListenAddress address;
  const size_t colon = text.rfind(':');
  const auto no_address = [&] {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no address to listen at, as 127.0.0.1:8420 is", text);
  };
  if (colon == std::string::npos || colon == 0 || colon > kNameBytesMax) return no_address();
  address.host = text.substr(0, colon);
  const bool has_brackets = address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']';
  if (!has_brackets && address.host.find_first_of(":[]") != std::string::npos) return no_address();
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || stopped != end) return no_address();
  ASSIGN_OR_RETURN(const Addresses found, LookUp(address));
  address.is_loopback = IsLoopback(found->ai_addr);
  return address;
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Handler& handler, const JobContext& context,
                                                      HttpServerOptions options) {
  auto server = std::make_unique<Server>(handler, context, std::move(options));
  RETURN_IF_ERROR(server->Listen());
  RETURN_IF_ERROR(server->Begin());
  return server;
}

}  // namespace cairn::serve
