// The words for raw bytes: ByteSpan in, Bytes out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

// An allocator whose value-initialisation does nothing, so that a buffer that is about to be filled is not zeroed
// first (a measurable part of reading and decompressing). Everything else is std::allocator.
template <class T>
class UninitializedAllocator : public std::allocator<T> {
 public:
  template <class U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  UninitializedAllocator() = default;
  template <class U>
  UninitializedAllocator(const UninitializedAllocator<U>&) noexcept {}  // NOLINT: implicit, as allocators are
  template <class U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

// Borrowed, read-only bytes. Whoever passes it keeps them alive for the call, unless a comment says longer.
using ByteSpan = std::span<const uint8_t>;
// Borrowed bytes to be written.
using MutableByteSpan = std::span<uint8_t>;
// Owned bytes. `Bytes(n)` and `resize` leave new bytes uninitialised: fill them.
using Bytes = std::vector<uint8_t, UninitializedAllocator<uint8_t>>;

inline ByteSpan AsBytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline std::string_view AsText(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
// Bytes' own ways to copy, and to move into more memory, go byte by byte, because of the allocator.
void Grow(Bytes& bytes, size_t size_min);  // room for as many, and for twice as many as there was room for
// `source` is no part of `target`.
inline void Append(Bytes& target, ByteSpan source) {
  if (source.empty()) return;
  const size_t size = target.size();
  if (target.capacity() - size < source.size()) Grow(target, size + source.size());
  target.resize(size + source.size());
  std::memcpy(target.data() + size, source.data(), source.size());
}
inline Bytes ToBytes(ByteSpan bytes) {
  Bytes copy;
  Append(copy, bytes);
  return copy;
}
inline std::string ToString(ByteSpan bytes) { return std::string(AsText(bytes)); }
bool Equal(ByteSpan a, ByteSpan b);  // not constant-time: for public values only

// Lower-case hexadecimal and back; FromHex takes lower case only, so that the two are inverses.
std::string ToHex(ByteSpan bytes);
std::optional<Bytes> FromHex(std::string_view text);

}  // namespace cairn
