#include "repo-format/wire_reader.h"

#include <algorithm>

#include "repo-format/base/check.h"

namespace cairn {

void WireReader::Fail(std::string_view why) {
  if (failed_) return;
  failed_ = true;
  why_ = fmt::format("{}, at byte {} of {}", why, offset_, bytes_.size());
}

void WireReader::Unsupported(std::string_view why) {
  if (failed_) return;
  failed_ = unsupported_ = true;
  why_ = std::string(why);
}

Error WireReader::Failure() const {
  return MakeError(unsupported_ ? ErrorCode::kUnsupported : ErrorCode::kCorrupt, "{}: {}", what_, why_);
}

Error WireReader::LeftOver() const {
  return Corrupt("{}: {} bytes are left over behind byte {}", what_, bytes_.size() - offset_, offset_);
}

ByteSpan WireReader::RawBehindEnd(uint64_t size) {
  Fail(fmt::format("{} bytes are left, {} are needed", bytes_.size() - offset_, size));
  return {};
}

uint8_t WireReader::U8() {
  const ByteSpan raw = Raw(1);
  return raw.empty() ? 0 : raw[0];
}

uint16_t WireReader::U16() {
  const ByteSpan raw = Raw(2);
  return raw.empty() ? uint16_t{0} : static_cast<uint16_t>(raw[0] | raw[1] << 8);
}

uint32_t WireReader::U32() {
  uint32_t value = 0;
  const ByteSpan raw = Raw(4);
  for (size_t i = raw.size(); i-- > 0;) value = value << 8 | raw[i];
  return value;
}

uint64_t WireReader::U64() {
  uint64_t value = 0;
  const ByteSpan raw = Raw(8);
  for (size_t i = raw.size(); i-- > 0;) value = value << 8 | raw[i];
  return value;
}

uint64_t WireReader::LongV() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const ByteSpan raw = Raw(1);
    if (raw.empty()) return 0;
    const uint64_t bits = raw[0] & 0x7f;
    if (shift == 63 && bits > 1) {
      Fail("a varint is above 2^64");
      return 0;
    }
    value |= bits << shift;
    if ((raw[0] & 0x80) == 0) {
      if (raw[0] == 0 && shift > 0) {
        Fail("a varint is longer than it needs to be");
        return 0;
      }
      return value;
    }
  }
  Fail("a varint has more than 10 bytes");
  return 0;
}

int64_t WireReader::S() {
  const uint64_t value = V();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

WireTime WireReader::Time() {
  WireTime time;
  time.seconds = S();
  const uint64_t nanoseconds = V();
  if (nanoseconds >= 1'000'000'000) {
    Fail(fmt::format("a time has {} nanoseconds", nanoseconds));
    return {};
  }
  time.nanoseconds = static_cast<uint32_t>(nanoseconds);
  return time;
}

ByteSpan WireReader::String(uint64_t size_max) {
  const uint64_t size = V();
  if (size > size_max) {
    Fail(fmt::format("a string has {} bytes, at most {} are allowed", size, size_max));
    return {};
  }
  return Raw(size);
}

PackName WireReader::GetPackName() {
  PackName name;
  name.digest = Get<Digest>();
  const ByteSpan put = Raw(name.put.size());
  if (!put.empty()) std::ranges::copy(put, name.put.begin());
  return name;
}

uint64_t WireReader::Count(uint64_t size_min, uint64_t count_max) {
  const uint64_t count = V();
  if (failed_) return 0;
  if (count > count_max) {
    Fail(fmt::format("a count is {}, at most {} is allowed", count, count_max));
    return 0;
  }
  if (count > 0 && size_min > 0 && count > remaining() / size_min) {
    Fail(fmt::format("a count is {}, but only {} bytes are left", count, remaining()));
    return 0;
  }
  return count;
}

Result<void> ReadRecords(ByteSpan bytes, std::string_view what, std::vector<UnknownRecord>& unknown,
                         const std::function<bool(uint64_t tag)>& repeats,
                         const std::function<bool(uint64_t tag, WireReader& value)>& known) {
  WireReader reader(bytes, what);
  std::optional<uint64_t> last;
  while (reader.remaining() > 0) {
    const uint64_t tag = reader.V();
    const ByteSpan value = reader.String(UINT32_MAX);
    RETURN_IF_ERROR(reader.status());
    if (last && tag < *last) return Corrupt("{}: tag {} stands behind tag {}", what, tag, *last);
    WireReader value_reader(value, what);
    const bool is_known = known(tag, value_reader);
    if (last && tag == *last && is_known && !repeats(tag)) return Corrupt("{}: tag {} stands twice", what, tag);
    last = tag;
    if (is_known) {
      auto finished = value_reader.Finish();
      if (!finished) return std::move(finished).While(fmt::format("tag {}", tag));
      continue;
    }
    if (tag % 2 == 1) {
      return MakeError(ErrorCode::kUnsupported, "{}: critical tag {} is not known to this version of cairn", what, tag);
    }
    unknown.push_back({tag, ToBytes(value)});
  }
  return reader.status();
}

void RecordWriter::Add(const std::vector<UnknownRecord>& unknown) { unknown_ = unknown; }

void RecordWriter::AddU8(uint64_t tag, uint8_t value) {
  known_.ShortRecord(tag, [&](WireWriter& writer) { writer.U8(value); });
}

void RecordWriter::AddU64(uint64_t tag, uint64_t value) {
  known_.ShortRecord(tag, [&](WireWriter& writer) { writer.U64(value); });
}

void RecordWriter::AddV(uint64_t tag, uint64_t value) {
  known_.ShortRecord(tag, [&](WireWriter& writer) { writer.V(value); });
}

void RecordWriter::AddTime(uint64_t tag, const WireTime& value) {
  known_.ShortRecord(tag, [&](WireWriter& writer) { writer.Time(value); });
}

Bytes RecordWriter::Take() && {
  if (unknown_.empty()) return std::move(known_).Take();
  WireWriter merged;
  auto next = unknown_.begin();
  WireReader known(known_.bytes(), "records");
  while (known.remaining() > 0) {
    const uint64_t tag = known.V();
    const ByteSpan value = known.String(UINT64_MAX);
    for (; next != unknown_.end() && next->tag < tag; ++next) merged.Record(next->tag, next->value);
    merged.Record(tag, value);
  }
  CHECK(!known.failed());
  for (; next != unknown_.end(); ++next) merged.Record(next->tag, next->value);
  return std::move(merged).Take();
}

}  // namespace cairn
