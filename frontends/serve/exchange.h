// What a client of the server asks, and what it is answered: values that know no HTTP library.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::serve {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // as sent
  std::string target;  // as sent, percent-encoded, without its query
  bool is_http_1_0 = false;
  Headers headers;   // names in small letters
  std::string peer;  // the address that it comes from, for people

  // "" where there is none; the first of several.
  std::string_view header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, [](const auto& one) { return std::string_view(one.first); });
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

// Bytes of an answer, made while they are sent. One thread at a time.
class Body {
 public:
  virtual ~Body() = default;
  // Fills the beginning of `target` with what comes next, and tells how many bytes: 0 at the end alone. An Error ends
  // the answer so that the client sees that it is not whole; who gives it has told it.
  virtual Result<size_t> Read(MutableByteSpan target) = 0;
};

struct Answer {
  unsigned status = 200;
  Headers headers;
  std::string text;                   // all of its bytes, or
  std::unique_ptr<Body> body;         // where they come from, and
  std::optional<uint64_t> size = {};  // how many they are; nothing: not known before
};

// Safe for concurrent use.
class Handler {
 public:
  virtual ~Handler() = default;
  // Called when the headers are known, and before any body is read: an answer that refuses it, or nothing where whoever
  // asks may ask.
  virtual std::optional<Answer> Refuse(const Request& request) = 0;
  // Of what was not refused. `body` has at most kBodyBytesMax bytes.
  virtual Answer Give(const Request& request, ByteSpan body) = 0;

  static constexpr size_t kBodyBytesMax = 64 * 1024;
};

// An answer in words, for people.
Answer Words(unsigned status, std::string text);

}  // namespace cairn::serve
