// An HTTP server: all that is libmicrohttpd's.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "engine/env/job_context.h"
#include "frontends/serve/exchange.h"

namespace cairn::serve {

// Where to listen, taken apart and looked up.
struct ListenAddress {
  std::string host;  // as given; an IPv6 address in brackets
  uint16_t port = 0;
  bool is_loopback = false;

  // "127.0.0.1:8420", "[::1]:8420", "host:0"; port 0 is any that is free. kInvalidArgument, kNotFound.
  static Result<ListenAddress> Parse(const std::string& text);
};

struct HttpServerOptions {
  ListenAddress listen;
  // PEM; both or none: then HTTP without TLS.
  std::string certificate, key;
  unsigned connections_max = 64;          // at once; a thread each
  std::chrono::seconds idle_max{120};     // of a connection without a byte either way
  std::chrono::seconds stranger_max{20};  // until a new connection has asked something that is not refused
};

// Borrows the handler and the context. Memory: some 300 KiB a connection.
class HttpServer {
 public:
  // On return it answers. kBusy where the port is taken, kPermission, kInvalidArgument of a certificate.
  static Result<std::unique_ptr<HttpServer>> Start(Handler& handler, const JobContext& context,
                                                   HttpServerOptions options);
  virtual ~HttpServer() = default;  // ends all connections, and waits for what is under way
  virtual uint16_t port() const = 0;
  // Until stop is asked for.
  virtual void Wait(std::stop_token stop) = 0;
};

}  // namespace cairn::serve
