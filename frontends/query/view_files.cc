#include "frontends/query/view_files.h"

#include <algorithm>
#include <cstring>

#include "frontends/sqlite/file_calls.h"
#include "repo-format/base/units.h"

namespace cairn::query {
namespace {

// Small, for who looks something up by an index jumps: what is near is often not wanted.
constexpr ReadAheadOptions kAhead = {.window_bytes = 8 * kMiB, .stretch_bytes = 64 * kKiB};
constexpr size_t kNearBytes = 64 * kKiB;

}  // namespace

struct ViewFiles::File {
  sqlite3_file base;  // first: SQLite's view of it
  ViewFiles* files;
};

// C calls of SQLite.
struct ViewFiles::Calls : sqlite::FileCalls {
  static ViewFiles& Of(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->files; }
  static int Read(sqlite3_file* file, void* target, int size, sqlite3_int64 offset) {
    const MutableByteSpan bytes(static_cast<uint8_t*>(target), static_cast<size_t>(size));
    const auto got = Of(file).Read(static_cast<uint64_t>(offset), bytes);
    if (!got) {
      Of(file).problem_ = got.error();
      return SQLITE_IOERR_READ;
    }
    if (*got == bytes.size()) return SQLITE_OK;
    std::memset(bytes.data() + *got, 0, bytes.size() - *got);
    return SQLITE_IOERR_SHORT_READ;
  }
  static int Write(sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; }
  static int Truncate(sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; }
  static int Size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(Of(file).file_->size());
    return SQLITE_OK;
  }
  static int SectorSize(sqlite3_file*) { return 0; }
  static int Characteristics(sqlite3_file*) { return SQLITE_IOCAP_IMMUTABLE; }

  static int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* flags_out) {
    auto* const files = static_cast<ViewFiles*>(vfs->pAppData);
    file->pMethods = nullptr;
    if (name == nullptr) return files->system_->xOpen(files->system_, name, file, flags, flags_out);
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;  // a journal
    reinterpret_cast<File*>(file)->files = files;
    file->pMethods = sqlite::MethodsOf<Calls>();
    if (flags_out != nullptr) *flags_out = (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
    return SQLITE_OK;
  }
  static int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_IOERR_DELETE; }
};

ViewFiles::ViewFiles(std::shared_ptr<const FileView> file, Executor& executor)
    : name_(fmt::format("cairn-view-{}", static_cast<const void*>(this))),
      system_(sqlite3_vfs_find(nullptr)),
      vfs_(),
      file_(std::move(file)),
      ahead_(file_, executor, kAhead) {
  vfs_.szOsFile = std::max<int>(system_->szOsFile, sizeof(File));
  vfs_.mxPathname = system_->mxPathname;
  sqlite::SetCalls<Calls>(vfs_, name_.c_str(), this);
  sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
}

ViewFiles::~ViewFiles() { sqlite3_vfs_unregister(&vfs_); }

Result<size_t> ViewFiles::Read(uint64_t offset, MutableByteSpan target) {
  const bool goes_on = offset == next_ && offset > 0;
  next_ = offset + target.size();
  const auto is_near = [&] { return offset >= near_begin_ && next_ <= near_begin_ + near_.size(); };
  if (!is_near() && goes_on && target.size() < kNearBytes) {
    near_.resize(kNearBytes);
    near_begin_ = offset;
    ahead_.Asked(offset, kNearBytes);
    const auto got = file_->Read(offset, near_);
    near_.resize(got ? *got : 0);
  }
  if (is_near()) {
    std::memcpy(target.data(), near_.data() + (offset - near_begin_), target.size());
    return target.size();
  }
  ahead_.Asked(offset, target.size());
  return file_->Read(offset, target);  // alone, so that a page is not lost for the damage of the next
}

}  // namespace cairn::query
