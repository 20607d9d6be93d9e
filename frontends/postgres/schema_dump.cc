#include "frontends/postgres/schema_dump.h"

#include <algorithm>

namespace cairn::postgres {
namespace {

// The head of the custom form (PostgreSQL's pg_backup_archiver.c, WriteHead): "PGDMP", version in three bytes, size of
// an int, size of an offset, form; compression; then the time in seven ints, each a byte of sign and the int.
constexpr size_t kHeadBytes = 64;
constexpr size_t kIntSizeAt = 8;
constexpr size_t kCompressionAt = 11;
constexpr int kTimeParts = 7;
// Second, minute, hour, day, month from 0, year from 1900, daylight saving: 2000-01-01.
constexpr uint8_t kTime[kTimeParts] = {0, 0, 0, 1, 0, 100, 0};

// False: a form that is not known; it is kept as it is.
bool SetTime(Bytes& head) {
  if (head.size() < kHeadBytes || AsText(ByteSpan(head).first(5)) != "PGDMP") return false;
  const uint8_t int_bytes = head[kIntSizeAt];
  if (head[5] != 1 || int_bytes != 4) return false;
  // Since 1.15 the compression is one byte.
  size_t at = kCompressionAt + (head[6] >= 15 ? 1 : 1 + int_bytes);
  for (const uint8_t part : kTime) {
    std::fill_n(head.begin() + static_cast<ptrdiff_t>(at), 1 + int_bytes, uint8_t{0});
    head[at + 1] = part;  // the lowest byte first
    at += 1 + int_bytes;
  }
  return true;
}

// A pattern of pg_dump that is one table's name and no other's.
std::string PatternOf(const TableName& name) {
  const auto quoted = [](const std::string& part) {
    std::string text = "\"";
    for (const char c : part) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    return text + "\"";
  };
  return quoted(name.schema) + "." + quoted(name.name);
}

}  // namespace

Result<std::unique_ptr<SchemaDump>> SchemaDump::Start(const Options& options, const stream::Waiter& waiter) {
  std::vector<std::string> command = {options.program.path,
                                      "--format=custom",
                                      "--compress=0",
                                      "--section=pre-data",
                                      "--section=post-data",
                                      "-B",  // no large objects: --no-blobs, --no-large-objects since 16
                                      "--no-password",
                                      "--snapshot=" + options.snapshot,
                                      "--lock-wait-timeout=" + std::to_string(options.lock_patience_s) + "s",
                                      "--dbname=" + options.address.WithoutPassword()};
  for (const TableName& name : options.only) command.push_back("--table=" + PatternOf(name));
  for (const TableName& name : options.without) command.push_back("--exclude-table=" + PatternOf(name));
  std::unique_ptr<SchemaDump> dump(new SchemaDump());
  ASSIGN_OR_RETURN(dump->child_, stream::ChildProcess::Start(command, waiter, ClientOptions(options.address)));
  return dump;
}

Result<void> SchemaDump::ReadHead() {
  head_.resize(kHeadBytes);
  size_t filled = 0;
  while (filled < head_.size()) {
    ASSIGN_OR_RETURN(const size_t got, child_->Read(MutableByteSpan(head_).subspan(filled)));
    if (got == 0) break;
    filled += got;
  }
  head_.resize(filled);
  SetTime(head_);
  has_head_ = true;
  return {};
}

Result<size_t> SchemaDump::Read(MutableByteSpan target) {
  if (!has_head_) RETURN_IF_ERROR(ReadHead());
  if (head_used_ < head_.size()) {
    const size_t part = std::min(target.size(), head_.size() - head_used_);
    std::copy_n(head_.begin() + static_cast<ptrdiff_t>(head_used_), part, target.begin());
    head_used_ += part;
    return part;
  }
  ASSIGN_OR_RETURN(const size_t got, child_->Read(target));
  if (got == 0) RETURN_IF_ERROR(child_->Wait());
  return got;
}

}  // namespace cairn::postgres
