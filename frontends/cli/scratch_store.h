// A store for a while, beside the repository's folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "engine/env/log.h"
#include "engine/store/local_store.h"

namespace cairn {

// A folder that this run makes and removes. It is known by device and inode, so that what somebody has put in its place
// stays. Shared by who uses it and who removes it when the user forces the end: safe for concurrent use.
class ScratchFolder {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  // Once. kAlreadyExists where the name is filled, kInterrupted where it was removed before it was made.
  Result<void> Make();
  // With all that is in it. Success where it was never made, or is gone by an earlier call; kBusy while another thread
  // makes it; kNotFound and kAlreadyExists where it is no longer at its path, and whatever else is there was left
  // alone.
  Result<void> Remove();

 private:
  enum class State : uint8_t { kNew, kMaking, kMade, kGone };
  using Identity = std::pair<uint64_t, uint64_t>;  // device, inode
  Result<Identity> Look() const;
  void Set(State state, const std::optional<Identity>& identity);

  const std::string path_;
  std::mutex mutex_;
  State state_ = State::kNew;         // guarded by mutex_
  std::optional<Identity> identity_;  // guarded by mutex_; of what was made
};

// What is put there is on the repository's disk and no part of it: SPEC section 4 has no names for what is nobody's,
// and check tells of every other. The folder <repository>.benchmark-<random> goes with this value; that of a process
// that was killed stays, harms nothing, and the next one names it. A CACHEDIR.TAG is in it, for backups of the folder
// around it.
class ScratchStore {
 public:
  // `repository` is the absolute path of a folder; `announce` is given the folder before it is made. kUnsupported where
  // what is beside it is not on its disk, kNoSpace where there is not room for so many bytes, other Errors where no
  // folder can be made.
  using Announce = std::function<void(std::shared_ptr<ScratchFolder> folder)>;
  static Result<std::unique_ptr<ScratchStore>> MakeBeside(const std::string& repository, uint64_t bytes, Log& log,
                                                          const Announce& announce);
  // Removes it where Remove did not try; what is left is told to the log.
  ~ScratchStore();
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;

  ObjectStore& store() const { return *store_; }  // until Remove
  const std::string& folder() const { return folder_->path(); }
  // An Error, which is told to the log too: the folder was left, or some of what is in it.
  Result<void> Remove();

 private:
  ScratchStore(std::shared_ptr<ScratchFolder> folder, Log& log) : folder_(std::move(folder)), log_(log) {}

  const std::shared_ptr<ScratchFolder> folder_;
  Log& log_;
  std::unique_ptr<ObjectStore> store_;
  bool tried_ = false;  // to remove it
};

}  // namespace cairn
