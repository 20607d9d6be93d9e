#include "repo-format/wire_writer.h"

#include "repo-format/base/check.h"

namespace cairn {
namespace {

template <class T>
void AppendLittleEndian(Bytes& bytes, T value) {
  std::array<uint8_t, sizeof(T)> encoded;
  for (size_t i = 0; i < sizeof(T); ++i) encoded[i] = static_cast<uint8_t>(value >> (8 * i));
  Append(bytes, encoded);
}

}  // namespace

void WireWriter::U16(uint16_t value) { AppendLittleEndian(bytes_, value); }
void WireWriter::U32(uint32_t value) { AppendLittleEndian(bytes_, value); }
void WireWriter::U64(uint64_t value) { AppendLittleEndian(bytes_, value); }

void WireWriter::V(uint64_t value) {
  std::array<uint8_t, 10> encoded;
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) encoded[size++] = static_cast<uint8_t>(value | 0x80);
  encoded[size++] = static_cast<uint8_t>(value);
  Append(bytes_, ByteSpan(encoded).first(size));
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
  BeginRecord(tag);
  String(value);
}

void WireWriter::BeginRecord(uint64_t tag) {
  CHECK(tag >= last_tag_);
  last_tag_ = tag;
  V(tag);
}

void WireWriter::EndShort(size_t begin) {
  const size_t length = bytes_.size() - begin - 1;
  CHECK(length < 0x80);
  bytes_[begin] = static_cast<uint8_t>(length);
}

}  // namespace cairn
