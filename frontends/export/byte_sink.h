// Where the bytes of an export go, in order.
#pragma once

#include <cstdint>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::exports {

// One thread at a time. After an Error, and after Finish, nothing more is written.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Result<void> Write(ByteSpan bytes) = 0;
  // What is still held back is written, to this sink and to those that it writes into. Once.
  virtual Result<void> Finish() = 0;
};

}  // namespace cairn::exports
