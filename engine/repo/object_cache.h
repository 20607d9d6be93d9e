// Small objects of a far store, kept on this machine: ten thousand snapshots are not ten thousand requests a run.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "engine/store/object_store.h"

namespace cairn {

// Of one kind, for objects that are verified again by who reads them: snapshots, notes, records of what was forgotten.
// Nothing is overwritten but a snapshot by a fence (SPEC section 4), so an object counts only where the store lists it
// with the size and time that it had. What a run adds is one file, which ends with a checksum; many files become one.
//
// It answers for the store: a check must not use it. One thread; any number of processes at once. Borrows files and
// randomness. A folder that fails costs requests, no more.
class ObjectCache {
 public:
  // Reads what there is. `kind` is the beginning of its files' names.
  ObjectCache(FileSystem& files, const Random& random, std::string folder, std::string kind);

  // nullptr: not here. Valid until Save.
  const Bytes* Find(const ObjectInfo& listed) const;
  // As it was got after it was listed so.
  void Add(const ObjectInfo& listed, Bytes object);
  // Writes what was added. What is not among `listed` goes when it is the larger part.
  void Save(const std::vector<ObjectInfo>& listed);

 private:
  struct Kept {
    UnixNs modified = 0;
    Bytes object;
  };
  void ReadFile(const std::string& name);
  bool Write(const std::vector<std::string>& names);

  FileSystem& files_;
  const Random& random_;
  const std::string folder_, kind_;
  std::map<std::string, Kept> kept_;  // by the object's name
  std::vector<std::string> added_;    // names of those that are in no file
  std::vector<std::string> read_;     // files
};

}  // namespace cairn
