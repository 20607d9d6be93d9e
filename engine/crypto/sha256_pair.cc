#include "engine/crypto/sha256_pair.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "engine/crypto/sha256_constants.h"
#include "repo-format/base/check.h"

namespace cairn::sha256_pair {

#if defined(__x86_64__)

namespace {

// A chaining value as SHA256RNDS2 wants it: a, b, e, f and c, d, g, h, from the highest word down.
struct State {
  __m128i abef, cdgh;
};

__attribute__((target("sha,sse4.1"))) State Load(const uint32_t* hash) {
  const __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(hash));
  const __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(hash + 4));
  const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

__attribute__((target("sha,sse4.1"))) void Store(const State& state, uint32_t* hash) {
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b), dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(hash), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(hash + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

bool IsSupported() {
  static const bool supported = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0 || (c & bit_SSSE3) == 0) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
  }();
  return supported;
}

// Four rounds a step, of each lane in turn. `words` holds sixteen words of the schedule, four in each: while those of
// step s are used, those of step s + 1 are completed, and those of step s + 3 begun.
__attribute__((target("sha,sse4.1"))) void Compress(std::array<Sha256Lane, 2> lanes, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  std::array<State, 2> states = {Load(lanes[0].hash), Load(lanes[1].hash)};
  for (; count > 0; --count) {
    const std::array<State, 2> before = states;
    __m128i words[2][4];
    for (int lane = 0; lane < 2; ++lane) {
      const auto* block = reinterpret_cast<const __m128i*>(lanes[lane].blocks);
      for (int i = 0; i < 4; ++i) words[lane][i] = _mm_shuffle_epi8(_mm_loadu_si128(block + i), big_endian);
      lanes[lane].blocks += kSha256BlockBytes;
    }
#pragma GCC unroll 16
    for (int step = 0; step < 16; ++step) {
      const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256RoundConstants.data()) + step);
#pragma GCC unroll 2
      for (int lane = 0; lane < 2; ++lane) {
        auto& [abef, cdgh] = states[lane];
        __m128i* const w = words[lane];
        const __m128i now = w[step % 4];
        const __m128i added = _mm_add_epi32(now, constants);
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
        if (step >= 3 && step < 15) {
          const __m128i seven_back = _mm_alignr_epi8(now, w[(step + 3) % 4], 4);
          __m128i& next = w[(step + 1) % 4];
          next = _mm_sha256msg2_epu32(_mm_add_epi32(next, seven_back), now);
        }
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
        if (step >= 1 && step < 13) w[(step + 3) % 4] = _mm_sha256msg1_epu32(w[(step + 3) % 4], now);
      }
    }
    for (int lane = 0; lane < 2; ++lane) {
      states[lane].abef = _mm_add_epi32(states[lane].abef, before[lane].abef);
      states[lane].cdgh = _mm_add_epi32(states[lane].cdgh, before[lane].cdgh);
    }
  }
  for (int lane = 0; lane < 2; ++lane) Store(states[lane], lanes[lane].hash);
}

#else

bool IsSupported() { return false; }

void Compress(std::array<Sha256Lane, 2>, size_t) { CHECK(IsSupported()); }

#endif

}  // namespace cairn::sha256_pair
