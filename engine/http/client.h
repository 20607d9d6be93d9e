// Requests over HTTP and HTTPS.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // in capitals
  // Encoded, with its query. Errors tell it without the query, which may hold a secret.
  std::string url;
  Headers headers;
  ByteSpan body;
  // More bytes of an answer's body are an Error, kCorrupt; kUnsupported where the server ignored the header Range.
  uint64_t answer_bytes_max = 0;
  // A range is asked for: an answer that succeeded and is none (its status is not 206) is kUnsupported, for what comes
  // then is all of it.
  bool is_range = false;
  // Where given, the body of an answer that succeeded (2xx) goes here in pieces, in the caller's thread, and not into
  // the Response. An Error ends the request and is returned.
  std::function<Result<void>(ByteSpan)> sink;
};

struct Response {
  int status = 0;
  Headers headers;  // names in small letters
  Bytes body;

  bool succeeded() const { return status >= 200 && status < 300; }
  // "" where there is none; the first of several.
  std::string_view header(std::string_view name) const;
};

struct ClientSettings {
  std::string ca_file;  // PEM, of those whom to trust instead of the system's; "": the system's
  std::chrono::seconds connect_time_max{30};
  std::chrono::seconds silence_max{60};  // with less than 4 KiB a second either way
  std::string user_agent;
  bool is_direct = false;  // through no proxy, whatever the environment says
};

// Sends each request once, and waits for its answer; follows no redirection. Whatever status was answered is a result:
// what it means is the caller's. Errors: kIo, transient where the network or the server broke off (then the request may
// have had its effect); not transient where the certificate is not trusted. Connections are kept, as many as there are
// threads at once; a request over one that the server had closed meanwhile may be sent twice. No request takes longer
// than ten minutes and a second for each 4 KiB that go over the line.
//
// Safe for concurrent use. Proxies are taken from the environment (https_proxy and so on), as curl has it.
class Client {
 public:
  explicit Client(ClientSettings settings);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<Response> Send(const Request& request);

 private:
  struct Connection;  // a curl handle
  std::unique_ptr<Connection> Take();
  void GiveBack(std::unique_ptr<Connection> connection);

  const ClientSettings settings_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_; the last one that was used is at the end
};

}  // namespace cairn::http
