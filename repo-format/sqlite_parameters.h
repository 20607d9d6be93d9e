// Which part of a SQLite database an item has. SPEC section 11.1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/wire_reader.h"

namespace cairn {

// The source parameters of an item of kind SQLite: what is not in it is no table that was dropped.
struct SqliteParameters {
  bool is_part = false;
  // Of a part: patterns of tables, as given; whether rows were left out, or indexes, triggers and views.
  std::vector<std::string> chosen, excluded;
  bool no_rows = false, no_others = false;
  std::optional<Bytes> import_origin;  // ImportOrigin
  std::vector<UnknownRecord> unknown;  // of a later version

  Bytes Encode() const;
  static Result<SqliteParameters> Parse(ByteSpan bytes);
  friend bool operator==(const SqliteParameters&, const SqliteParameters&) = default;
};

}  // namespace cairn
