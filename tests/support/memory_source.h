// Files in memory as a source of a backup.
#pragma once

#include <map>
#include <string>

#include "engine/source/source.h"

namespace cairn {

// One folder of files. Borrows the map, which may change between backups; a file's mark follows its bytes. A name that
// ends with "+" has an extended attribute.
using MemoryFiles = std::map<std::string, std::string>;

class MemorySource : public Source {
 public:
  explicit MemorySource(const MemoryFiles& files) : files_(files) {}
  ItemKind kind() const override { return ItemKind::kFiles; }
  SourceKind chunking() const override { return SourceKind::kFiles; }
  std::string name() const override { return "files"; }
  std::vector<Bytes> paths() const override { return {ToBytes(AsBytes("/memory"))}; }
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override { return SourceEntry{}; }

 private:
  const MemoryFiles& files_;
};

}  // namespace cairn
