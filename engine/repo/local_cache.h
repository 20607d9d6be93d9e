// What this machine remembers of a repository. All of it is derived or advisory: it may be lost at any time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "repo-format/ids.h"

namespace cairn {

// A folder for each repository below the cache's root (0700, files 0600):
//   machine-id                 16 random bytes of this machine and user (in the root itself)
//   <repository id>/CACHEDIR.TAG  so that backups leave it out
//   <repository id>/index      the derived index
//   <repository id>/metadata   packs of a far store (MetadataCache)
//   <repository id>/objects    small objects of a far store (ObjectCache, OwnObjects)
//   <repository id>/checked    packs of a far store, for one run (RunMetadata)
//   <repository id>/remembered newest config, key that opened last, snapshots that were there
//   <repository id>/files-*    file caches of backups
//   <repository id>/running/<sid>  locked by the process that runs this session: proof of life and death
// Safe for concurrent use by threads and processes. A damaged file counts as missing.
class LocalCache {
 public:
  // `root` is made where it is missing. `name` is the folder's name within it (the repository's id in hex).
  static Result<std::unique_ptr<LocalCache>> Open(FileSystem& files, const Random& random, const std::string& root,
                                                  const RepositoryId& repository);

  const std::string& folder() const { return folder_; }
  FileSystem& files() const { return files_; }
  std::string IndexFolder() const { return folder_ + "/index"; }
  std::string MetadataFolder() const { return folder_ + "/metadata"; }
  std::string ObjectFolder() const { return folder_ + "/objects"; }
  std::string CheckedFolder() const { return folder_ + "/checked"; }
  const ObjectId& machine() const { return machine_; }

  struct Remembered {
    uint64_t config_number = 0;
    Digest config_digest;
    std::optional<KeyId> key;
    std::vector<std::pair<SnapshotId, Digest>> snapshots;  // ascending
    // Sessions that looked dead: what was seen of each (a digest of its signs of life) and since when.
    struct QuietSession {
      SessionId session;
      Digest signs;
      int64_t since = 0;  // UnixNs
    };
    std::vector<QuietSession> quiet;  // ascending by session
    // Deleted snapshots of a store that tells no dates: since when this machine has seen each object.
    struct DeletedSeen {
      Digest object;
      int64_t since = 0;  // UnixNs
    };
    std::vector<DeletedSeen> deleted;  // ascending by object
  };
  Remembered Load() const;
  Result<void> Store(const Remembered& remembered);

  // The lock of a running session, held until it goes.
  Result<std::unique_ptr<FileLock>> LockSession(const SessionId& session);
  // Sessions of this machine whose process is dead: their lock could be taken, and is held while this lives, so that
  // nobody begins a session of that id meanwhile. Their files stay until ForgetDead.
  struct DeadSession {
    SessionId id;
    std::unique_ptr<FileLock> lock;
  };
  std::vector<DeadSession> DeadSessions() const;
  void ForgetDead(const SessionId& session);
  // Puts beside a session's lock that it is of this process, and whether it is of this one. Numbers of processes say
  // less: containers that share this folder have equal ones.
  void NoteOwner(const SessionId& session) const;
  bool IsOfThisProcess(const SessionId& session) const;

  Result<std::optional<Bytes>> ReadFile(const std::string& name) const;   // below folder(); nothing where missing
  Result<void> WriteFile(const std::string& name, ByteSpan bytes) const;  // atomic

 private:
  std::string LockOf(const SessionId& session) const { return folder_ + "/running/" + session.ToHex(); }
  std::string OwnerOf(const SessionId& session) const { return LockOf(session) + ".process"; }
  LocalCache(FileSystem& files, const Random& random, std::string folder, ObjectId machine)
      : files_(files), random_(random), folder_(std::move(folder)), machine_(machine) {}
  FileSystem& files_;
  const Random& random_;
  std::string folder_;
  ObjectId machine_;
};

}  // namespace cairn
