#include "repo-format/wire_writer.h"

#include "repo-format/base/check.h"

namespace cairn {
namespace {

template <class T>
void AppendLittleEndian(Bytes& bytes, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

void WireWriter::U16(uint16_t value) { AppendLittleEndian(bytes_, value); }
void WireWriter::U32(uint32_t value) { AppendLittleEndian(bytes_, value); }
void WireWriter::U64(uint64_t value) { AppendLittleEndian(bytes_, value); }

void WireWriter::V(uint64_t value) {
  while (value >= 0x80) {
    bytes_.push_back(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<uint8_t>(value));
}

void WireWriter::S(int64_t value) { V((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63)); }

void WireWriter::String(ByteSpan bytes) {
  V(bytes.size());
  Raw(bytes);
}

void WireWriter::Time(const WireTime& time) {
  S(time.seconds);
  V(time.nanoseconds);
}

void WireWriter::Put(const PackName& name) {
  Put(name.digest);
  Raw(name.put);
}

void WireWriter::Record(uint64_t tag, ByteSpan value) {
  CHECK(tag >= last_tag_);
  last_tag_ = tag;
  V(tag);
  String(value);
}

}  // namespace cairn
