// Compresses by zstd: a .zst file.
#pragma once

#include <memory>

#include "frontends/export/byte_sink.h"

namespace cairn::exports {

// Writes into `target`, which it borrows and does not finish. `level` 1 to 19.
Result<std::unique_ptr<ByteSink>> MakeZstdSink(ByteSink& target, int level);

}  // namespace cairn::exports
