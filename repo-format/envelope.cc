#include "repo-format/envelope.h"

#include "repo-format/limits.h"

namespace cairn {

void Envelope::Write(WireWriter& writer) const {
  CHECK(sealed.size() <= limits::kEnvelopeBytesMax);
  writer.U16(kem);
  writer.U16(static_cast<uint16_t>(sealed.size()));
  writer.Raw(sealed);
}

Envelope Envelope::Read(WireReader& reader) {
  Envelope envelope;
  envelope.kem = reader.U16();
  const uint16_t length = reader.U16();
  if (length > limits::kEnvelopeBytesMax) {
    reader.Fail(fmt::format("an envelope has {} bytes, at most {} are allowed", length, limits::kEnvelopeBytesMax));
    return envelope;
  }
  envelope.sealed = ToBytes(reader.Raw(length));
  return envelope;
}

}  // namespace cairn
