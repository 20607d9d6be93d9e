// What a benchmark tells beside its time.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace cairn::bench {

// `each`: bytes of one iteration. Shown as bytes per second.
inline void SetBytes(benchmark::State& state, uint64_t each) {
  state.SetBytesProcessed(static_cast<int64_t>(static_cast<uint64_t>(state.iterations()) * each));
}

// The same for blobs, entries, packs.
inline void SetItems(benchmark::State& state, uint64_t each) {
  state.SetItemsProcessed(static_cast<int64_t>(static_cast<uint64_t>(state.iterations()) * each));
}

}  // namespace cairn::bench
