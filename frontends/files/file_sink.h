// A folder of this machine as a Sink.
#pragma once

#include <memory>
#include <string>

#include "engine/env/random.h"
#include "engine/source/sink.h"

namespace cairn {

struct FileSinkOptions {
  std::string target;
  bool read_only = false;       // only to look: nothing is made or changed, and a target that is missing looks empty
  bool numeric_ids = false;     // else owners by name where this machine has the name, by number where it has not
  bool sparse = true;           // holes stay holes; else they become zeros that take room
  size_t open_files_max = 128;  // descriptors that are kept at once; more files may be in the writing
  bool openat2 = true;          // false: name by name with O_NOFOLLOW, as where the system has no openat2
};

// Below the target no symbolic link is followed, whoever puts one there and when: see Sink. New files are written under
// a temporary name beside their own (".cairn-<16 hex>"), and take the place of what is there in Finish; one whose
// writing is not finished is removed when its SinkFile goes. Nothing is synced: a restore that a power cut ends is
// begun again.
class FileSink : public Sink {
 public:
  static Result<std::unique_ptr<FileSink>> Make(FileSinkOptions options, const Random& random = SystemRandom());
  ~FileSink() override;

  Result<std::optional<SinkExisting>> Existing(const TreePath& path) override;
  Result<std::vector<Bytes>> List(const TreePath& folder) override;
  Result<void> MakeFolder(const TreePath& path) override;
  // A file with further names is not written in place: that would change what they lead to, wherever they are.
  Result<std::unique_ptr<SinkFile>> OpenFile(const TreePath& path, uint64_t size, bool in_place,
                                             const Node* node = nullptr) override;
  Result<void> MakeSpecial(const TreePath& path, const Node& node) override;
  Result<void> MakeLink(const TreePath& path, const TreePath& first) override;
  Result<void> SetMetadata(const TreePath& path, const Node& node,
                           const std::vector<std::pair<Bytes, Bytes>>& attributes) override;
  Result<void> Remove(const TreePath& path) override;
  // By the destructor too, when the last of the files is gone; but then nobody hears of an Error.
  Result<void> Close() override;
  void SetFindingSink(FindingSink findings) override;

 private:
  struct Shared;
  class File;
  explicit FileSink(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;  // with the files
};

}  // namespace cairn
