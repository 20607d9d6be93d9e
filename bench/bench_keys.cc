// Keys, signatures, and the small objects that they seal.
#include <benchmark/benchmark.h>

#include "bench/owner.h"
#include "bench/rate.h"
#include "bench/sample.h"
#include "engine/crypto/hpke.h"
#include "engine/crypto/object_sealer.h"
#include "engine/crypto/password.h"
#include "engine/crypto/sign.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

void BM_CryptoSecret32(benchmark::State& state) {
  const std::array<uint8_t, 32> bytes{};
  for (auto _ : state) benchmark::DoNotOptimize(Secret32(bytes));
}
BENCHMARK(BM_CryptoSecret32)->ThreadRange(1, 2);

void BM_CryptoHkdf(benchmark::State& state) {
  const Bytes key = bench::MakeNoise(32);
  const Bytes salt = bench::MakeNoise(16);
  for (auto _ : state) benchmark::DoNotOptimize(Hkdf(key, salt, {AsBytes("cairn frame 1")}));
}
BENCHMARK(BM_CryptoHkdf);

void BM_CryptoHpke(benchmark::State& state) {
  const Secret32 secret = Secret32::Random(SystemRandom());
  const PublicKey key = X25519PublicKey(secret);
  const Bytes plain = bench::MakeNoise(32);
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
  const Bytes message = bench::MakeNoise(76);
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
  const ObjectSealer sealer(bench::Owner(), SystemRandom());
  const Bytes body = bench::MakeNoise(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    const auto sealed = sealer.Seal(ObjectKind::kSegment, RawId{}, body);
    CHECK(sealed.has_value());
    CHECK(sealer.Open(sealed->header, sealed->body, ObjectKind::kSegment, RawId{}, "segment").has_value());
  }
  bench::SetBytes(state, body.size());
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
