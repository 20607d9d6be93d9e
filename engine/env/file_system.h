// Files of this machine, as the local store and the caches need them, with the durability of each call said.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/env/clock.h"
#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

struct FileInfo {
  std::string name;  // the last part of the path
  bool is_folder = false;
  uint64_t size = 0;
  UnixNs modified = 0;
  bool is_other = false;                        // neither folder nor file: a device, a pipe, a link to nothing
  std::pair<uint64_t, uint64_t> identity = {};  // device and inode; zeros: not known
};

// A held lock on a file (flock); released when it goes, or when its process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// A file without a name, which goes with this object, or with its process, unless it was given one. One thread at a
// time. Errors name its folder, or the name.
class NamelessFile {
 public:
  virtual ~NamelessFile() = default;
  virtual Result<void> Append(ByteSpan bytes) = 0;
  // Over the first of the bytes that are there.
  virtual Result<void> WriteStart(ByteSpan bytes) = 0;
  // Fills `target` from `offset`; kIo where the file ends before.
  virtual Result<void> Read(uint64_t offset, MutableByteSpan target) = 0;
  // Once, in the folder that it was made for; kAlreadyExists where the name is filled. Durable after Sync, and
  // SyncFolder of the folder.
  virtual Result<void> GiveName(const std::string& path) = 0;
  // Its bytes survive a power cut from the return on. After a failure nothing that is read from it can be relied on.
  virtual Result<void> Sync() = 0;
};

// Safe for concurrent use. Paths are bytes, absolute or relative to the working folder; links are followed. New files
// are 0600, new folders 0700. Errors name the path. Nothing is promised but what is said here: in particular nothing
// survives a power cut before its bytes (WriteNewFile) and its names (SyncFolder, of each folder above) are synced.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Writes a new file and syncs its bytes; kAlreadyExists where the name is filled. The name itself is durable only
  // after SyncFolder of its folder. On failure nothing is left, as far as the system still lets us remove.
  virtual Result<void> WriteNewFile(const std::string& path, ByteSpan bytes) = 0;
  // For a file in `folder`, or one beside it on its file system; kUnsupported where that knows no files without a name.
  virtual Result<std::unique_ptr<NamelessFile>> NewNamelessFile(const std::string& folder) = 0;
  // All of a file; kCorrupt where `path` is something else (it never waits for a pipe).
  virtual Result<Bytes> ReadFile(const std::string& path) = 0;
  // The same into `bytes`, in the memory that they have where that is enough: fresh pages cost as much as the reading.
  // On failure they are empty.
  virtual Result<void> ReadFileInto(const std::string& path, Bytes& bytes);
  // Exactly `size` bytes from `offset`; kCorrupt where the file ends before.
  virtual Result<Bytes> ReadRange(const std::string& path, uint64_t offset, uint64_t size) = 0;
  // Atomic; replaces `target`.
  virtual Result<void> Rename(const std::string& source, const std::string& target) = 0;
  // Atomic; kAlreadyExists where `target` is filled. `source` is gone afterwards (at the latest when its owner cleans
  // up: a file system without exclusive renames may leave it after a crash).
  virtual Result<void> RenameNew(const std::string& source, const std::string& target) = 0;
  virtual Result<void> Remove(const std::string& path) = 0;        // a file; kNotFound where it is absent
  virtual Result<void> RemoveFolder(const std::string& path) = 0;  // an empty folder
  virtual Result<void> MakeFolder(const std::string& path) = 0;    // success where it is; kAlreadyExists: a file
  virtual Result<void> SyncFolder(const std::string& path) = 0;    // names in it are durable on return
  virtual Result<FileInfo> Stat(const std::string& path) = 0;      // follows links
  // Entries of a folder in any order, without "." and "..". What is there all the while is told once; what comes or
  // goes meanwhile may be.
  virtual Result<void> List(const std::string& path, const std::function<void(const FileInfo&)>& each) = 0;
  // Exclusive lock of the file that has this name, made where it is absent; nullptr where somebody else holds it, in
  // this process too. Never waits.
  virtual Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) = 0;
  // Free and total bytes of the file system that holds `path`.
  struct Space {
    uint64_t free = 0, total = 0;
  };
  virtual Result<Space> FreeSpace(const std::string& path) = 0;
};

// The system's own; lives as long as the process.
FileSystem& PosixFileSystem();

// Makes a folder and those above it where they are missing, and syncs the names of those that it makes.
Result<void> MakeFolders(FileSystem& files, const std::string& path);

}  // namespace cairn
