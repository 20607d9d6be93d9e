// Whom a file is encrypted for: the X25519 recipients of age. https://c2sp.org/age
#pragma once

#include <array>
#include <string_view>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::exports {

struct AgeRecipient {
  std::array<uint8_t, 32> key{};  // X25519, public

  // "age1...": kInvalidArgument says what is wrong with it. A secret key ("AGE-SECRET-KEY-1...") is refused, and not
  // said again.
  static Result<AgeRecipient> Parse(std::string_view text);
};

}  // namespace cairn::exports
