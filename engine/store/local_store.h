// A folder of this machine as a store.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "engine/store/object_store.h"

namespace cairn {

// Objects are files (0600) in folders (0700) below a root. What is put is first written and synced under a random name
// in tmp/, and then renamed, so that a crash or a full disk never leaves half an object; names are synced before a call
// returns, those of new folders too. A draft grows in a file without a name beside it, which a crash takes along; where
// the file system knows none, or nothing can be named there, it is in memory. `tmp` and `lost+found` in the root are
// not the repository's: nothing in them is an object, and no object may be put there.
//
// Safe for concurrent use by threads and processes. Borrows the file system and the randomness. Errors name the path.
class LocalStore final : public ObjectStore {
 public:
  // kNotFound where the folder is missing.
  static Result<std::unique_ptr<LocalStore>> Open(FileSystem& files, const Random& random, const std::string& root);
  // Makes the folder, and those above it, where they are missing. kAlreadyExists where it holds what is not cairn's;
  // success where it is a repository already. kUnsupported where its file system cannot give a file its name only where
  // that is free: found by doing it, in tmp/.
  static Result<std::unique_ptr<LocalStore>> Create(FileSystem& files, const Random& random, const std::string& root);

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<std::unique_ptr<ObjectDraft>> NewDraft(uint64_t bytes_expected) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<void> GetInto(const ObjectName& name, uint64_t size_max, Bytes& bytes) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  // A folder whose name no object can begin with is given to `stranger` as a whole, with "/" at its end.
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  std::string description() const override { return root_; }

  // Removes what crashes have left under tmp/ and is older than a day by the file system's own clock: nobody takes that
  // long to write one object. Best effort: what cannot be removed stays for the next time.
  Result<void> CleanTemporary() override;

 private:
  class Draft;
  LocalStore(FileSystem& files, const Random& random, std::string root)
      : files_(files), random_(random), root_(std::move(root)) {}
  std::string PathOf(const std::string& relative) const;
  // Gives the path of the temporary file that `write` made, with all the object's bytes synced, to `rename`; the
  // temporary is gone afterwards. Once more where somebody has removed a folder that we know.
  using WriteTo = std::function<Result<void>(const std::string& temporary)>;
  using Rename = std::function<Result<void>(const std::string& temporary)>;
  Result<void> PutBy(const ObjectName& name, const WriteTo& write, const Rename& rename);
  Result<void> TryPutBy(const ObjectName& name, const WriteTo& write, const Rename& rename);
  WriteTo Writing(ByteSpan bytes);  // borrows the bytes
  Rename Replacing(const ObjectName& name);
  // The folder of temporary files is there; the path of a new one, which is not.
  Result<std::string> NewTemporaryPath();
  Result<std::string> WriteTemporary(const WriteTo& write);
  Result<std::unique_ptr<NamelessFile>> NewTemporaryNameless();
  Result<void> SyncFolderOf(const ObjectName& name);
  Result<void> ProbeRenameNew();
  Result<void> EnsureFolder(const std::string& relative);
  void ForgetFolders();
  // kNotFound where the folder is missing; kIo where it was there before, and is gone or another now: its disk may have
  // been unmounted, and what is put into the empty folder below it would be lost.
  Result<void> CheckRoot();
  // What `look` gives. A file system in user space may say for a moment that a file is missing for which another is
  // just being put: what seems to be missing is looked for again.
  template <class Look>
  static auto LookFor(const Look& look) -> decltype(look()) {
    constexpr int kLooksMax = 5;
    auto found = look();
    for (int looks = 1; looks < kLooksMax && !found && found.error().code() == ErrorCode::kNotFound; ++looks) {
      found = look();
    }
    return found;
  }
  // Whether what is missing is missing in the repository.
  template <class T>
  Result<T> Missing(Result<T> result) {
    if (!result && result.error().code() == ErrorCode::kNotFound) RETURN_IF_ERROR(CheckRoot());
    return result;
  }
  Result<void> ListFolder(const std::string& relative, const Each& each, const Stranger& stranger);

  FileSystem& files_;
  const Random& random_;
  std::atomic<bool> can_name_drafts_ = true;  // until one could not be named: two ways to the disk are one too many
  const std::string root_;                    // without a "/" at its end, but for "/" itself
  std::mutex mutex_;
  std::optional<std::pair<uint64_t, uint64_t>> root_identity_;  // guarded by mutex_; as it was first seen
  std::set<std::string> known_folders_;  // guarded by mutex_; relative, known to be there and durable
};

}  // namespace cairn
