// Hashing, sealing, compression and keys: what each stage of a frame costs on one core.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>

#include "engine/codec/compressor.h"
#include "engine/codec/frame_codec.h"
#include "engine/crypto/aead.h"
#include "engine/crypto/config_maker.h"
#include "engine/crypto/hpke.h"
#include "engine/crypto/object_sealer.h"
#include "engine/crypto/password.h"
#include "engine/crypto/sign.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

Keyring NewOwner(Suite suite) {
  auto made = MakeRepository({.suite = suite}, SystemRandom(), SystemClock());
  CHECK(made.has_value());
  auto opened = Keyring::Open(std::move(made->owner), 1, made->config_object);
  CHECK(opened.has_value());
  return *std::move(opened);
}

const Keyring& Owner(Suite suite = Suite::kAes256Gcm) {
  static const Keyring aes = NewOwner(Suite::kAes256Gcm);
  static const Keyring chacha = NewOwner(Suite::kChaCha20Poly1305);
  return suite == Suite::kAes256Gcm ? aes : chacha;
}

Bytes Noise(size_t size) {
  Bytes bytes(size);
  SystemRandom().Fill(bytes);
  return bytes;
}

enum class Kind { kProgram, kText, kBase64, kNoise };

// Something to compress. A program is this one: code, tables, names and debug data.
Bytes Sample(Kind kind, size_t size) {
  Bytes bytes;
  switch (kind) {
    case Kind::kProgram: {
      std::ifstream in("/proc/self/exe", std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
      CHECK(!bytes.empty());
      break;
    }
    case Kind::kText:
      for (uint64_t i = 0; bytes.size() < size; ++i) {
        const uint64_t hash = i * 0x9e3779b97f4a7c15;
        Append(bytes, AsBytes(fmt::format("{}\tcustomer-{:05}\t{}.{:02}\t{}\n", i, hash >> 50, hash >> 54, hash % 100,
                                          hash % 7 == 0 ? "open" : "paid")));
      }
      break;
    case Kind::kBase64:
      bytes = Noise(size);
      for (uint8_t& byte : bytes) {
        byte = static_cast<uint8_t>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[byte % 64]);
      }
      break;
    case Kind::kNoise:
      return Noise(size);
  }
  while (bytes.size() < size) Append(bytes, Bytes(bytes));
  bytes.resize(size);
  return bytes;
}

std::string_view Name(Kind kind) {
  constexpr std::string_view kNames[] = {"program", "text", "base64", "noise"};
  return kNames[static_cast<size_t>(kind)];
}

void SetBytes(benchmark::State& state, size_t each) {
  state.SetBytesProcessed(static_cast<int64_t>(static_cast<uint64_t>(state.iterations()) * each));
}

// --- hashes ---

void BM_CryptoSha256(benchmark::State& state) {
  const Bytes blob = Noise(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(blob));
  SetBytes(state, blob.size());
}
BENCHMARK(BM_CryptoSha256)->Arg(4 * kKiB)->Arg(64 * kKiB)->Arg(kMiB);

