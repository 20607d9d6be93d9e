#include "frontends/sqlite/page_stream.h"

#include <algorithm>

#include "repo-format/base/units.h"

namespace cairn::sqlite {
namespace {

constexpr uint64_t kStepBytes = kMiB;

}  // namespace

Result<std::unique_ptr<PageStream>> PageStream::Open(const std::string& path, Patience& patience) {
  std::unique_ptr<PageStream> stream(new PageStream(path, patience));
  const auto header = ReadHeader(path);
  stream->stops_writers_ = header && !header->has_log;
  ASSIGN_OR_RETURN(stream->source_, OpenToRead(path, patience));
  stream->reader_ = stream->source_.get();
  RETURN_IF_ERROR(stream->BeginTransaction());
  return stream;
}

Result<std::unique_ptr<PageStream>> PageStream::OpenOn(sqlite3* connection, bool has_log, const std::string& path,
                                                       Patience& patience) {
  std::unique_ptr<PageStream> stream(new PageStream(path, patience));
  stream->stops_writers_ = !has_log;
  stream->reader_ = connection;
  RETURN_IF_ERROR(stream->BeginTransaction());
  return stream;
}

PageStream::~PageStream() {
  backup_.reset();
  const bool is_borrowed = source_ == nullptr && reader_ != nullptr;
  if (is_borrowed && sqlite3_get_autocommit(reader_) == 0) {
    sqlite3_exec(reader_, "ROLLBACK", nullptr, nullptr, nullptr);  // of reading, which cannot fail
  }
}

Result<void> PageStream::BeginTransaction() {
  sqlite3* const source = reader_;
  // BEGIN alone takes nothing: it is the first look at the database that does. This one does not read the schema, which
  // may be of a newer SQLite.
  RETURN_IF_ERROR(Run(source, "BEGIN", path_, patience_));
  RETURN_IF_ERROR(Number(source, "PRAGMA schema_version", path_, patience_));
  ASSIGN_OR_RETURN(const int64_t page_bytes, Number(source, "PRAGMA page_size", path_, patience_));
  page_bytes_ = static_cast<uint32_t>(page_bytes);
  return BeginBackup();
}

Result<void> PageStream::BeginBackup() {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE;
  sqlite3* target = nullptr;
  int code = sqlite3_open_v2("pages", &target, kFlags, sink_.name());
  target_.reset(target);
  if (code != SQLITE_OK) return ErrorOf(code, target, path_, patience_);
  // What is written goes at once, and nothing is kept to go back to.
  RETURN_IF_ERROR(Run(target,
                      "PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; "
                      "PRAGMA cache_size = 64; PRAGMA max_page_count = 4294967294",
                      path_, patience_));
  backup_.reset(sqlite3_backup_init(target, "main", reader_, "main"));
  if (backup_ == nullptr) return ErrorOf(sqlite3_errcode(target), target, path_, patience_);
  code = sqlite3_backup_step(backup_.get(), 0);  // no page yet, but how many there are
  bytes_ = static_cast<uint64_t>(sqlite3_backup_pagecount(backup_.get())) * page_bytes_;
  if (code == SQLITE_OK) return {};
  // A file of no bytes is an empty database, of which a backup would make a page.
  const bool is_empty = bytes_ == 0 && (code == SQLITE_DONE || !sink_.CheckOrder());
  if (!is_empty) return ErrorOf(code, reader_, path_, patience_);
  backup_.reset();
  return {};
}

Result<size_t> PageStream::Read(MutableByteSpan target) {
  for (;;) {
    const size_t got = sink_.Take(target);
    if (got > 0 || backup_ == nullptr) return got;
    if (patience_.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
    RETURN_IF_ERROR(Step());
  }
}

Result<void> PageStream::Step() {
  const int pages = static_cast<int>(std::max<uint64_t>(kStepBytes / page_bytes_, 1));
  const int code = sqlite3_backup_step(backup_.get(), pages);
  if (code == SQLITE_DONE) return End();
  if (code == SQLITE_OK) return {};
  RETURN_IF_ERROR(sink_.CheckOrder());
  return ErrorOf(code, reader_, path_, patience_);
}

Result<void> PageStream::End() {
  backup_.reset();
  target_.reset();
  RETURN_IF_ERROR(sink_.CheckEnd());
  RETURN_IF_ERROR(Run(reader_, "COMMIT", path_, patience_));
  reader_ = nullptr;
  source_.reset();
  return {};
}

}  // namespace cairn::sqlite
