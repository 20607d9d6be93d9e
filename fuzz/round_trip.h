// What a parser that accepted bytes has to do with them again. Aborts where it does not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "repo-format/base/bytes.h"
#include "repo-format/base/check.h"

namespace cairn {

// Of a value whose every byte is said by SPEC: it has one encoding, the bytes that were parsed.
template <typename Value>
void CheckOneEncoding(const uint8_t* data, size_t size) {
  const auto parsed = Value::Parse({data, size});
  if (parsed) CHECK(Equal(parsed->Encode(), {data, size}));
}

// Of a value with records that may be absent, which are written with their default: what is written parses, and is
// written the same again.
template <typename Value>
void CheckStableEncoding(const uint8_t* data, size_t size) {
  const auto parsed = Value::Parse({data, size});
  if (!parsed) return;
  const Bytes once = parsed->Encode();
  const auto again = Value::Parse(once);
  CHECK(again.has_value());
  CHECK(Equal(again->Encode(), once));
}

}  // namespace cairn
