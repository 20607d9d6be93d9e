// Reads a file of this machine, holes and data apart.
#pragma once

#include <sys/stat.h>

#include "engine/source/source.h"
#include "frontends/files/descriptor.h"

namespace cairn::files {

ChangeMark MarkOf(const struct stat& status);

// Reads as many bytes as there were when it was opened: a file that grows is read to there, one that shrinks ends
// earlier. One thread at a time.
class LocalFile : public SourceFile {
 public:
  LocalFile(Descriptor file, const struct stat& status);
  Result<Extent> NextExtent() override;
  Result<size_t> Read(MutableByteSpan target) override;
  void ReadSoon() override;
  Result<ChangeMark> Mark() override;

 private:
  Result<Extent> SeekExtent();

  const Descriptor file_;
  uint64_t size_;
  bool may_have_holes_;
  uint64_t offset_ = 0;
  uint64_t data_end_ = 0;  // of the extent in hand
};

}  // namespace cairn::files
