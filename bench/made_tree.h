// A tree of very many small files that is nowhere but in numbers.
#pragma once

#include "engine/source/source.h"

namespace cairn::bench {

inline constexpr uint64_t kFilesPerFolder = 1000, kFoldersPerGroup = 100;
inline constexpr uint64_t kContents = 100'000;   // so many files later the same bytes come again
inline constexpr uint64_t kChangeEach = 10'000;  // of so many files one is another in each generation

// /made/group-<n>/folder-<n>/file-<n>: `files` of them. A generation differs from the one before in every
// kChangeEach-th file. The same on every machine. Safe for concurrent use.
class MadeTree : public Source {
 public:
  MadeTree(uint64_t files, uint64_t generation) : files_(files), generation_(generation) {}
  ItemKind kind() const override { return ItemKind::kFiles; }
  SourceKind chunking() const override { return SourceKind::kFiles; }
  std::string name() const override { return "files"; }
  std::vector<Bytes> paths() const override { return {ToBytes(AsBytes("/made"))}; }
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override { return SourceEntry{}; }

 private:
  const uint64_t files_, generation_;
};

}  // namespace cairn::bench
