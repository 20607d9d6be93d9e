#include "frontends/import/sqlite_descriptor.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace cairn::import {
namespace {

constexpr char kSystemName[] = "cairn-descriptor";
constexpr int kPathBytesMax = 512;

struct File {
  sqlite3_file base;  // first: SQLite's view of it
  int fd;
};
int FdOf(sqlite3_file* file) { return reinterpret_cast<File*>(file)->fd; }

int Close(sqlite3_file*) { return SQLITE_OK; }  // it is another's

int Read(sqlite3_file* file, void* target, int size, sqlite3_int64 offset) {
  auto* const bytes = static_cast<char*>(target);
  int filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(FdOf(file), bytes + filled, static_cast<size_t>(size - filled), offset + filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SQLITE_IOERR_READ;
    if (got == 0) break;
    filled += static_cast<int>(got);
  }
  if (filled == size) return SQLITE_OK;
  std::memset(bytes + filled, 0, static_cast<size_t>(size - filled));
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; }
int Truncate(sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; }
int Sync(sqlite3_file*, int) { return SQLITE_OK; }

int Size(sqlite3_file* file, sqlite3_int64* size) {
  struct stat info{};
  if (::fstat(FdOf(file), &info) != 0) return SQLITE_IOERR_FSTAT;
  *size = info.st_size;
  return SQLITE_OK;
}

int Lock(sqlite3_file*, int) { return SQLITE_OK; }
int CheckReserved(sqlite3_file*, int* is_reserved) {
  *is_reserved = 0;
  return SQLITE_OK;
}
int Control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorBytes(sqlite3_file*) { return 0; }
int Traits(sqlite3_file*) { return SQLITE_IOCAP_IMMUTABLE; }

const sqlite3_io_methods kMethods = {1,       Close,   Read,          Write,   Truncate,    Sync,   Size,
                                     Lock,    Lock,    CheckReserved, Control, SectorBytes, Traits, nullptr,
                                     nullptr, nullptr, nullptr,       nullptr, nullptr};

sqlite3_vfs* Usual() { return ::sqlite3_vfs_find(nullptr); }

int Open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* flags_out) {
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return Usual()->xOpen(Usual(), name, file, flags, flags_out);
  file->pMethods = nullptr;
  if (name == nullptr) return SQLITE_CANTOPEN;
  const std::string_view text(name);
  auto* const opened = reinterpret_cast<File*>(file);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), opened->fd);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return SQLITE_CANTOPEN;
  file->pMethods = &kMethods;
  if (flags_out != nullptr) *flags_out = (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
  return SQLITE_OK;
}

int FullName(sqlite3_vfs*, const char* name, int size, char* target) {
  ::sqlite3_snprintf(size, target, "%s", name);
  return SQLITE_OK;
}

int Register() {
  static sqlite3_vfs system = *Usual();
  system.pNext = nullptr;
  system.zName = kSystemName;
  system.szOsFile = std::max<int>(system.szOsFile, sizeof(File));
  system.mxPathname = std::max(system.mxPathname, kPathBytesMax);
  system.xOpen = Open;
  system.xFullPathname = FullName;
  return ::sqlite3_vfs_register(&system, /*makeDflt=*/0);
}

}  // namespace

std::string UriOfDescriptor(const SharedFd& file) {
  static const int registered = Register();
  if (registered != SQLITE_OK) return "";
  return fmt::format("file:{}?vfs={}&mode=ro&immutable=1", file->get(), kSystemName);
}

}  // namespace cairn::import
