#include "engine/crypto/sha256_wide.h"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/crypto/sha256_constants.h"
#include "repo-format/base/check.h"

namespace cairn::sha256_wide {

#if defined(__x86_64__)

#define CAIRN_AVX512 __attribute__((target("avx512f,avx512bw")))

namespace {

// One word of each message.
using Words = __m512i;

// Not std::array: a template argument has no alignment.
struct Rows {
  Words of[16];
};
struct Hash {
  Words of[8];
};

template <int by>
CAIRN_AVX512 inline Words RotateRight(Words words) {
  return _mm512_ror_epi32(words, by);
}

CAIRN_AVX512 inline Words Xor(Words a, Words b, Words c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }

// The functions of FIPS 180-4, section 4.1.2.
CAIRN_AVX512 inline Words Choose(Words e, Words f, Words g) { return _mm512_ternarylogic_epi32(e, f, g, 0xca); }
CAIRN_AVX512 inline Words Majority(Words a, Words b, Words c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }
CAIRN_AVX512 inline Words BigSigma0(Words a) { return Xor(RotateRight<2>(a), RotateRight<13>(a), RotateRight<22>(a)); }
CAIRN_AVX512 inline Words BigSigma1(Words e) { return Xor(RotateRight<6>(e), RotateRight<11>(e), RotateRight<25>(e)); }
CAIRN_AVX512 inline Words SmallSigma0(Words w) {
  return Xor(RotateRight<7>(w), RotateRight<18>(w), _mm512_srli_epi32(w, 3));
}
CAIRN_AVX512 inline Words SmallSigma1(Words w) {
  return Xor(RotateRight<17>(w), RotateRight<19>(w), _mm512_srli_epi32(w, 10));
}

// Row i, word k becomes row k, word i: words by twos, by fours, and then quarters of a row.
CAIRN_AVX512 inline void Transpose(Rows& rows) {
  Rows twos, fours, halves;
  for (int i = 0; i < 16; i += 2) {
    twos.of[i] = _mm512_unpacklo_epi32(rows.of[i], rows.of[i + 1]);
    twos.of[i + 1] = _mm512_unpackhi_epi32(rows.of[i], rows.of[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    fours.of[i] = _mm512_unpacklo_epi64(twos.of[i], twos.of[i + 2]);
    fours.of[i + 1] = _mm512_unpackhi_epi64(twos.of[i], twos.of[i + 2]);
    fours.of[i + 2] = _mm512_unpacklo_epi64(twos.of[i + 1], twos.of[i + 3]);
    fours.of[i + 3] = _mm512_unpackhi_epi64(twos.of[i + 1], twos.of[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    halves.of[i] = _mm512_shuffle_i32x4(fours.of[i], fours.of[i + 4], 0x88);
    halves.of[i + 4] = _mm512_shuffle_i32x4(fours.of[i], fours.of[i + 4], 0xdd);
    halves.of[i + 8] = _mm512_shuffle_i32x4(fours.of[i + 8], fours.of[i + 12], 0x88);
    halves.of[i + 12] = _mm512_shuffle_i32x4(fours.of[i + 8], fours.of[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    rows.of[i] = _mm512_shuffle_i32x4(halves.of[i], halves.of[i + 8], 0x88);
    rows.of[i + 4] = _mm512_shuffle_i32x4(halves.of[i + 4], halves.of[i + 12], 0x88);
    rows.of[i + 8] = _mm512_shuffle_i32x4(halves.of[i], halves.of[i + 8], 0xdd);
    rows.of[i + 12] = _mm512_shuffle_i32x4(halves.of[i + 4], halves.of[i + 12], 0xdd);
  }
}

// The next block of each, as the first sixteen words of its schedule.
CAIRN_AVX512 inline void TakeBlocks(std::array<const uint8_t*, kLanesMax>& blocks, Rows& schedule) {
  const Words big_endian = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  for (size_t lane = 0; lane < kLanesMax; ++lane) {
    schedule.of[lane] = _mm512_shuffle_epi8(_mm512_loadu_si512(blocks[lane]), big_endian);
    blocks[lane] += kSha256BlockBytes;
  }
  Transpose(schedule);
}

// FIPS 180-4, section 6.2.2; word i of the schedule stands at i modulo 16.
CAIRN_AVX512 inline void CompressBlocks(Hash& hash, Rows& schedule) {
  auto [a, b, c, d, e, f, g, h] = hash.of;
#pragma GCC unroll 64
  for (int i = 0; i < 64; ++i) {
    Words& word = schedule.of[i % 16];
    if (i >= 16) {
      const Words near = _mm512_add_epi32(schedule.of[(i + 9) % 16], SmallSigma1(schedule.of[(i + 14) % 16]));
      word = _mm512_add_epi32(_mm512_add_epi32(word, SmallSigma0(schedule.of[(i + 1) % 16])), near);
    }
    const Words constant = _mm512_set1_epi32(static_cast<int>(kSha256RoundConstants[i]));
    const Words added = _mm512_add_epi32(h, _mm512_add_epi32(word, constant));
    const Words first = _mm512_add_epi32(added, _mm512_add_epi32(BigSigma1(e), Choose(e, f, g)));
    const Words second = _mm512_add_epi32(BigSigma0(a), Majority(a, b, c));
    h = g;
    g = f;
    f = e;
    e = _mm512_add_epi32(d, first);
    d = c;
    c = b;
    b = a;
    a = _mm512_add_epi32(first, second);
  }
  const Hash mixed = {{a, b, c, d, e, f, g, h}};
  for (size_t i = 0; i < 8; ++i) hash.of[i] = _mm512_add_epi32(hash.of[i], mixed.of[i]);
}

}  // namespace

bool IsSupported() {
  static const bool supported = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  return supported;
}

CAIRN_AVX512 void Compress(std::span<const Sha256Lane> lanes, size_t count) {
  CHECK(!lanes.empty() && lanes.size() <= kLanesMax);
  alignas(64) std::array<std::array<uint32_t, kLanesMax>, 8> words{};
  std::array<const uint8_t*, kLanesMax> blocks{};
  for (size_t lane = 0; lane < kLanesMax; ++lane) {
    if (lane < lanes.size()) {
      for (size_t i = 0; i < words.size(); ++i) words[i][lane] = lanes[lane].hash[i];
    }
    blocks[lane] = lanes[lane < lanes.size() ? lane : 0].blocks;  // the first in idle ones: read, and come to nothing
  }
  Hash hash;
  for (size_t i = 0; i < words.size(); ++i) hash.of[i] = _mm512_load_si512(words[i].data());
  for (; count > 0; --count) {
    Rows schedule;
    TakeBlocks(blocks, schedule);
    CompressBlocks(hash, schedule);
  }
  for (size_t i = 0; i < words.size(); ++i) _mm512_store_si512(words[i].data(), hash.of[i]);
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    for (size_t i = 0; i < words.size(); ++i) lanes[lane].hash[i] = words[i][lane];
  }
}

#undef CAIRN_AVX512

#else

bool IsSupported() { return false; }

void Compress(std::span<const Sha256Lane>, size_t) { CHECK(IsSupported()); }

#endif

}  // namespace cairn::sha256_wide
