#include "frontends/postgres/schema_dump.h"

#include <algorithm>
#include <chrono>

#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

// The head of the custom form (PostgreSQL's pg_backup_archiver.c, WriteHead): "PGDMP", version in three bytes, size of
// an int, size of an offset, form; compression; then the time in seven ints, each a byte of sign and the int.
constexpr size_t kBytesMax = 256 * kMiB;
constexpr std::chrono::milliseconds kLockWait{3000};  // who wants a table exclusively waits as long
constexpr size_t kHeadBytes = 64;
constexpr size_t kIntSizeAt = 8;
constexpr size_t kCompressionAt = 11;
constexpr int kTimeParts = 7;
// Second, minute, hour, day, month from 0, year from 1900, daylight saving: 2000-01-01.
constexpr uint8_t kTime[kTimeParts] = {0, 0, 0, 1, 0, 100, 0};

// False: a form that is not known; it is kept as it is.
bool SetTime(std::string& head) {
  if (head.size() < kHeadBytes || !head.starts_with("PGDMP")) return false;
  const auto int_bytes = static_cast<uint8_t>(head[kIntSizeAt]);
  if (head[5] != 1 || int_bytes != 4) return false;
  // Since 1.15 the compression is one byte.
  size_t at = kCompressionAt + (head[6] >= 15 ? 1 : 1 + int_bytes);
  for (const uint8_t part : kTime) {
    std::fill_n(head.begin() + static_cast<ptrdiff_t>(at), 1 + int_bytes, char{0});
    head[at + 1] = static_cast<char>(part);  // the lowest byte first
    at += 1 + int_bytes;
  }
  return true;
}

}  // namespace

Result<SchemaDump> SchemaDump::Start(const SchemaDumpOptions& options, const stream::Waiter& waiter) {
  std::vector<std::string> command = {options.program.path,
                                      "--format=custom",
                                      "--compress=0",
                                      "--section=pre-data",
                                      "--section=post-data",
                                      "-B",  // no large objects: --no-blobs, --no-large-objects since 16
                                      "--no-password",
                                      "--lock-wait-timeout=" + std::to_string(kLockWait.count()) + "ms",
                                      "--dbname=" + options.address.WithoutPassword()};
  if (!options.snapshot.empty()) command.push_back("--snapshot=" + options.snapshot);
  for (const TableName& name : options.only) command.push_back("--table=" + name.Quoted());
  for (const TableName& name : options.without) command.push_back("--exclude-table=" + name.Quoted());
  ASSIGN_OR_RETURN(auto child, stream::ChildProcess::Start(command, waiter, ClientOptions(options.address)));
  return SchemaDump(std::move(child));
}

Result<std::string> SchemaDump::Read() {
  std::string text;
  Bytes buffer(64 * kKiB);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, child_->Read(buffer));
    if (got == 0) break;
    text += AsText(ByteSpan(buffer).first(got));
    if (text.size() > kBytesMax) {
      return MakeError(ErrorCode::kUnsupported, "pg_dump writes more than {} MiB of definitions", kBytesMax / kMiB);
    }
  }
  RETURN_IF_ERROR(child_->Wait());
  SetTime(text);
  return text;
}

}  // namespace cairn::postgres
