// A folder of an SSH server as a store.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "engine/env/random.h"
#include "engine/store/object_store.h"
#include "engine/store/sftp/remote_files.h"
#include "engine/store/sftp/sftp_options.h"
#include "engine/store/sftp/sftp_place.h"
#include "engine/store/sftp/sftp_pool.h"

namespace cairn {

// The same files in the same folders as LocalStore's, so that a repository may be used by either. The transport is the
// system's `ssh`, a process for each of a few connections; SFTP version 3 with OpenSSH's extensions is ours.
//
// What is put is first written under a random name in tmp/ and synced (fsync@openssh.com). Then
//  - Put replaces by posix-rename@openssh.com. A server without it gets the plain rename, which fills an empty name;
//    where the name is filled and the server refuses, that is kUnsupported, and nothing is changed: `forget` needs a
//    server that replaces.
//  - PutIfAbsent links the file to its name (hardlink@openssh.com): the server's system decides who is first. A server
//    without it gets the plain rename, after it was seen to refuse one on to a filled name: that it looks and renames
//    in one step is the server's word (OpenSSH's links, too). One that replaces is kUnsupported, and so is a disk
//    without hard links, for which OpenSSH's rename would look first and then rename.
//
// Durability: the bytes of a file are synced where the server offers it. So are names, through a descriptor of their
// folder, where the server opens one (OpenSSH on Linux does): SFTP itself knows no way. Elsewhere they survive a power
// cut of the server once its file system has come to write them.
//
// A connection that breaks, or is silent for too long, is a transient Error, and the next call opens a new one. Stop
// ends a wait for a new connection; calls under way end by themselves, but wait for a silent server no longer than
// options.stopped_max. Once the root was seen with a repository in it, a root or folder that is gone is kIo, is never
// made anew, and an empty one is not listed as empty: the server's disk may have been unmounted.
//
// Safe for concurrent use. Borrows the randomness and the clock. Errors name host and path.
class SftpStore final : public ObjectStore {
 public:
  // kNotFound where the folder is missing. Asks nothing of the server that changes something.
  static Result<std::unique_ptr<SftpStore>> Open(const SftpPlace& place, const SftpOptions& options,
                                                 const Random& random, const Clock& clock, std::stop_token stop);
  // Makes the folder, and those above it, where they are missing. kAlreadyExists where it holds what is not cairn's;
  // success where it is a repository already. kUnsupported where PutIfAbsent cannot be had there.
  static Result<std::unique_ptr<SftpStore>> Create(const SftpPlace& place, const SftpOptions& options,
                                                   const Random& random, const Clock& clock, std::stop_token stop);

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  // A folder whose name no object can begin with is given to `stranger` as a whole, with "/" at its end. Memory: the
  // entries of the folders that are listed at once.
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  // As LocalStore's, by the server's clock.
  Result<void> CleanTemporary() override;
  bool is_far() const override { return true; }
  std::string description() const override { return place_.Text(); }

 private:
  enum class FolderSyncs { kUnknown, kDone, kRefused };
  enum class PlainRename { kUnknown, kRefusesFilled, kReplaces };

  SftpStore(const SftpPlace& place, const SftpOptions& options, const Random& random, const Clock& clock,
            std::stop_token stop);
  static Result<std::unique_ptr<SftpStore>> Connect(const SftpPlace& place, const SftpOptions& options,
                                                    const Random& random, const Clock& clock, std::stop_token stop);
  Result<sftp::RemoteFiles> Files(sftp::Traffic traffic = sftp::Traffic::kFew);
  std::string PathOf(const std::string& relative) const;
  std::string NewTemporary() const;

  // The root, and config/ where it is a repository.
  std::vector<std::string> RootPaths() const;
  Result<void> JudgeRoot(const std::vector<Result<sftp::RemoteInfo>>& found) const;
  Result<void> CheckRoot(sftp::RemoteFiles& files);
  Result<void> RefuseForeign(sftp::RemoteFiles& files);
  Result<void> MakeRoot(sftp::RemoteFiles& files, const std::string& path);
  Result<void> EnsureFolders(sftp::RemoteFiles& files, const std::vector<std::string>& relative);
  Result<void> EnsureFolder(sftp::RemoteFiles& files, const std::string& relative) {
    return EnsureFolders(files, {relative});
  }
  Result<void> MakeFolder(sftp::RemoteFiles& files, const std::string& relative);
  void NoteFolder(const std::string& relative);
  bool IsKnown(const std::string& relative);

  // Writes a temporary file and gives its path to `place`, which takes it away; where that fails it is removed.
  Result<void> PutBy(sftp::RemoteFiles& files, const ObjectName& name, ByteSpan bytes,
                     const std::function<Result<void>(const std::string& temporary)>& place);
  Result<void> Replace(sftp::RemoteFiles& files, const ObjectName& name, const std::string& temporary);
  // False: the name is filled.
  Result<bool> Fill(sftp::RemoteFiles& files, const ObjectName& name, const std::string& temporary);
  Result<void> ChangeAndSync(sftp::RemoteFiles& files, const std::string& relative,
                             const std::function<Result<void>()>& change);
  // Whether a name can be filled by one only.
  Result<void> ProbeFill(sftp::RemoteFiles& files);
  Result<void> ProbeLink(sftp::RemoteFiles& files);
  Result<void> ProbeRename(sftp::RemoteFiles& files);

  // The error of a write of `size` bytes, with what the server tells of the disk; `folder`: "", that of the root.
  Error Explained(sftp::RemoteFiles& files, Error error, uint64_t size, const std::string& folder = "");
  // Of what is not found: whether the repository is still there.
  template <class T>
  Result<T> Missing(sftp::RemoteFiles& files, Result<T> result);
  Result<void> ListFolders(sftp::RemoteFiles& files, const std::vector<std::string>& folders, const Each& each,
                           const Stranger& stranger);
  Result<void> GiveListed(sftp::RemoteFiles& files, const std::vector<std::string>& folders,
                          std::vector<sftp::RemoteFolder> listed, const Each& each, const Stranger& stranger);

  const SftpPlace place_;
  const Random& random_;
  sftp::ConnectionPool pool_;
  std::atomic<bool> is_repository_ = false;  // config/ was seen, or made
  std::atomic<FolderSyncs> folder_syncs_ = FolderSyncs::kUnknown;
  std::atomic<PlainRename> plain_rename_ = PlainRename::kUnknown;
  std::mutex mutex_;
  std::set<std::string> known_folders_;  // guarded by mutex_; relative, were there
};

}  // namespace cairn
