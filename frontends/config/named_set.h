// One more item of a snapshot, by a name.
#pragma once

#include <string>
#include <string_view>

#include "repo-format/base/result.h"

namespace cairn {

// "NAME=WHAT" of --set. WHAT is a path, or has a kind before it: "sqlite:FILE", "postgres:ADDRESS".
struct NamedSet {
  std::string name;
  std::string kind;  // "sqlite", "postgres"; empty: a path
  std::string where;
  static Result<NamedSet> Parse(const std::string& text);
};

// In quotes, and of an address only the scheme: what follows may hold a password.
std::string QuotedAddress(const std::string& text);
// What a name that is none of an item is told by.
Error BadItemName(const std::string& name);

}  // namespace cairn
