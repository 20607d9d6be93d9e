#include "frontends/export/pgdump_toc.h"

#include <algorithm>
#include <charconv>

#include "repo-format/wire_reader.h"

namespace cairn::exports {
namespace {

constexpr std::string_view kMagic = "PGDMP";
constexpr uint8_t kMajor = 1, kMinorMin = 14, kMinorMax = 16;
constexpr uint8_t kIntBytes = 4, kOffsetBytes = 8;
constexpr uint8_t kFormCustom = 1, kFormTar = 3;  // the directory form calls itself tar's
constexpr uint8_t kGzip = 1;
constexpr int kDefaultLevel = -1;
constexpr uint8_t kOffsetUnknown = 1, kOffsetKnown = 2, kOffsetNone = 3;
constexpr uint64_t kTextBytesMax = 256ULL << 20U;
constexpr uint64_t kEntriesMax = 50'000'000;
constexpr int kNumberMax = 1 << 30;      // of an entry: what is added gets higher ones
constexpr uint64_t kEntryBytesMin = 60;  // eleven texts and more, of five bytes at least

// Fields of pg_dump, which count on nothing but each other.
class TocReader {
 public:
  explicit TocReader(ByteSpan bytes) : reader_(bytes, "a dump of pg_dump") {}

  Result<PgdumpToc> Read() {
    PgdumpToc toc;
    RETURN_IF_ERROR(ReadHead(toc));
    const int64_t count = Int();
    if (count < 0) reader_.Fail("its table has a negative length");
    RETURN_IF_ERROR(reader_.status());
    if (static_cast<uint64_t>(count) > std::min(kEntriesMax, reader_.remaining() / kEntryBytesMin)) {
      return Corrupt("a dump of pg_dump says it has {} entries, in {} bytes", count, reader_.remaining());
    }
    for (int64_t i = 0; i < count; ++i) {
      toc.entries.push_back(ReadEntry(toc.minor));
      RETURN_IF_ERROR(reader_.status());
    }
    return toc;
  }

 private:
  Result<void> ReadHead(PgdumpToc& toc) {
    if (AsText(reader_.Raw(kMagic.size())) != kMagic) return Corrupt("it does not begin as pg_dump's custom form does");
    const uint8_t major = reader_.U8();
    toc.minor = reader_.U8();
    toc.revision = reader_.U8();
    const uint8_t int_bytes = reader_.U8(), offset_bytes = reader_.U8(), form = reader_.U8();
    RETURN_IF_ERROR(reader_.status());
    if (major != kMajor || toc.minor < kMinorMin || toc.minor > kMinorMax || int_bytes != kIntBytes ||
        offset_bytes != kOffsetBytes || form != kFormCustom) {
      return MakeError(ErrorCode::kUnsupported,
                       "the definitions are pg_dump's form {}.{}, and those that this version of cairn knows are "
                       "{}.{} to {}.{}: cairn restore --target gives the files as they are",
                       major, toc.minor, kMajor, kMinorMin, kMajor, kMinorMax);
    }
    if (toc.minor >= 15) {
      reader_.U8();  // compression of the data, of which there is none
    } else {
      Int();
    }
    for (int& part : toc.time) part = static_cast<int>(Int());
    toc.database = Text();
    toc.server_version = Text();
    toc.dump_version = Text();
    return reader_.status();
  }

  PgdumpEntry ReadEntry(uint8_t minor) {
    PgdumpEntry entry;
    const int64_t id = Int();
    if (id <= 0 || id > kNumberMax) reader_.Fail("an entry's number is not positive, or too high");
    entry.id = static_cast<int>(id);
    if (Int() != 0) reader_.Fail("an entry of the definitions has data");
    entry.catalog = Text().value_or("0");
    entry.oid = Text().value_or("0");
    entry.tag = Text();
    entry.kind = Text();
    entry.section = static_cast<int>(Int());
    for (PgText* field :
         {&entry.definition, &entry.drop, &entry.copy, &entry.schema, &entry.tablespace, &entry.access_method}) {
      *field = Text();
    }
    if (minor >= 16) entry.relation_kind = static_cast<int>(Int());
    entry.owner = Text();
    Text();  // whether it has OIDs: none has, since 12
    for (PgText text = Text(); text && !reader_.failed(); text = Text()) {
      int number = 0;
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
      const bool is_number = error == std::errc() && end == text->data() + text->size();
      if (!is_number || number > kNumberMax) reader_.Fail("a dependency is no number of an entry");
      entry.dependencies.push_back(number);
    }
    reader_.U8();  // the offset, of nothing
    reader_.U64();
    return entry;
  }

