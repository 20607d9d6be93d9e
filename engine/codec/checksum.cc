#include "engine/codec/checksum.h"

#include <xxhash.h>

#include "repo-format/base/check.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

Checksum FromHash(const XXH128_hash_t& hash) { return {hash.low64, hash.high64}; }

Bytes ToBytes(const Checksum& checksum) {
  WireWriter writer;
  writer.U64(checksum.low);
  writer.U64(checksum.high);
  return std::move(writer).Take();
}

}  // namespace

Checksum ChecksumOf(ByteSpan bytes) { return FromHash(XXH3_128bits(bytes.data(), bytes.size())); }

void AppendChecksum(Bytes& file) { Append(file, ToBytes(ChecksumOf(file))); }

std::optional<ByteSpan> TakeOffChecksum(ByteSpan file) {
  if (file.size() < kChecksumBytes) return std::nullopt;
  const ByteSpan rest = file.first(file.size() - kChecksumBytes);
  if (!Equal(ToBytes(ChecksumOf(rest)), file.last(kChecksumBytes))) return std::nullopt;
  return rest;
}

struct ChecksumStream::State {
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  const std::unique_ptr<XXH3_state_t, Free> hash{XXH3_createState()};
};

ChecksumStream::ChecksumStream() : state_(std::make_unique<State>()) {
  CHECK(state_->hash != nullptr);
  CHECK(XXH3_128bits_reset(state_->hash.get()) == XXH_OK);
}
ChecksumStream::~ChecksumStream() = default;
ChecksumStream::ChecksumStream(ChecksumStream&&) noexcept = default;
ChecksumStream& ChecksumStream::operator=(ChecksumStream&&) noexcept = default;

void ChecksumStream::Update(ByteSpan bytes) {
  CHECK(XXH3_128bits_update(state_->hash.get(), bytes.data(), bytes.size()) == XXH_OK);
}

Checksum ChecksumStream::Finish() const { return FromHash(XXH3_128bits_digest(state_->hash.get())); }

}  // namespace cairn