void BM_CryptoBlobHasher(benchmark::State& state) {
  const BlobHasher hasher(Owner());
  const Bytes blob = Noise(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(hasher.Compute(BlobKind::kData, blob));
  SetBytes(state, blob.size());
}
BENCHMARK(BM_CryptoBlobHasher)->Arg(64)->Arg(kKiB)->Arg(4 * kKiB)->Arg(64 * kKiB)->Arg(kMiB)->Arg(8 * kMiB);

// --- the two suites ---

void BM_CryptoAeadSeal(benchmark::State& state) {
  const auto suite = static_cast<Suite>(state.range(0));
  const Bytes plain = Noise(static_cast<size_t>(state.range(1)));
  Bytes sealed(plain.size() + kAeadTagSize);
  const Secret32 key = Secret32::Random(SystemRandom());
  for (auto _ : state) AeadSeal(suite, key, AeadNonce{}, AsBytes("header"), plain, sealed);
  SetBytes(state, plain.size());
  state.SetLabel(std::string(Name(suite)));
}
BENCHMARK(BM_CryptoAeadSeal)->ArgsProduct({{1, 2}, {256, 64 * kKiB, kMiB, 16 * kMiB}});

void BM_CryptoAeadOpen(benchmark::State& state) {
  const auto suite = static_cast<Suite>(state.range(0));
  Bytes plain = Noise(static_cast<size_t>(state.range(1)));
  Bytes sealed(plain.size() + kAeadTagSize);
  const Secret32 key = Secret32::Random(SystemRandom());
  AeadSeal(suite, key, AeadNonce{}, AsBytes("header"), plain, sealed);
  for (auto _ : state) CHECK(AeadOpen(suite, key, AeadNonce{}, AsBytes("header"), sealed, plain, "frame").has_value());
  SetBytes(state, plain.size());
  state.SetLabel(std::string(Name(suite)));
}
BENCHMARK(BM_CryptoAeadOpen)->ArgsProduct({{1, 2}, {256, 64 * kKiB, kMiB}});

// --- frames ---

// Compression alone. `ratio` is plain to stored.
void BM_CodecTryCompress(benchmark::State& state) {
  const auto kind = static_cast<Kind>(state.range(0));
  const Bytes plain = Sample(kind, kMiB);
  Bytes compressed;
  bool smaller = false;
  for (auto _ : state) smaller = TryCompress(plain, static_cast<int>(state.range(1)), &compressed);
  SetBytes(state, plain.size());
  state.counters["ratio"] = smaller ? static_cast<double>(plain.size()) / static_cast<double>(compressed.size()) : 1;
  state.SetLabel(std::string(Name(kind)));
}
BENCHMARK(BM_CodecTryCompress)->ArgsProduct({{0, 1, 2, 3}, {-1, 1, 3, 4, 6, 9, 19}})->ArgNames({"kind", "level"});

void BM_CodecDecompress(benchmark::State& state) {
  const Bytes plain = Sample(Kind::kProgram, kMiB);
  Bytes compressed;
  CHECK(TryCompress(plain, static_cast<int>(state.range(0)), &compressed));
  for (auto _ : state) CHECK(Decompress(compressed, kMiB, "frame").has_value());
  SetBytes(state, plain.size());
}
BENCHMARK(BM_CodecDecompress)->Arg(1)->Arg(3)->ArgName("level");

struct Frames {
  Frames(Suite suite, size_t frame_size, Kind kind) : owner(Owner(suite)), plain(Sample(kind, frame_size)) {
    const size_t step = std::min<size_t>(frame_size, 16 * kKiB);
    for (size_t offset = 0; offset < plain.size(); offset += step) {
      const BlobId id = hasher.Compute(BlobKind::kData, ByteSpan(plain).subspan(offset, step));
      blobs.push_back({.id = id, .length = static_cast<uint32_t>(step)});
    }
  }
  const Keyring& owner;
  const BlobHasher hasher{owner};
  const SessionKeys keys = SessionKeys::New(owner, SystemRandom().NewId<SessionId>(), SystemRandom());
  const Bytes plain;
  std::vector<BlobEntry> blobs;
};

// All that a writer does with a frame: compress, seal, open again, compute every id again.
void BM_CodecFrameSeal(benchmark::State& state) {
  const Frames frames(static_cast<Suite>(state.range(0)), static_cast<size_t>(state.range(1)), Kind::kProgram);
  FrameSealer sealer(frames.keys, frames.owner.family(), frames.hasher, SystemRandom(),
                     {.level = static_cast<int>(state.range(2))});
  for (auto _ : state) CHECK(sealer.Seal(BlobKind::kData, frames.plain, frames.blobs).has_value());
  SetBytes(state, frames.plain.size());
}
BENCHMARK(BM_CodecFrameSeal)
    ->ArgsProduct({{1, 2}, {64 * kKiB, kMiB}, {0, 1, 3}})
    ->ArgNames({"suite", "bytes", "level"});

void BM_CodecFrameOpen(benchmark::State& state) {
  const Frames frames(Suite::kAes256Gcm, static_cast<size_t>(state.range(0)), Kind::kProgram);
  FrameSealer sealer(frames.keys, frames.owner.family(), frames.hasher, SystemRandom(), {});
  const auto frame = sealer.Seal(BlobKind::kData, frames.plain, frames.blobs);
  CHECK(frame.has_value());
  const FrameContext context{.kind = BlobKind::kData, .suite = frames.keys.suite, .family = frames.owner.family()};
  for (auto _ : state) {
    CHECK(OpenFrame(context, frame->entry, frame->sealed, frames.keys.content, frames.hasher, "frame").has_value());
  }
  SetBytes(state, frames.plain.size());
}
BENCHMARK(BM_CodecFrameOpen)->Arg(64 * kKiB)->Arg(kMiB)->ArgName("bytes");

// --- keys ---

void BM_CryptoSecret32(benchmark::State& state) {
  const std::array<uint8_t, 32> bytes{};
  for (auto _ : state) benchmark::DoNotOptimize(Secret32(bytes));
}
BENCHMARK(BM_CryptoSecret32)->ThreadRange(1, 2);

void BM_CryptoHkdf(benchmark::State& state) {
  const Bytes key = Noise(32);
  const Bytes salt = Noise(16);
  for (auto _ : state) benchmark::DoNotOptimize(Hkdf(key, salt, {AsBytes("cairn frame 1")}));
}
BENCHMARK(BM_CryptoHkdf);

void BM_CryptoHpke(benchmark::State& state) {
  const Secret32 secret = Secret32::Random(SystemRandom());
  const PublicKey key = X25519PublicKey(secret);
  const Bytes plain = Noise(32);
  const Envelope envelope = HpkeSeal(key, AsBytes("info"), plain, SystemRandom());
  for (auto _ : state) {
    if (state.range(0) == 0) {
      benchmark::DoNotOptimize(HpkeSeal(key, AsBytes("info"), plain, SystemRandom()));
    } else {
      CHECK(HpkeOpen(secret, AsBytes("info"), envelope).has_value());
    }
  }
}
BENCHMARK(BM_CryptoHpke)->Arg(0)->Arg(1)->ArgName("open");

void BM_CryptoEd25519(benchmark::State& state) {
  const Secret32 seed = Secret32::Random(SystemRandom());
  const PublicKey key = Ed25519PublicKey(seed);
  const Bytes message = Noise(76);
  const Signature signature = Ed25519Sign(seed, message);
  for (auto _ : state) {
    if (state.range(0) == 0) {
      benchmark::DoNotOptimize(Ed25519Sign(seed, message));
    } else {
      CHECK(Ed25519Verify(key, message, signature));
    }
  }
}
BENCHMARK(BM_CryptoEd25519)->Arg(0)->Arg(1)->ArgName("verify");

void BM_CryptoObject(benchmark::State& state) {
  const ObjectSealer sealer(Owner(), SystemRandom());
  const Bytes body = Noise(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    const auto sealed = sealer.Seal(ObjectKind::kSegment, RawId{}, body);
    CHECK(sealed.has_value());
    CHECK(sealer.Open(sealed->header, sealed->body, ObjectKind::kSegment, RawId{}, "segment").has_value());
  }
  SetBytes(state, body.size());
}
BENCHMARK(BM_CryptoObject)->Arg(256)->Arg(kMiB)->ArgName("bytes");

void BM_CryptoKeyObjectOpen(benchmark::State& state) {
  const KeyId id = SystemRandom().NewId<KeyId>();
  const auto object = SealKeyObject(FamilyId(), id, AsBytes("secret"), {}, PasswordCost(), SystemRandom());
  CHECK(object.has_value());
  for (auto _ : state) CHECK(OpenKeyObject(*object, id, AsBytes("secret")).has_value());
}
BENCHMARK(BM_CryptoKeyObjectOpen)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
