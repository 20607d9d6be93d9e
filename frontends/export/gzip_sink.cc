#include "frontends/export/gzip_sink.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "repo-format/base/units.h"

namespace cairn::exports {
namespace {

constexpr size_t kOutputBytes = 64 * kKiB;
constexpr int kMemoryLevel = 8;
constexpr int kGzipBits = 16;  // added to the window's: a gzip head

}  // namespace

struct GzipSink::State {
  z_stream zlib{};
  int begun = Z_OK;
  Bytes output{Bytes(kOutputBytes)};
};

GzipSink::GzipSink(ByteSink& target, Wrapping wrapping, int level)
    : target_(target), state_(std::make_unique<State>()) {
  const int bits = MAX_WBITS + (wrapping == Wrapping::kGzip ? kGzipBits : 0);
  state_->begun = ::deflateInit2(&state_->zlib, level, Z_DEFLATED, bits, kMemoryLevel, Z_DEFAULT_STRATEGY);
}

GzipSink::~GzipSink() { ::deflateEnd(&state_->zlib); }

Result<void> GzipSink::Write(ByteSpan bytes) { return Deflate(bytes, Z_NO_FLUSH); }
Result<void> GzipSink::Finish() { return Deflate({}, Z_FINISH); }

Result<void> GzipSink::Deflate(ByteSpan bytes, int flush) {
  if (state_->begun != Z_OK) return Error(ErrorCode::kIo, "zlib has no memory");
  z_stream& zlib = state_->zlib;
  do {
    const size_t part = std::min<size_t>(bytes.size(), std::numeric_limits<uInt>::max());
    zlib.next_in = const_cast<Bytef*>(bytes.data());  // zlib does not write there
    zlib.avail_in = static_cast<uInt>(part);
    do {
      zlib.next_out = state_->output.data();
      zlib.avail_out = static_cast<uInt>(state_->output.size());
      const int code = ::deflate(&zlib, flush);
      if (code == Z_STREAM_ERROR) return Error(ErrorCode::kIo, "zlib failed");
      const size_t made = state_->output.size() - zlib.avail_out;
      if (made > 0) RETURN_IF_ERROR(target_.Write(ByteSpan(state_->output).first(made)));
    } while (zlib.avail_out == 0);
    bytes = bytes.subspan(part);
  } while (!bytes.empty());
  return {};
}

}  // namespace cairn::exports
