// What file systems of ours for SQLite have in common: its C calls, as static functions of a class.
#pragma once

#include <sqlite3.h>

namespace cairn::sqlite {

// Calls of a file system that keeps one file, which nobody else has, and asks the system's for the rest. A class that
// is one of these has its own where it differs, and these besides:
//
//   static int Read(sqlite3_file* file, void* target, int size, sqlite3_int64 offset);
//   static int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset);
//   static int Truncate(sqlite3_file* file, sqlite3_int64 size);
//   static int Size(sqlite3_file* file, sqlite3_int64* size);
//   static int SectorSize(sqlite3_file* file);
//   static int Characteristics(sqlite3_file* file);
//   static int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* flags_out);
struct FileCalls {
  static sqlite3_vfs* System() { return sqlite3_vfs_find(nullptr); }

  static int Close(sqlite3_file*) { return SQLITE_OK; }
  static int Sync(sqlite3_file*, int) { return SQLITE_OK; }
  static int Lock(sqlite3_file*, int) { return SQLITE_OK; }
  static int IsReserved(sqlite3_file*, int* is_reserved) {
    *is_reserved = 0;
    return SQLITE_OK;
  }
  static int Control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }

  static int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_OK; }
  static int Access(sqlite3_vfs*, const char*, int, int* is_there) {
    *is_there = 0;
    return SQLITE_OK;
  }
  static int FullPath(sqlite3_vfs*, const char* name, int size, char* path) {
    sqlite3_snprintf(size, path, "%s", name);
    return SQLITE_OK;
  }
  static int Randomness(sqlite3_vfs*, int count, char* bytes) { return System()->xRandomness(System(), count, bytes); }
  static int Sleep(sqlite3_vfs*, int microseconds) { return System()->xSleep(System(), microseconds); }
  static int Time(sqlite3_vfs*, double* time) { return System()->xCurrentTime(System(), time); }
  static int LastError(sqlite3_vfs*, int, char*) { return 0; }
};

// The calls of a file; they live as long as the program.
template <class Calls>
const sqlite3_io_methods* MethodsOf() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods all{};
    all.iVersion = 1;
    all.xClose = Calls::Close;
    all.xRead = Calls::Read;
    all.xWrite = Calls::Write;
    all.xTruncate = Calls::Truncate;
    all.xSync = Calls::Sync;
    all.xFileSize = Calls::Size;
    all.xLock = Calls::Lock;
    all.xUnlock = Calls::Lock;
    all.xCheckReservedLock = Calls::IsReserved;
    all.xFileControl = Calls::Control;
    all.xSectorSize = Calls::SectorSize;
    all.xDeviceCharacteristics = Calls::Characteristics;
    return all;
  }();
  return &methods;
}

// A file system by a name, which lives as long as it; `data` is for Open.
template <class Calls>
void SetCalls(sqlite3_vfs& vfs, const char* name, void* data) {
  vfs.iVersion = 1;
  vfs.zName = name;
  vfs.pAppData = data;
  vfs.xOpen = Calls::Open;
  vfs.xDelete = Calls::Delete;
  vfs.xAccess = Calls::Access;
  vfs.xFullPathname = Calls::FullPath;
  vfs.xRandomness = Calls::Randomness;
  vfs.xSleep = Calls::Sleep;
  vfs.xCurrentTime = Calls::Time;
  vfs.xGetLastError = Calls::LastError;
}

}  // namespace cairn::sqlite
