#include "frontends/export/pgdump_writer.h"

#include <algorithm>

#include "frontends/export/gzip_sink.h"
#include "repo-format/base/units.h"

namespace cairn::exports {
namespace {

using postgres::TableDescription;

// PostgreSQL's pg_backup_custom.c: a part is its kind, its entry's number and blocks, each with its length before it;
// an empty one ends it. Large objects have their number before their blocks, and 0 ends them.
constexpr uint8_t kRowsPart = 1, kLargeObjectsPart = 3;
constexpr uint64_t kPartHeadBytes = 6, kIntBytes = 5;
constexpr std::string_view kRowsEnd = "\\.\n\n\n";
// Large, so that what stands between them does not part what other exports have too; pg_restore holds one in memory.
constexpr size_t kBlockBytes = kMiB;

Bytes PgInt(uint64_t value) {
  WireWriter writer;
  PutPgInt(writer, static_cast<int64_t>(value));
  return std::move(writer).Take();
}

class CountingSink : public ByteSink {
 public:
  explicit CountingSink(ByteSink& target) : target_(target) {}
  Result<void> Write(ByteSpan bytes) override {
    bytes_ += bytes.size();
    return target_.Write(bytes);
  }
  Result<void> Finish() override { return {}; }
  uint64_t bytes() const { return bytes_; }

 private:
  ByteSink& target_;
  uint64_t bytes_ = 0;
};

// Blocks of one size, but for the last.
class BlockSink : public ByteSink {
 public:
  explicit BlockSink(ByteSink& target) : target_(target) { block_.reserve(kBlockBytes); }
  Result<void> Write(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const size_t part = std::min(bytes.size(), kBlockBytes - block_.size());
      Append(block_, bytes.first(part));
      bytes = bytes.subspan(part);
      if (block_.size() == kBlockBytes) RETURN_IF_ERROR(Flush());
    }
    return {};
  }
  Result<void> Finish() override {
    if (!block_.empty()) RETURN_IF_ERROR(Flush());
    return target_.Write(PgInt(0));
  }

 private:
  Result<void> Flush() {
    RETURN_IF_ERROR(target_.Write(PgInt(block_.size())));
    RETURN_IF_ERROR(target_.Write(block_));
    block_.clear();
    return {};
  }

  ByteSink& target_;
  Bytes block_;
};

uint64_t BlocksSize(uint64_t bytes) { return bytes + kIntBytes * ((bytes + kBlockBytes - 1) / kBlockBytes + 1); }

}  // namespace

Result<PgdumpReport> PgdumpWriter::WriteCustom(ByteSink& sink, const Patch& patch) {
  CountingSink counted(sink);
  std::vector<uint64_t> places;
  RETURN_IF_ERROR(counted.Write(plan_.toc.EncodeCustom(level_ > 0, &places)));
  PgdumpReport report;
  for (const PgdumpPart& part : plan_.parts) {
    if (patch) RETURN_IF_ERROR(patch(places[part.entry], OffsetField(counted.bytes())));
    RETURN_IF_ERROR(WritePart(counted, part, report));
  }
  return report;
}

Result<void> PgdumpWriter::WritePart(ByteSink& sink, const PgdumpPart& part, PgdumpReport& report) {
  const Bytes kind = {part.table ? kRowsPart : kLargeObjectsPart};
  RETURN_IF_ERROR(sink.Write(kind));
  RETURN_IF_ERROR(sink.Write(PgInt(static_cast<uint64_t>(plan_.toc.entries[part.entry].id))));
  if (part.table) {
    return WriteBlocks(
        sink, [&](ByteSink& blocks) { return WriteRows(blocks, plan_.description.tables[*part.table], report); });
  }
  for (const uint64_t oid : part.large_objects) {
    RETURN_IF_ERROR(sink.Write(PgInt(oid)));
    RETURN_IF_ERROR(WriteBlocks(sink, [&](ByteSink& blocks) { return WriteLargeObject(blocks, oid, report); }));
  }
  return sink.Write(PgInt(0));
}

Result<void> PgdumpWriter::WriteBlocks(ByteSink& sink, const std::function<Result<void>(ByteSink&)>& write) {
  BlockSink blocks(sink);
  if (level_ == 0) {
    RETURN_IF_ERROR(write(blocks));
  } else {
    GzipSink compressed(blocks, GzipSink::Wrapping::kZlib, level_);
    RETURN_IF_ERROR(write(compressed));
    RETURN_IF_ERROR(compressed.Finish());
  }
  return blocks.Finish();
}

