// Makes what a restore writes into or over changeable, and puts back what was only on the way.
#pragma once

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <string>

#include "frontends/files/descriptor.h"
#include "frontends/files/sink_root.h"

namespace cairn::files {

// What was done to make something changeable.
struct Change {
  FileId id;
  mode_t rights_added = 0;
  int flags_removed = 0;
  bool is_folder = false;
};

// Lets this user change a file that has no further name, or a folder and what is in it: takes the immutable and
// append-only flags away, and gives the owner the rights to a folder. Does what it can; follows no link, blocks on
// nothing.
Change MakeChangeable(int folder, const std::string& name);

// While it lives, a file is neither immutable nor append-only.
class FlagsAside {
 public:
  FlagsAside(int folder, const std::string& name);
  ~FlagsAside();
  FlagsAside(const FlagsAside&) = delete;
  FlagsAside& operator=(const FlagsAside&) = delete;

 private:
  Descriptor file_;
  int flags_ = 0;  // to be set again; 0: none were taken away
};

// The folders of a target that were made changeable, so that those which get no metadata of a node may be as they were.
// Safe for concurrent use. Memory: a path for each of them.
class ChangedFolders {
 public:
  void MakeChangeable(const SinkRoot::Place& place);        // what is there
  void MakeFolderChangeable(const SinkRoot::Place& place);  // the folder that it is in
  // It is gone, or is as it shall be.
  void Forget(const TreePath& path);
  void Forget(const SinkRoot::Place& place) { Forget(PathOf(place)); }
  // Each is as it was, where it still stands; then none is noted any more. The first Error, after all were tried.
  Result<void> PutBack(const SinkRoot& root);

 private:
  static TreePath PathOf(const SinkRoot::Place& place);
  void Note(const TreePath& path, const Change& change);

  std::mutex mutex_;
  std::map<TreePath, Change> changes_;  // guarded by mutex_
};

}  // namespace cairn::files
