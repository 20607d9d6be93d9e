// Small objects of a far store that this machine has put, for its next run: that need not get them.
#pragma once

#include <optional>
#include <string>

#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "repo-format/base/bytes.h"
#include "repo-format/object_name.h"

namespace cairn {

// Segments, whose names are used once, and snapshots, which only a fence overwrites: an object counts only where the
// store lists it, and is verified again by who takes it. Each is a file that ends with a checksum, and goes when it is
// taken; of those that nobody took a few stay.
//
// It answers for the store: a check must not use it. Safe for concurrent use by threads and processes. Borrows files
// and randomness. A folder that fails costs requests, no more.
class OwnObjects {
 public:
  OwnObjects(FileSystem& files, const Random& random, std::string folder)
      : files_(files), random_(random), folder_(std::move(folder)) {}

  // It was put.
  void Keep(const ObjectName& name, ByteSpan object);
  // Nothing: it is not here, or was taken.
  std::optional<Bytes> Take(const ObjectName& name);

 private:
  std::string PathOf(const ObjectName& name) const;
  void MakeRoom();

  FileSystem& files_;
  const Random& random_;
  const std::string folder_;
};

class Repository;
// Nothing where the repository keeps no objects on this machine.
std::optional<OwnObjects> OwnObjectsOf(const Repository& repository, const Random& random);

}  // namespace cairn
