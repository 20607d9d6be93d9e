// The folder of the derived copy, shared by the processes of this machine.
#pragma once

#include <memory>
#include <string>

#include "engine/env/file_system.h"
#include "engine/env/random.h"

namespace cairn {

//   lock              held by the process that writes the shared copy
//   shared/           its RocksDB
//   damaged           whoever found the shared copy damaged says so to the next that holds the lock
//   private-<hex>/    of a process that came second: lock, held while it lives, and table/, its RocksDB
//
// The folders of processes that died are removed by the next that comes.
class CopyFolder {
 public:
  // Never waits: where the shared copy is taken, a private one is made.
  static Result<std::unique_ptr<CopyFolder>> Take(const std::string& folder);
  ~CopyFolder();  // gives the shared copy free, or removes the private one
  CopyFolder(const CopyFolder&) = delete;
  CopyFolder& operator=(const CopyFolder&) = delete;

  const std::string& table() const { return table_; }  // the folder of RocksDB
  bool is_private() const { return !private_.empty(); }
  // Throws away what the table holds.
  Result<void> Empty();
  // Makes a private table one of the shared copy's files, as they are now, by hard links. A hint: it may fail, and what
  // it gives may turn out damaged, where the other process writes just then.
  Result<void> CopyShared();
  void MarkDamaged();
  // Empty, and it is damaged no more.
  Result<void> EmptyDamaged();

 private:
  CopyFolder(std::string folder, FileSystem& files);
  void RemoveDead();
  Result<void> MakePrivate();
  Result<void> LinkTables();

  const std::string folder_;
  FileSystem& files_;
  std::string private_;  // "" where this process holds the shared copy
  std::string table_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace cairn
