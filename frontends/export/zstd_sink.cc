#include "frontends/export/zstd_sink.h"

#include <archive_entry.h>

#include <string>

#include "frontends/export/archive_output.h"

namespace cairn::exports {
namespace {

class ZstdSink : public ByteSink {
 public:
  explicit ZstdSink(ByteSink& sink) : output_(sink) {}
  Result<void> Open(int level) {
    archive* const writer = output_.get();
    if (writer == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
    RETURN_IF_ERROR(output_.Check(::archive_write_set_format_raw(writer)));
    RETURN_IF_ERROR(output_.Check(::archive_write_add_filter_zstd(writer)));
    const std::string text = std::to_string(level);
    RETURN_IF_ERROR(
        output_.Check(::archive_write_set_filter_option(writer, "zstd", "compression-level", text.c_str())));
    RETURN_IF_ERROR(output_.Open());
    archive_entry* const entry = ::archive_entry_new();
    ::archive_entry_set_filetype(entry, AE_IFREG);  // a stream
    const int code = ::archive_write_header(writer, entry);
    ::archive_entry_free(entry);
    return output_.Check(code);
  }
  Result<void> Write(ByteSpan bytes) override { return output_.Data(bytes); }
  Result<void> Finish() override { return output_.Check(::archive_write_close(output_.get())); }

 private:
  ArchiveOutput output_;
};

}  // namespace

Result<std::unique_ptr<ByteSink>> MakeZstdSink(ByteSink& target, int level) {
  auto sink = std::make_unique<ZstdSink>(target);
  RETURN_IF_ERROR(sink->Open(level));
  return std::unique_ptr<ByteSink>(std::move(sink));
}

}  // namespace cairn::exports
