// What a restore leaves beside, and how it is known again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/env/random.h"

namespace cairn::postgres {

// A database's comment says it: "[cairn: run 3fa2b1c0, before, of app, until 2026-11-23T10:00:00Z]", in front of the
// comment that it had; and its name, which is made of these. Only where the two agree it is one: a database that
// somebody has renamed, or a copy of it, is theirs, whatever its comment says.
struct KeptDatabase {
  enum class Role { kIncomplete, kBefore, kUndone };
  std::string name, run, of;
  Role role = Role::kIncomplete;
  std::string until;    // UTC; of kIncomplete empty
  std::string comment;  // the database's own
  std::string owner;
  bool is_marked = true;
  bool is_expired = false;
  bool is_in_work = false;  // a restore is at it
  bool is_used = false;     // by sessions

  std::string Comment() const;  // with the mark
  bool HasItsName() const { return name == NameOf(role, of, run); }
  static std::string NameOf(Role role, const std::string& of, const std::string& run);
  // By the comment alone.
  static std::optional<KeptDatabase> Parse(const std::string& name, const std::string& comment);
};
std::string_view Name(KeptDatabase::Role role);

// Eight hexadecimal digits, of which the last two follow from the others: what else ends in digits is hardly one.
std::string MakeRun(std::string_view six_digits);
std::string NewRun(const Random& random);
bool IsRun(std::string_view text);

// `base`_`suffix`, base cut so that the server does not cut the whole (63 bytes), and not inside of a character.
std::string DatabaseNameWith(const std::string& base, const std::string& suffix);

}  // namespace cairn::postgres
