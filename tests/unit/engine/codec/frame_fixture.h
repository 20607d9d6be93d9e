// A session, and SPEC section 8.3 done by hand.
#pragma once

#include <gtest/gtest.h>

#include "engine/codec/frame_codec.h"
#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn::codec_test {

using crypto_test::RawIdOf;

class FrameTest : public testing::Test {
 protected:
  explicit FrameTest(Suite suite = Suite::kAes256Gcm) : repository_(suite) {}

  FrameSealer NewSealer(int level = 1) { return FrameSealer(keys_, owner_.family(), SystemRandom(), {.level = level}); }
  // Cuts `plain` into blobs of `size` bytes.
  std::vector<BlobEntry> BlobsOf(BlobKind kind, ByteSpan plain, size_t size) const {
    std::vector<BlobEntry> blobs;
    for (size_t offset = 0; offset < plain.size(); offset += size) {
      const ByteSpan blob = plain.subspan(offset, std::min(size, plain.size() - offset));
      blobs.push_back({.id = hasher_.Compute(kind, blob), .length = static_cast<uint32_t>(blob.size())});
    }
    return blobs;
  }
  static std::vector<Checksum> ChecksumsOf(ByteSpan plain, const std::vector<BlobEntry>& blobs) {
    std::vector<Checksum> checksums;
    for (const BlobEntry& blob : blobs) {
      checksums.push_back(ChecksumOf(plain.first(blob.length)));
      plain = plain.subspan(blob.length);
    }
    return checksums;
  }
  SealedFrame Sealed(ByteSpan plain, BlobKind kind = BlobKind::kData, int level = 1) {
    const auto blobs = BlobsOf(kind, plain, 1'000);
    auto frame = NewSealer(level).Seal(kind, plain, blobs, ChecksumsOf(plain, blobs));
    CHECK(frame.has_value());
    return *std::move(frame);
  }

  FrameContext ContextOf(BlobKind kind) const {
    return {.kind = kind, .suite = keys_.suite, .family = owner_.family()};
  }
  Result<Bytes> Open(const SealedFrame& frame, BlobKind kind = BlobKind::kData) const {
    return OpenFrame(ContextOf(kind), frame.entry, frame.sealed, keys_.key(kind), hasher_, "frame 7");
  }

  // Seals a payload that no FrameSealer makes, under the right key: what a bad writer can do.
  SealedFrame SealByHand(ByteSpan payload, Codec codec, uint32_t plain_length, std::vector<BlobEntry> blobs) const {
    const RawId salt = RawIdOf(0x77);
    WireWriter info;
    info.Raw(AsBytes("cairn frame 1"));
    info.U8(static_cast<uint8_t>(keys_.suite));
    info.U8(1);
    info.Put(owner_.family());
    WireWriter associated;
    associated.U8(1);
    associated.U8(static_cast<uint8_t>(keys_.suite));
    associated.U8(1);
    associated.U8(static_cast<uint8_t>(codec));
    associated.U32(plain_length);
    SealedFrame frame;
    frame.sealed = ToBytes(salt);
    frame.sealed.resize(16 + payload.size() + 16);
    AeadSeal(keys_.suite, Hkdf(keys_.content.bytes(), salt, {info.bytes()}), AeadNonce{}, associated.bytes(), payload,
             MutableByteSpan(frame.sealed).subspan(16));
    frame.entry.codec = codec;
    frame.entry.plain_length = plain_length;
    frame.entry.blobs = std::move(blobs);
    Recheck(frame);
    return frame;
  }
  // Makes length and check fit the bytes again, so that what is behind them is tried.
  static void Recheck(SealedFrame& frame) {
    frame.entry.sealed_length = static_cast<uint32_t>(frame.sealed.size());
    frame.entry.check = CheckOfFrame(frame.sealed);
  }
  static Bytes SaltOf(const SealedFrame& frame) { return ToBytes(ByteSpan(frame.sealed).first(16)); }

  const crypto_test::TestRepository repository_;
  const Keyring owner_ = repository_.As("owner");
  const BlobHasher hasher_{owner_};
  const SessionKeys keys_ = SessionKeys::New(owner_, SessionId::FromBytes(RawIdOf(8)), repository_.random());
};

inline Bytes Text(size_t size) {
  Bytes text;
  for (size_t i = 0; text.size() < size; ++i) Append(text, AsBytes(fmt::format("line {} of {}\n", i * i % 97, i)));
  text.resize(size);
  return text;
}

}  // namespace cairn::codec_test
