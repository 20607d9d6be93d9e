// Compresses by zlib: what pg_restore reads. Private to frontends/export.
#pragma once

#include <memory>

#include "frontends/export/byte_sink.h"

namespace cairn::exports {

// Writes into `target`, which it borrows and does not finish. `level` 1 to 9. Memory: about 400 KiB.
class GzipSink : public ByteSink {
 public:
  enum class Wrapping { kZlib, kGzip };  // as in pg_dump's custom form; as a file
  GzipSink(ByteSink& target, Wrapping wrapping, int level);
  ~GzipSink() override;
  Result<void> Write(ByteSpan bytes) override;
  Result<void> Finish() override;

 private:
  Result<void> Deflate(ByteSpan bytes, int flush);
  struct State;
  ByteSink& target_;
  const std::unique_ptr<State> state_;
};

}  // namespace cairn::exports
