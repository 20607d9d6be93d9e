#include "tests/unit/engine/codec/allocation_watch.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace cairn::codec_test {
namespace {

thread_local size_t largest = 0;

void* Allocate(size_t size) {
  largest = std::max(largest, size);
  if (void* const memory = std::malloc(size)) return memory;
  std::abort();
}

}  // namespace

void ForgetAllocations() { largest = 0; }
size_t LargestAllocation() { return largest; }

}  // namespace cairn::codec_test

void* operator new(size_t size) { return cairn::codec_test::Allocate(size); }
void* operator new[](size_t size) { return cairn::codec_test::Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
