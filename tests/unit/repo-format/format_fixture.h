// Values of the format for tests of its parsers, and what is asked of every parser.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "repo-format/ids.h"
#include "repo-format/wire_reader.h"
#include "tests/support/matchers.h"

namespace cairn::format_test {

template <class IdType>
IdType IdOf(uint8_t fill) {
  return IdType::FromBytes(Bytes(IdType::kSize, fill));
}
inline PackName PackOf(uint8_t fill) {
  PackName name;
  name.digest = IdOf<Digest>(fill);
  name.put.fill(fill);
  return name;
}
inline Bytes Text(std::string_view text) { return ToBytes(AsBytes(text)); }

// Of a structure that names the length of all that is in it: no beginning of it parses, and nothing may follow it.
template <class Value>
void ExpectEveryByteCounts(const Value& value) {
  const Bytes bytes = value.Encode();
  ASSERT_THAT(Value::Parse(bytes), IsOk());
  EXPECT_EQ(Value::Parse(bytes)->Encode(), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(Value::Parse(ByteSpan(bytes).first(size)), ErrorCodeIs(ErrorCode::kCorrupt)) << "cut after " << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_THAT(Value::Parse(longer), ErrorCodeIs(ErrorCode::kCorrupt)) << "a byte more";
}

// Of records: what is written is read the same; each record in `needed` is missed; a record cut short, one with a byte
// more and one that stands twice (but those in `repeats`) are corrupt; an unknown odd one is unsupported, an unknown
// even one is kept.
template <class Value>
void ExpectRecords(const Value& value, const std::vector<uint64_t>& needed, const std::vector<uint64_t>& repeats = {}) {
  struct Record {
    uint64_t tag;
    Bytes value;
  };
  const Bytes bytes = value.Encode();
  ASSERT_THAT(Value::Parse(bytes), IsOk());
  EXPECT_EQ(Value::Parse(bytes)->Encode(), bytes);
  std::vector<Record> records;
  for (WireReader reader(bytes, "test"); reader.remaining() > 0;) {
    const uint64_t tag = reader.V();
    records.push_back({tag, ToBytes(reader.String(UINT32_MAX))});
  }
  const auto parse = [&](size_t changed, const std::function<void(WireWriter&, const Record&)>& write) {
    WireWriter writer;
    for (size_t i = 0; i < records.size(); ++i) {
      if (i == changed) {
        write(writer, records[i]);
      } else {
        writer.Record(records[i].tag, records[i].value);
      }
    }
    return Value::Parse(writer.bytes());
  };
  const auto has = [](const std::vector<uint64_t>& tags, uint64_t tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  };
  for (size_t i = 0; i < records.size(); ++i) {
    SCOPED_TRACE(fmt::format("record {}", records[i].tag));
    if (has(needed, records[i].tag)) {
      EXPECT_THAT(parse(i, [](WireWriter&, const Record&) {}), ErrorCodeIs(ErrorCode::kCorrupt)) << "without it";
    }
    if (!has(repeats, records[i].tag)) {
      const auto twice = [](WireWriter& writer, const Record& record) {
        writer.Record(record.tag, record.value);
        writer.Record(record.tag, record.value);
      };
      EXPECT_THAT(parse(i, twice), ErrorCodeIs(ErrorCode::kCorrupt)) << "twice";
    }
  }
  WireWriter behind;
  behind.Raw(bytes);
  behind.Record(0, {});
  EXPECT_THAT(Value::Parse(behind.bytes()), ErrorCodeIs(ErrorCode::kCorrupt)) << "a tag behind a higher one";
  WireWriter odd;
  odd.Raw(bytes);
  odd.Record(1'000'001, {});
  EXPECT_THAT(Value::Parse(odd.bytes()), ErrorCodeIs(ErrorCode::kUnsupported)) << "an unknown odd tag";
  WireWriter even;
  even.Raw(bytes);
  even.Record(1'000'002, Text("later"));
  const auto later = Value::Parse(even.bytes());
  ASSERT_THAT(later, IsOk()) << "an unknown even tag";
  EXPECT_EQ(later->Encode(), even.bytes()) << "an unknown even tag is carried on";
  Bytes cut = bytes;
  cut.pop_back();
  EXPECT_THAT(Value::Parse(cut), ErrorCodeIs(ErrorCode::kCorrupt)) << "cut in its last record";
}

// `change` makes one thing wrong in a value that is right.
template <class Value>
auto Wrong(Value value, const std::function<void(Value&)>& change) {
  change(value);
  return Value::Parse(value.Encode());
}

}  // namespace cairn::format_test
