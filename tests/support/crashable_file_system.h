// A disk in memory whose power can be cut at any step, and which then forgets what was not synced.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/env/file_system.h"
#include "tests/support/seeded_random.h"

namespace cairn {

// Keeps what is durable apart from what is only so while the power stays on. Harsher than any real file system: names
// of one folder are independent of each other, and a rename is the coming of one name and the going of another.
// Durable are only: the bytes of a file after WriteNewFile or NamelessFile::Sync has synced them, and the names that
// were in a folder when SyncFolder was called - if the folder's own name is durable, and so on up to the root, which
// always is.
//
// A step is the smallest change that a crash can leave: a name made or gone, some bytes written, a sync. Reading takes
// none. To try every crash of an operation, run it with CrashAfter(0), CrashAfter(1)... until it comes through.
//
// No links, no "..", no renaming of folders. Safe for concurrent use.
class CrashableFileSystem final : public FileSystem {
 public:
  enum class Outcome {
    kLoseAll,  // nothing survives but what is durable
    kKeepAll,  // everything survives, as if it had been synced
    kRandom,   // each name in one of the states since its last sync; unsynced bytes lost, kept, or torn
  };

  explicit CrashableFileSystem(uint64_t seed = 1, const Clock& clock = SystemClock());
  ~CrashableFileSystem() override;

  uint64_t steps() const;  // so far
  // After this many further steps the power is off: every call fails.
  void CrashAfter(uint64_t steps);
  // Cuts the power, if it is still on, and switches it on again. Locks are free; a FileLock from before has no effect.
  void Crash(Outcome outcome);
  bool is_off() const;

  // The nth further step, from 1, fails with `error`, and has no effect.
  void FailStep(uint64_t n, Error error);
  void SetCapacity(uint64_t bytes);  // of all files together; beyond: kNoSpace
  void SetReadOnly(bool read_only);  // changes fail with kPermission
  // From now on: as one that knows no files without a name; as one that makes them, and names none.
  void SetNameless(bool are_known, bool may_be_named);

  Result<void> WriteNewFile(const std::string& path, ByteSpan bytes) override;
  Result<std::unique_ptr<NamelessFile>> NewNamelessFile(const std::string& folder) override;
  Result<Bytes> ReadFile(const std::string& path) override;
  Result<Bytes> ReadRange(const std::string& path, uint64_t offset, uint64_t size) override;
  Result<void> Rename(const std::string& source, const std::string& target) override;
  Result<void> RenameNew(const std::string& source, const std::string& target) override;
  Result<void> Remove(const std::string& path) override;
  Result<void> RemoveFolder(const std::string& path) override;
  Result<void> MakeFolder(const std::string& path) override;
  Result<void> SyncFolder(const std::string& path) override;
  Result<FileInfo> Stat(const std::string& path) override;
  Result<void> List(const std::string& path, const std::function<void(const FileInfo&)>& each) override;
  Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) override;
  Result<Space> FreeSpace(const std::string& path) override;

 private:
  struct Node;
  using NodeRef = std::shared_ptr<Node>;
  // A name in a folder: what it was at the last sync, and each thing that it has been since. nullptr: absent.
  using History = std::vector<NodeRef>;
  struct Node {
    bool is_folder = false;
    UnixNs modified = 0;
    Bytes bytes;                           // of a file
    bool synced = false;                   // the bytes are durable
    std::map<std::string, History> names;  // of a folder
  };
  struct Place {  // of a path whose folder is there
    NodeRef folder;
    std::string name;
    NodeRef node;  // nullptr: nothing has this name
  };
  class Lock;
  class Nameless;

  // All of these are called with the lock held.
  Result<void> CheckPower() const;
  Result<void> Step(const std::string& what);
  Result<NodeRef> Find(const std::string& path, std::string_view verb) const;
  Result<Place> FindPlace(const std::string& path, std::string_view verb) const;
  Result<NodeRef> FindFile(const std::string& path) const;
  Result<NodeRef> FindFolder(const std::string& path, std::string_view verb) const;
  Result<void> SetName(const Place& place, NodeRef node, const std::string& what);
  Result<void> AppendBytes(Node& node, ByteSpan bytes, const std::string& path);
  Result<void> WriteAndSync(const Place& place, ByteSpan bytes, const std::string& path);
  Result<void> Move(const std::string& source, const std::string& target, bool replace);
  uint64_t UsedBytes(const Node& node) const;
  uint64_t UsedBytes() const;  // with files that have no name yet
  void Settle(Node& node, Outcome outcome);
  void Tear(Bytes& bytes);
  void Unlock(const Node* node, uint64_t crashes);

  const Clock& clock_;
  SeededRandom random_;
  mutable std::mutex mutex_;
  NodeRef root_;  // guarded by mutex_, as what follows
  uint64_t steps_ = 0;
  std::optional<uint64_t> off_at_;
  bool off_ = false;
  std::optional<std::pair<uint64_t, Error>> fail_at_;
  std::optional<uint64_t> capacity_;
  bool read_only_ = false;
  bool nameless_are_known_ = true, nameless_may_be_named_ = true;
  uint64_t nameless_bytes_ = 0;
  std::set<const Node*> locked_;
  uint64_t crashes_ = 0;
};

}  // namespace cairn
