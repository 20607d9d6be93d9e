// A sealed secret for the holder of a key pair. SPEC section 5.3.
#pragma once

#include <cstdint>

#include "repo-format/base/bytes.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn {

// Never renumber.
inline constexpr uint16_t kKemX25519 = 0x0020;

struct Envelope {
  uint16_t kem = kKemX25519;
  Bytes sealed;  // X25519: enc 32, ciphertext, tag 16; at most limits::kEnvelopeBytesMax

  void Write(WireWriter& writer) const;
  static Envelope Read(WireReader& reader);  // any kem: who opens it refuses what it does not know
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace cairn
