#include "frontends/import/backup_format.h"

#include <algorithm>
#include <array>
#include <optional>

namespace cairn::import {
namespace {

constexpr size_t kMarkBytes = 4'096;  // in which a dump says whose it is
constexpr size_t kTarBlock = 512;
constexpr std::string_view kBlanks = " \t\r\n";

bool HasLine(std::string_view text, std::string_view begin) {
  for (size_t at = text.find(begin); at != std::string_view::npos; at = text.find(begin, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return true;
  }
  return false;
}

// The header's checksum is of its bytes, those of the checksum itself as blanks.
bool IsTar(ByteSpan head) {
  if (head.size() < kTarBlock) return false;
  constexpr size_t kSumBegin = 148, kSumBytes = 8;
  uint64_t sum = kSumBytes * ' ';
  for (size_t i = 0; i < kTarBlock; ++i) {
    if (i < kSumBegin || i >= kSumBegin + kSumBytes) sum += head[i];
  }
  uint64_t written = 0;
  bool has_digit = false;
  for (const uint8_t c : head.subspan(kSumBegin, kSumBytes)) {
    if (c >= '0' && c <= '7') {
      written = written * 8 + (c - '0');
      has_digit = true;
    } else if (has_digit) {
      break;
    } else if (c != ' ') {
      return false;
    }
  }
  return has_digit && written == sum && head[0] != 0;
}

void SkipBlanks(std::string_view& text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  text.remove_prefix(std::min(begin, text.size()));
}

// Comments, and lines that are commands to psql.
void SkipComments(std::string_view& text) {
  for (;;) {
    SkipBlanks(text);
    size_t end = std::string_view::npos;
    if (text.starts_with("--") || text.starts_with("\\") || text.starts_with("#")) {
      end = text.find('\n');
    } else if (text.starts_with("/*")) {
      end = text.find("*/");
      if (end != std::string_view::npos) end += 2;
      if (text.substr(0, end).ends_with("*/") && text.substr(end).starts_with(";")) ++end;
    } else {
      return;
    }
    text.remove_prefix(std::min(end, text.size()));
  }
}

// In capitals.
std::string TakeWord(std::string_view& text) {
  SkipBlanks(text);
  std::string word;
  while (!text.empty()) {
    const char c = text.front();
    const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!is_letter) break;
    word.push_back(static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c));
    text.remove_prefix(1);
  }
  return word;
}

bool IsSqlStatement(std::string_view text) {
  constexpr std::array kFirst = {"CREATE", "INSERT", "DROP",   "ALTER", "SET",  "BEGIN", "START",  "PRAGMA",
                                 "USE",    "COPY",   "DELETE", "LOCK",  "WITH", "GRANT", "SELECT", "UPDATE"};
  SkipComments(text);
  const std::string first = TakeWord(text);
  if (std::ranges::find(kFirst, first) == kFirst.end()) return false;
  // Its statement ends at the end of a line.
  for (size_t at = text.find(';'); at != std::string_view::npos; at = text.find(';', at + 1)) {
    const size_t next = text.find_first_not_of(" \t\r", at + 1);
    if (next == std::string_view::npos || text[next] == '\n' || text.substr(next).starts_with("--")) return true;
  }
  return text.size() > kMarkBytes && first == "INSERT";  // of many rows
}

BackupFormat RecogniseText(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::string_view mark = text.substr(0, kMarkBytes);
  if (HasLine(mark, "-- PostgreSQL database cluster dump")) return BackupFormat::kPgDumpAll;
  if (HasLine(mark, "-- PostgreSQL database dump")) return BackupFormat::kPgDump;
  if (HasLine(mark, "-- MySQL dump ") || HasLine(mark, "-- MariaDB dump ")) return BackupFormat::kMysqlDump;
  if (mark.starts_with("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;") || mark.starts_with("BEGIN TRANSACTION;\n")) {
    return BackupFormat::kSqliteDump;
  }
  return IsSqlStatement(text) ? BackupFormat::kSql : BackupFormat::kUnknown;
}

std::string_view LastLine(std::string_view text) {
  const size_t end = text.find_last_not_of(kBlanks);
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end + 1);
  return text.substr(text.rfind('\n') + 1);
}

Result<void> NeedLine(std::string_view tail, std::string_view line) {
  if (HasLine(tail, line)) return {};
  return Corrupt("it is cut short: it does not end with \"{}\"", line);
}

}  // namespace

std::string_view NameOf(BackupFormat format) {
  switch (format) {
    case BackupFormat::kUnknown:
      return "unknown";
    case BackupFormat::kPgDump:
      return "pg_dump";
    case BackupFormat::kPgDumpAll:
      return "pg_dumpall";
    case BackupFormat::kMysqlDump:
      return "mysqldump";
    case BackupFormat::kSqliteDump:
      return "sqlite3 .dump";
    case BackupFormat::kSql:
      return "SQL";
    case BackupFormat::kPgCustom:
      return "pg_dump custom";
    case BackupFormat::kPgTar:
      return "pg_dump tar";
    case BackupFormat::kSqlite:
      return "SQLite";
    case BackupFormat::kTar:
      return "tar";
    case BackupFormat::kZip:
      return "zip";
  }
  return "unknown";
}

bool IsSqlText(BackupFormat format) {
  return format == BackupFormat::kPgDump || format == BackupFormat::kPgDumpAll || format == BackupFormat::kMysqlDump ||
         format == BackupFormat::kSqliteDump || format == BackupFormat::kSql;
}

BackupFormat RecogniseFormat(ByteSpan head) {
  const std::string_view text = AsText(head);
  if (text.starts_with("PGDMP")) return BackupFormat::kPgCustom;
  if (text.starts_with(std::string_view("SQLite format 3\0", 16))) return BackupFormat::kSqlite;
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return BackupFormat::kZip;
  if (IsTar(head)) {
    const bool is_dump =
        text.starts_with(std::string_view("toc.dat\0", 8)) && text.substr(kTarBlock).starts_with("PGDMP");
    return is_dump ? BackupFormat::kPgTar : BackupFormat::kTar;
  }
  if (text.find('\0') != std::string_view::npos) return BackupFormat::kUnknown;
  return RecogniseText(text);
}

Result<void> CheckEnd(BackupFormat format, std::string_view tail) {
  const std::string_view last = LastLine(tail);
  switch (format) {
    case BackupFormat::kPgDump:
      return NeedLine(tail, "-- PostgreSQL database dump complete");
    case BackupFormat::kPgDumpAll:
      return NeedLine(tail, "-- PostgreSQL database cluster dump complete");
    case BackupFormat::kMysqlDump:
      return NeedLine(tail, "-- Dump completed");
    case BackupFormat::kSqliteDump:
      if (last.starts_with("ROLLBACK;"))
        return Corrupt("sqlite3 met errors when it wrote it: it ends with \"{}\"", last);
      if (last == "COMMIT;") return {};
      return Corrupt("it is cut short: it does not end with \"COMMIT;\"");
    case BackupFormat::kSql:
      if (last.ends_with(';') || last.ends_with("*/") || last.starts_with("--") || last.starts_with("\\")) return {};
      if (last.find(";") != std::string_view::npos && last.find("--") != std::string_view::npos) return {};
      return Corrupt("it is cut short: it ends in the middle of a statement");
    default:
      return {};
  }
}

}  // namespace cairn::import