Result<uint64_t> PgdumpWriter::CustomSize() {
  uint64_t bytes = plan_.toc.EncodeCustom(false, nullptr).size();
  for (const PgdumpPart& part : plan_.parts) {
    bytes += kPartHeadBytes;
    if (part.table) {
      ASSIGN_OR_RETURN(const uint64_t size, dump_.Size(plan_.description.tables[*part.table].file));
      bytes += BlocksSize(size + kRowsEnd.size());
      continue;
    }
    for (const uint64_t oid : part.large_objects) {
      ASSIGN_OR_RETURN(const uint64_t size, dump_.Size(LargeObjectFile(oid)));
      bytes += kIntBytes + BlocksSize(size);
    }
    bytes += kIntBytes;
  }
  return bytes;
}

Result<PgdumpReport> PgdumpWriter::WriteDirectory(const NewFile& new_file) {
  PgdumpReport report;
  for (const PgdumpPart& part : plan_.parts) {
    const std::string& name = plan_.toc.entries[part.entry].file;
    if (part.table) {
      RETURN_IF_ERROR(WriteFile(new_file, name, [&](ByteSink& sink) {
        return WriteRows(sink, plan_.description.tables[*part.table], report);
      }));
      continue;
    }
    std::string list;
    for (const uint64_t oid : part.large_objects) {
      const std::string file = fmt::format("blob_{}.dat", oid);
      list += fmt::format("{} {}\n", oid, file);
      RETURN_IF_ERROR(WriteFile(new_file, file, [&](ByteSink& sink) { return WriteLargeObject(sink, oid, report); }));
    }
    ASSIGN_OR_RETURN(const auto sink, new_file(name));
    RETURN_IF_ERROR(sink->Write(AsBytes(list)));
    RETURN_IF_ERROR(sink->Finish());
  }
  ASSIGN_OR_RETURN(const auto sink, new_file("toc.dat"));
  RETURN_IF_ERROR(sink->Write(plan_.toc.EncodeDirectory(level_ > 0)));
  RETURN_IF_ERROR(sink->Finish());
  return report;
}

Result<void> PgdumpWriter::WriteFile(const NewFile& new_file, const std::string& name,
                                     const std::function<Result<void>(ByteSink&)>& write) {
  ASSIGN_OR_RETURN(const auto sink, new_file(level_ > 0 ? name + ".gz" : name));
  if (level_ == 0) {
    RETURN_IF_ERROR(write(*sink));
  } else {
    GzipSink compressed(*sink, GzipSink::Wrapping::kGzip, level_);
    RETURN_IF_ERROR(write(compressed));
    RETURN_IF_ERROR(compressed.Finish());
  }
  return sink->Finish();
}

// In COPY's text form a row is a line, whatever is in it.
Result<void> PgdumpWriter::WriteRows(ByteSink& sink, const TableDescription& table, PgdumpReport& report) {
  progress_.SetCurrent(table.name.ForPeople());
  uint64_t rows = 0;
  uint8_t last = '\n';
  RETURN_IF_ERROR(dump_.Stream(table.file, [&](ByteSpan bytes) -> Result<void> {
    if (bytes.empty()) return {};
    rows += static_cast<uint64_t>(std::ranges::count(bytes, '\n'));
    last = bytes.back();
    progress_.bytes_done += bytes.size();
    return sink.Write(bytes);
  }));
  if (last != '\n') return Corrupt("{}: its last row is cut short", table.file);
  if (table.rows && rows != *table.rows) {
    return Corrupt("{} has {} rows, and its description says {}", table.file, rows, *table.rows);
  }
  ++progress_.items_done;
  ++report.tables;
  report.rows += rows;
  return sink.Write(AsBytes(kRowsEnd));
}

Result<void> PgdumpWriter::WriteLargeObject(ByteSink& sink, uint64_t oid, PgdumpReport& report) {
  RETURN_IF_ERROR(dump_.Stream(LargeObjectFile(oid), [&](ByteSpan bytes) -> Result<void> {
    progress_.bytes_done += bytes.size();
    return sink.Write(bytes);
  }));
  ++report.large_objects;
  return {};
}

}  // namespace cairn::exports
