// Who may ask: who has the token, and speaks to this server by its own name.
#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/crypto/secret.h"
#include "engine/env/clock.h"
#include "engine/env/log.h"
#include "frontends/serve/exchange.h"

namespace cairn::serve {

struct GateOptions {
  // Only requests to a name of loopback, or to this host, are answered. A browser that was led here by a name that
  // somebody has pointed at 127.0.0.1 (DNS rebinding) would hand on what it reads.
  bool is_loopback = true;
  std::string host;  // as the server was told to listen to it
};

// Safe for concurrent use. Borrows the clock and the log. Knows a hash of the token only.
class Gate {
 public:
  Gate(ByteSpan token, GateOptions options, const Clock& clock, Log& log, std::stop_token stop);

  // An answer that sends away; nothing for who may come in. The token comes as the password of Basic, of any user, or
  // as Bearer. A wrong one is answered after a second, and at most kWaitingMax are looked at in that time: what comes
  // meanwhile is sent away unseen.
  std::optional<Answer> Refuse(const Request& request);

  static constexpr unsigned kWaitingMax = 8;
  static constexpr size_t kTokenBytesMin = 16;
  // kInvalidArgument where it is shorter, or has other bytes than printable ASCII without spaces.
  static Result<void> CheckToken(ByteSpan token);

 private:
  bool IsOurs(std::string_view host) const;

  const Secret32 token_hash_;
  const GateOptions options_;
  const Clock& clock_;
  Log& log_;
  const std::stop_token stop_;
  std::atomic<unsigned> waiting_ = 0;
};

}  // namespace cairn::serve
