// What other programs' backups look like, and how a whole one ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::import {

enum class BackupFormat : uint8_t {
  kUnknown,
  kPgDump,
  kPgDumpAll,
  kMysqlDump,
  kSqliteDump,
  kSql,       // another's, or written by hand: nothing says where it ends
  kPgCustom,  // pg_dump -Fc
  kPgTar,     // pg_dump -Ft
  kSqlite,
  kTar,
  kZip,
};
// For people: "pg_dump".
std::string_view NameOf(BackupFormat format);
bool IsSqlText(BackupFormat format);

// By its first bytes, decompressed: 4 KiB, or all of it where it is less; more is better.
BackupFormat RecogniseFormat(ByteSpan head);

// Whether SQL text that ends with `tail` (kTailBytes, or all of it) is whole; kCorrupt says what is missing.
inline constexpr size_t kTailBytes = 4'096;
Result<void> CheckEnd(BackupFormat format, std::string_view tail);

}  // namespace cairn::import
