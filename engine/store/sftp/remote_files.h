// Files of an SFTP server, as the store needs them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "engine/store/sftp/sftp_pool.h"

namespace cairn::sftp {

struct RemoteInfo {
  std::string name;  // the last part of the path; "" where it was not listed
  bool is_folder = false;
  bool is_other = false;  // neither folder nor file
  uint64_t size = 0;
  UnixNs modified = 0;  // whole seconds, by the server's clock
};

struct RemoteFolder {
  bool is_missing = false;
  std::vector<RemoteInfo> entries;
};

enum class FolderSync { kDone, kNoFolder, kRefused };

// Calls over one connection; reads, writes and listings have many requests under way. Paths are the server's. Errors
// name host and path: kNotFound, kPermission, kNoSpace, kUnsupported as the server says, kIo for its "failure", and a
// transient kIo where the connection broke. Nothing is durable but what is said here.
//
// One thread at a time; borrows `host`.
class RemoteFiles {
 public:
  RemoteFiles(Lease connection, const std::string& host) : connection_(std::move(connection)), host_(host) {}

  Result<RemoteInfo> Stat(const std::string& path);  // follows links
  // Several in one way to the server and back.
  std::vector<Result<RemoteInfo>> StatAll(const std::vector<std::string>& paths);
  // A new file (0600), its bytes synced where the server offers that. Where it fails something may be left.
  Result<void> WriteNew(const std::string& path, ByteSpan bytes);
  // kCorrupt where it has more than `size_max`, or is no file.
  Result<Bytes> ReadAll(const std::string& path, uint64_t size_max);
  // kCorrupt where the file ends before.
  Result<Bytes> ReadRange(const std::string& path, uint64_t offset, uint64_t size);
  Result<void> MakeFolder(const std::string& path);  // 0700
  Result<void> Remove(const std::string& path);
  void RemoveLater(const std::string& path);                                   // is sent; nobody waits for the answer
  Result<void> Replace(const std::string& source, const std::string& target);  // posix-rename@openssh.com
  Result<void> Rename(const std::string& source, const std::string& target);   // plain: servers differ
  Result<void> Link(const std::string& source, const std::string& target);     // hardlink@openssh.com
  // Link, and then `source` goes, whether it was linked or not.
  Result<void> LinkAndRemove(const std::string& source, const std::string& target);
  Result<Space> FreeSpace(const std::string& path);  // kUnsupported where the server does not tell
  // What each folder holds, in the same order; links are followed. After they were opened, and on the same way, each of
  // `then` is asked for: `found` has an answer for each, or is empty where the connection broke.
  Result<std::vector<RemoteFolder>> List(const std::vector<std::string>& paths,
                                         const std::vector<std::string>& then = {},
                                         std::vector<Result<RemoteInfo>>* found = nullptr);
  // Makes `change` in the folder, and syncs its names: kDone, they survive a power cut. That takes a server that opens
  // a folder as it opens a file, which OpenSSH's does where its system lets it. The folder is asked for before the
  // change, so that both need one way to the server less.
  Result<FolderSync> ChangeAndSync(const std::string& folder, const std::function<Result<void>()>& change);

  bool Offers(std::string_view extension) const { return connection_->Offers(extension); }

 private:
  class Sent;
  class Handle;
  struct Wanted {
    uint64_t offset = 0;
    std::optional<uint64_t> size;  // nothing: to the end
    uint64_t size_max = 0;
  };
  std::string Named(const std::string& path) const { return host_ + ":" + path; }
  Result<void> Judge(const Answer& answer, const std::string& path) const;
  Result<Answer> Take(uint32_t id, const std::string& path, PacketType expected);
  Result<void> TakeStatus(uint32_t id, const std::string& path);
  Result<void> Do(PacketWriter request, const std::string& path);
  void Post(PacketWriter request);
  Result<uint32_t> SendOpen(const std::string& path, uint32_t flags);
  Result<Handle> TakeHandle(uint32_t id, const std::string& path);
  Result<uint32_t> SendRead(const Handle& handle, uint64_t offset, uint64_t size);
  // What came; 0: the file ends before.
  Result<uint64_t> TakeData(uint32_t id, const std::string& path, MutableByteSpan target);
  Result<Bytes> ReadWanted(const std::string& path, const Wanted& wanted);
  Result<uint64_t> SizeWanted(const std::string& path, const Wanted& wanted, const Attributes& attributes) const;
  Result<void> ReadInto(const Handle& handle, const std::string& path, uint64_t offset, MutableByteSpan target);
  Result<RemoteInfo> InfoOf(const Attributes& attributes) const;
  Result<RemoteInfo> TakeStat(uint32_t id, const std::string& path);
  Result<bool> TakeEntries(uint32_t id, const std::string& path, RemoteFolder& folder, std::vector<size_t>& links);
  Result<void> FollowLinks(const std::string& path, RemoteFolder& folder, const std::vector<size_t>& links);

  Lease connection_;
  const std::string& host_;
};

}  // namespace cairn::sftp
