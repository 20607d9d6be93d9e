#include "frontends/sqlite/page_sink.h"

#include <algorithm>
#include <cstring>

#include "frontends/sqlite/file_calls.h"
#include "repo-format/base/units.h"

namespace cairn::sqlite {
namespace {

// The page at this offset is never written, for SQLite locks bytes of it, and reads as zeros.
constexpr uint64_t kLockPage = 1 << 30;
constexpr uint64_t kEarlyBytesMax = 4 * kMiB;

}  // namespace

struct PageSink::File {
  sqlite3_file base;
  PageSink* sink;
};

// C calls of SQLite.
struct PageSink::Calls : FileCalls {
  static PageSink& Of(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->sink; }
  static int Read(sqlite3_file* file, void* target, int count, sqlite3_int64 offset) {
    if (static_cast<uint64_t>(offset) < Of(file).end_) return SQLITE_IOERR_READ;  // it is gone
    std::memset(target, 0, static_cast<size_t>(count));
    return SQLITE_IOERR_SHORT_READ;
  }
  static int Write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    const ByteSpan span(static_cast<const uint8_t*>(bytes), static_cast<size_t>(count));
    return Of(file).Write(static_cast<uint64_t>(offset), span) ? SQLITE_OK : SQLITE_IOERR_WRITE;
  }
  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    return static_cast<uint64_t>(size) == Of(file).end_ ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
  }
  static int Size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(Of(file).end_);
    return SQLITE_OK;
  }
  static int SectorSize(sqlite3_file*) { return 4096; }
  static int Characteristics(sqlite3_file*) { return 0; }

  static int Open(sqlite3_vfs* vfs, const char*, sqlite3_file* file, int flags, int* flags_out) {
    file->pMethods = nullptr;
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;  // no journal, nothing temporary
    auto* ours = reinterpret_cast<File*>(file);
    ours->sink = static_cast<PageSink*>(vfs->pAppData);
    file->pMethods = MethodsOf<Calls>();
    if (flags_out != nullptr) *flags_out = flags;
    return SQLITE_OK;
  }
};

PageSink::PageSink() : name_(fmt::format("cairn-pages-{}", static_cast<const void*>(this))) {
  vfs_.szOsFile = sizeof(File);
  vfs_.mxPathname = 64;
  SetCalls<Calls>(vfs_, name_.c_str(), this);
  sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
}

PageSink::~PageSink() { sqlite3_vfs_unregister(&vfs_); }

void PageSink::Begin(uint64_t bytes, uint32_t page_bytes, uint64_t first_bytes) {
  bytes_ = bytes;
  page_bytes_ = page_bytes;
  first_.resize(first_bytes);
  next_ = first_bytes;
}

void PageSink::Append(ByteSpan bytes) {
  if (taken_ == ready_.size()) {
    ready_.clear();
    taken_ = 0;
  }
  cairn::Append(ready_, bytes);
  next_ += bytes.size();
  if (next_ != kLockPage || next_ >= bytes_) return;
  ready_.resize(ready_.size() + page_bytes_);
  next_ += page_bytes_;
}

bool PageSink::Write(uint64_t offset, ByteSpan bytes) {
  end_ = std::max(end_, offset + bytes.size());
  if (bytes.size() != page_bytes_ || offset % page_bytes_ != 0 || end_ > bytes_) {
    problem_ = fmt::format("{} bytes at {} are no page of {} bytes of a database of {}", bytes.size(), offset,
                           page_bytes_, bytes_);
    return false;
  }
  if (offset < first_.size()) {
    std::ranges::copy(bytes, first_.begin() + static_cast<ptrdiff_t>(offset));
    first_written_ += bytes.size();
    return true;
  }
  if (offset != next_) {
    early_bytes_ += bytes.size();
    if (offset < next_ || early_bytes_ > kEarlyBytesMax || !early_.emplace(offset, ToBytes(bytes)).second) {
      problem_ = fmt::format("a page at {} came where that at {} was due", offset, next_);
      return false;
    }
    return true;
  }
  Append(bytes);
  for (auto early = early_.find(next_); early != early_.end(); early = early_.find(next_)) {
    early_bytes_ -= early->second.size();
    Append(early->second);
    early_.erase(early);
  }
  return true;
}

size_t PageSink::Take(MutableByteSpan target) {
  const size_t count = std::min(target.size(), ready_.size() - taken_);
  std::copy_n(ready_.begin() + static_cast<ptrdiff_t>(taken_), count, target.begin());
  taken_ += count;
  return count;
}

Result<void> PageSink::CheckOrder() const {
  if (!problem_) return {};
  return MakeError(ErrorCode::kIo, "SQLite's backup went another way than it was known to: {}", *problem_);
}

Result<void> PageSink::CheckEnd() const {
  RETURN_IF_ERROR(CheckOrder());
  if (next_ == bytes_ && first_written_ == first_.size()) return {};
  return MakeError(ErrorCode::kIo, "SQLite's backup ended after {} of {} bytes, and {} of the first {}", next_, bytes_,
                   first_written_, first_.size());
}

}  // namespace cairn::sqlite