  int64_t Int() {
    const bool is_negative = reader_.U8() != 0;
    const auto value = static_cast<int64_t>(reader_.U32());
    return is_negative ? -value : value;
  }
  PgText Text() {
    const int64_t size = Int();
    if (size < 0 || reader_.failed()) return std::nullopt;
    if (static_cast<uint64_t>(size) > kTextBytesMax) reader_.Fail("a text is too long");
    return ToString(reader_.Raw(static_cast<uint64_t>(size)));
  }

  WireReader reader_;
};

void PutText(WireWriter& writer, const PgText& text) {
  PutPgInt(writer, text ? static_cast<int64_t>(text->size()) : -1);
  if (text) writer.Raw(AsBytes(*text));
}

void PutHead(WireWriter& writer, const PgdumpToc& toc, uint8_t form, bool compressed) {
  writer.Raw(AsBytes(kMagic));
  for (const uint8_t byte : {kMajor, toc.minor, toc.revision, kIntBytes, kOffsetBytes, form}) writer.U8(byte);
  if (toc.minor >= 15) {
    writer.U8(compressed ? kGzip : 0);
  } else {
    PutPgInt(writer, compressed ? kDefaultLevel : 0);
  }
  for (const int part : toc.time) PutPgInt(writer, part);
  for (const PgText* text : {&toc.database, &toc.server_version, &toc.dump_version}) PutText(writer, *text);
  PutPgInt(writer, static_cast<int64_t>(toc.entries.size()));
}

void PutEntry(WireWriter& writer, const PgdumpEntry& entry, uint8_t minor) {
  PutPgInt(writer, entry.id);
  PutPgInt(writer, entry.has_data ? 1 : 0);
  PutText(writer, entry.catalog);
  PutText(writer, entry.oid);
  PutText(writer, entry.tag);
  PutText(writer, entry.kind);
  PutPgInt(writer, entry.section);
  for (const PgText* field :
       {&entry.definition, &entry.drop, &entry.copy, &entry.schema, &entry.tablespace, &entry.access_method}) {
    PutText(writer, *field);
  }
  if (minor >= 16) PutPgInt(writer, entry.relation_kind);
  PutText(writer, entry.owner);
  PutText(writer, "false");
  for (const int dependency : entry.dependencies) PutText(writer, std::to_string(dependency));
  PutText(writer, std::nullopt);
}

}  // namespace

Result<PgdumpToc> PgdumpToc::Parse(ByteSpan dump) { return TocReader(dump).Read(); }

Bytes PgdumpToc::EncodeCustom(bool compressed, std::vector<uint64_t>* places) const {
  WireWriter writer;
  PutHead(writer, *this, kFormCustom, compressed);
  for (const PgdumpEntry& entry : entries) {
    PutEntry(writer, entry, minor);
    if (places != nullptr) places->push_back(writer.size());
    writer.U8(entry.has_data ? kOffsetUnknown : kOffsetNone);
    writer.U64(0);
  }
  return std::move(writer).Take();
}

Bytes PgdumpToc::EncodeDirectory(bool compressed) const {
  WireWriter writer;
  PutHead(writer, *this, kFormTar, compressed);
  for (const PgdumpEntry& entry : entries) {
    PutEntry(writer, entry, minor);
    PutText(writer, entry.file);
  }
  return std::move(writer).Take();
}

int PgdumpToc::HighestId() const {
  int highest = 0;
  for (const PgdumpEntry& entry : entries) {
    highest = std::max(highest, entry.id);
    for (const int dependency : entry.dependencies) highest = std::max(highest, dependency);
  }
  return highest;
}

Bytes OffsetField(uint64_t offset) {
  WireWriter writer;
  writer.U8(kOffsetKnown);
  writer.U64(offset);
  return std::move(writer).Take();
}

void PutPgInt(WireWriter& writer, int64_t value) {
  writer.U8(value < 0 ? 1 : 0);
  writer.U32(static_cast<uint32_t>(value < 0 ? -value : value));
}

}  // namespace cairn::exports
