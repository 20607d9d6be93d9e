#include "frontends/export/archive_output.h"

#include <cerrno>

#include "repo-format/base/units.h"

namespace cairn::exports {

NameLocale::NameLocale(bool is_utf8) : locale_(::newlocale(LC_CTYPE_MASK, is_utf8 ? "C.UTF-8" : "C", nullptr)) {
  if (locale_ != nullptr) before_ = ::uselocale(locale_);
}

NameLocale::~NameLocale() {
  if (locale_ == nullptr) return;
  ::uselocale(before_);
  ::freelocale(locale_);
}

ArchiveOutput::ArchiveOutput(ByteSink& sink) : sink_(sink), archive_(::archive_write_new()) {}

ArchiveOutput::~ArchiveOutput() {
  const NameLocale names;
  if (archive_ == nullptr) return;
  failed_ = true;  // what it would still write is nobody's
  ::archive_write_free(archive_);
}

Result<void> ArchiveOutput::Open() {
  if (archive_ == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
  ::archive_write_set_bytes_per_block(archive_, static_cast<int>(64 * kKiB));
  ::archive_write_set_bytes_in_last_block(archive_, 1);
  return Check(::archive_write_open(archive_, this, nullptr, &ArchiveOutput::Write, nullptr));
}

Result<void> ArchiveOutput::Data(ByteSpan bytes) {
  while (!bytes.empty()) {
    const la_ssize_t put = ::archive_write_data(archive_, bytes.data(), bytes.size());
    if (put <= 0) return Failure();
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

Error ArchiveOutput::Failure() const {
  if (error_) return *error_;
  const char* said = ::archive_error_string(archive_);
  return MakeError(ErrorCode::kIo, "libarchive: {}", said != nullptr ? said : "unknown");
}

la_ssize_t ArchiveOutput::Write(archive* writer, void* self, const void* bytes, size_t size) {
  auto& output = *static_cast<ArchiveOutput*>(self);
  if (output.failed_) return static_cast<la_ssize_t>(size);
  auto written = output.sink_.Write({static_cast<const uint8_t*>(bytes), size});
  if (written) return static_cast<la_ssize_t>(size);
  output.failed_ = true;
  output.error_ = written.error();
  ::archive_set_error(writer, EIO, "%s", written.error().message().c_str());
  return -1;
}

}  // namespace cairn::exports
