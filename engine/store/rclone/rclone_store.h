// A remote of rclone's as a store: Google Drive, OneDrive, SMB, FTP, and what else rclone has.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/random.h"
#include "engine/store/object_store.h"
#include "engine/store/rclone/rclone_child.h"
#include "engine/store/rclone/rclone_remote.h"

namespace cairn::rclone {

// What is after "rclone:" in an address, as a remote. kInvalidArgument where it is none, or holds a password.
Result<std::string> ParseRemote(std::string_view text);

// Requests go to `rclone rcd`, a child of this process, and from there straight to the remote: nothing in between keeps
// a listing that is old, or tells half of one as all. A child that has ended is started again by the next call.
//
// Files lie as WebdavStore has them (webdav/layout.h): what is put is first put under a random name in tmp/, for an
// upload that is cut off may leave half a file, and then moved; an object below config/ or snapshots/ is a folder, in
// which a Put over it adds a file and then removes the older ones.
//
// No two processes may write at the same time: rclone has nothing by which exactly one of several fills a name.
// Within this process PutIfAbsent is exact. What "durable" means is the remote's business.
//
// Safe for concurrent use; borrows the randomness and the clock. Errors name the remote, the path, and rclone's words.
class RcloneStore final : public ObjectStore {
 public:
  // Starts nothing yet: what is wrong shows at the first call.
  static std::unique_ptr<RcloneStore> Open(Options options, const Random& random, const Clock& clock,
                                           std::stop_token stop);
  // Makes the folder where it is missing. kAlreadyExists where it holds what is not cairn's; success where it is a
  // repository already. kUnsupported where the remote cannot move a file, or not replace or read it as it should: found
  // by doing it, in tmp/.
  static Result<std::unique_ptr<RcloneStore>> Create(Options options, const Random& random, const Clock& clock,
                                                     std::stop_token stop);

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  // What is older than a day by the remote's own clock.
  Result<void> CleanTemporary() override;
  bool is_far() const override { return true; }
  bool takes_one_writer() const override { return true; }
  std::string description() const override { return "rclone:" + options_.remote; }

 private:
  // A child, and what talks to it.
  struct Served {
    explicit Served(std::unique_ptr<Child> started, const Options& options)
        : child(std::move(started)), remote(*child, options) {}
    std::unique_ptr<Child> child;
    Remote remote;
  };
  struct Version {
    uint64_t number = 0;
    uint64_t size = 0;
    UnixNs modified = 0;
  };
  class NameLock;

  RcloneStore(Options options, const Random& random, const Clock& clock, std::stop_token stop);
  // The child that is at work, started where there is none.
  Result<std::shared_ptr<Served>> Serving();

  static Result<void> NeedObjectsPlace(const ObjectName& name);
  Result<void> PutFile(Remote& remote, const std::string& path, ByteSpan bytes);
  // Of a shared object, newest first; none where it is absent.
  Result<std::vector<Version>> VersionsOf(Remote& remote, const ObjectName& name);
  // Asks for the file of an object. A shared one that was replaced is looked for.
  template <class Ask>
  auto AskFor(const ObjectName& name, const Ask& ask) -> decltype(ask(std::declval<Remote&>(), std::string()));
  Result<bool> IsThere(Remote& remote, const ObjectName& name);
  Result<void> ListFiles(Remote& remote, std::string_view prefix, const Each& each, const Stranger& stranger);
  Result<bool> HasFolder(Remote& remote, const std::string& path);
  // What is not there is so, and the repository not gone with its disk.
  Result<void> NeedRepository(Remote& remote);
  Result<void> ProbeFiles(Remote& remote);

  const Options options_;
  const Random& random_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::mutex start_mutex_;  // held while a child starts
  std::mutex mutex_;
  std::shared_ptr<Served> served_;    // guarded by mutex_
  std::set<std::string> busy_names_;  // guarded by mutex_; of which the files are being changed
  std::condition_variable name_is_free_;
  std::atomic<bool> has_seen_config_ = false;
};

}  // namespace cairn::rclone
