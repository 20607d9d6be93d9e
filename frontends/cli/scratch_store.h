// A store for a while, beside the repository's folder.
#pragma once

#include <memory>
#include <string>

#include "engine/env/log.h"
#include "engine/store/local_store.h"

namespace cairn {

// What is put there is on the repository's disk and no part of it: SPEC section 4 has no names for what is nobody's,
// and check tells of every other. The folder <repository>.benchmark-<random> goes with this value; that of a process
// that was killed stays, harms nothing, and the next one names it.
class ScratchStore {
 public:
  // `repository` is the absolute path of a folder. kUnsupported where what is beside it is not on its disk, kNoSpace
  // where there is not room for so many bytes, other Errors where no folder can be made.
  static Result<std::unique_ptr<ScratchStore>> MakeBeside(const std::string& repository, uint64_t bytes, Log& log);
  ~ScratchStore();
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;

  ObjectStore& store() const { return *store_; }
  const std::string& folder() const { return folder_; }

 private:
  explicit ScratchStore(std::string folder) : folder_(std::move(folder)) {}

  const std::string folder_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace cairn
