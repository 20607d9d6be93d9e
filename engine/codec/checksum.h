// XXH3, 128 bits: against what breaks by itself, not against anybody. The specification of the xxHash project.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "repo-format/base/bytes.h"

namespace cairn {

struct Checksum {
  uint64_t low = 0, high = 0;
  friend bool operator==(const Checksum&, const Checksum&) = default;
};
Checksum ChecksumOf(ByteSpan bytes);

// For files of this machine that may be lost: the checksum of all that stands before it, in 16 bytes.
inline constexpr size_t kChecksumBytes = 16;
void AppendChecksum(Bytes& file);
// What stands before it; nothing where it is not that of it.
std::optional<ByteSpan> TakeOffChecksum(ByteSpan file);

// Of a stream, whatever its parts: ChecksumOf the parts joined. One thread at a time.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();
  ChecksumStream(ChecksumStream&&) noexcept;
  ChecksumStream& operator=(ChecksumStream&&) noexcept;
  void Update(ByteSpan bytes);
  Checksum Finish() const;  // of all so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn
