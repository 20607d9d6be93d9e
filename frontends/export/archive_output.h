// A writer of libarchive's whose bytes go to a sink. Private to frontends/export.
#pragma once

#include <archive.h>
#include <locale.h>

#include <optional>

#include "frontends/export/byte_sink.h"

namespace cairn::exports {

// libarchive takes names as the bytes that they are, and says of a zip's that they are UTF-8 where the thread's locale
// is so. Readers refuse a whole zip for one that is said to be and is not.
class NameLocale {
 public:
  explicit NameLocale(bool is_utf8 = true);
  ~NameLocale();
  NameLocale(const NameLocale&) = delete;
  NameLocale& operator=(const NameLocale&) = delete;

 private:
  const locale_t locale_;
  locale_t before_ = nullptr;
};

// One thread. Borrows the sink, which it does not finish.
class ArchiveOutput {
 public:
  explicit ArchiveOutput(ByteSink& sink);
  ~ArchiveOutput();
  ArchiveOutput(const ArchiveOutput&) = delete;
  ArchiveOutput& operator=(const ArchiveOutput&) = delete;

  archive* get() { return archive_; }  // nullptr: no memory
  // After the format is set.
  Result<void> Open();
  Result<void> Data(ByteSpan bytes);
  Result<void> Check(int code) { return code == ARCHIVE_OK ? Result<void>() : Failure(); }
  Error Failure() const;  // of the sink, or else what libarchive says

 private:
  static la_ssize_t Write(archive* writer, void* self, const void* bytes, size_t size);

  ByteSink& sink_;
  archive* const archive_;
  bool failed_ = false;
  std::optional<Error> error_;  // of sink_
};

}  // namespace cairn::exports
