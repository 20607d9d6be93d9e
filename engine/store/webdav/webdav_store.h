// A folder of a WebDAV server as a store.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/env/random.h"
#include "engine/http/client.h"
#include "engine/http/request_limit.h"
#include "engine/store/object_store.h"
#include "engine/store/webdav/multistatus.h"
#include "engine/store/webdav/place.h"

namespace cairn::webdav {

struct Options {
  Place place;
  std::string user;  // "": nobody is named
  std::string password;
  http::ClientSettings client;
  std::shared_ptr<http::RequestLimit> limit;  // may be empty; of all copies together
};

// Objects are files in folders below a root, as LocalStore has them, and what is put is first put under a random name
// in tmp/ and then moved. `tmp` and `lost+found` in the root are not the repository's.
//
// Only one thing in WebDAV lets exactly one of several win on all servers that were tried: moving a folder that is
// not empty, Overwrite: F. The system that the server runs on renames no folder over a filled one, whatever the
// server had seen before. So an object that several may want to be the first to put, a shared one, below config/ or
// snapshots/, is a folder with the file "_" in it: PutIfAbsent moves it into its place as a whole, and Remove moves it
// out. What was found, by 400 rounds of 8 at once (two winners in so many of them):
//
//     server                               a file is moved   a folder is moved   MKCOL
//     Apache 2.4.71, mod_dav_fs                  169                 0              0
//     nginx 1.22, dav_ext, four workers            1                 0              0
//     rclone 1.60 serve webdav                     0                 0            399
//
// LOCK and If-None-Match let several win too (Apache), or are not minded (nginx, rclone). Of other servers nothing is
// known but what Create finds out: that they refuse to move onto a name that is filled. PutIfAbsent of other names,
// which the protocol never asks for, moves a file, and is as sound as the first column.
//
// Nor is a file replaced by another in one step: Apache and rclone remove the first, and give a reader the size of the
// one with bytes of the other. So Put over a shared object adds a file to its folder ("_1", then "_2"), and then
// removes the older ones: readers take "_", and where that is gone the one that is there. Of what is not shared the
// protocol replaces tombstones only: one that is missed for a moment is one that came later, one that does not read is
// put again.
//
// What "durable" means is the server's business: none of them syncs a file before it answers.
//
// Safe for concurrent use; borrows the randomness. Errors name the URL. A listing asks for one folder at a time.
class WebdavStore final : public ObjectStore {
 public:
  // Asks for nothing yet: what is wrong shows at the first call.
  static std::unique_ptr<WebdavStore> Open(Options options, const Random& random);
  // Makes the folder, and those above it, where they are missing. kAlreadyExists where it holds what is not cairn's;
  // success where it is a repository already. kUnsupported where the server moves things onto a filled name though it
  // is told not to, or gives no ranges: found by doing it, in tmp/.
  static Result<std::unique_ptr<WebdavStore>> Create(Options options, const Random& random);

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  // kUnsupported where the server ignores ranges.
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  // A folder whose name no object can begin with is given to `stranger` as a whole, with "/" at its end.
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  bool is_far() const override { return true; }
  bool may_have_two_winners() const override { return true; }  // none says that a MOVE is one step
  std::string description() const override { return options_.place.text(); }
  // What is older than a day by the server's own clock.
  Result<void> CleanTemporary() override;

 private:
  struct Call {
    std::string method;
    std::string path;  // below the root; a folder's ends with "/"
    http::Headers headers = {};
    ByteSpan body = {};
    uint64_t answer_bytes_max = 0;
    std::function<Result<void>(ByteSpan)> sink = {};
  };
  struct Listing {
    Entry self;
    std::vector<Entry> entries;  // of a folder
    UnixNs server_time = 0;      // 0: not said
  };

  enum class Onto : uint8_t { kFree, kAny };  // what a move may be made onto
  struct Listener {
    std::string_view prefix;
    const Each& each;
    const Stranger& stranger;
  };

  WebdavStore(Options options, const Random& random);
  std::string UrlOf(std::string_view path) const { return options_.place.UrlOf(path); }
  Result<http::Response> Send(const Call& call) { return SendTo(options_.place, call); }
  Result<http::Response> SendTo(const Place& place, const Call& call);
  Error ErrorOf(const http::Response& response, std::string_view what) const;
  Error ErrorOf(const http::Response& response, const Call& call) const;
  // GET or HEAD of an object: the answer where it succeeded, or is about the range (416). kNotFound only where the
  // object is absent. Sets the path.
  Result<http::Response> Ask(const ObjectName& name, Call& call);
  Result<std::string> PathNow(const ObjectName& name);  // "": it is absent

  Result<bool> IsFolder(const std::string& path);
  Result<void> MakeFolder(const std::string& path);    // and those above it
  Result<void> EnsureFolder(const std::string& path);  // as MakeFolder, once
  void ForgetFolders();
  Result<void> NeedRoot();
  Result<void> MakeRoot();

  // These give the first answer that is no success, or that to the move. A `to` or `temporary` that ends with "/" is
  // the folder of a shared object, and gets its file.
  Result<http::Response> PutByMove(const std::string& to, ByteSpan bytes, Onto onto);
  Result<http::Response> PutByMoveOnce(const std::string& to, ByteSpan bytes, Onto onto);
  Result<http::Response> Stage(const std::string& temporary, ByteSpan bytes);
  Result<http::Response> Move(const std::string& from, const std::string& to, Onto onto);
  Result<void> RemoveOlder(const ObjectName& name, const std::vector<Entry>& entries);
  std::string NewTemporary() const;
  void RemoveTemporary(const std::string& path);

  // Nothing where there is nothing. A listing of a folder by Depth: 1 has entries.
  Result<std::optional<Listing>> ListEntries(const std::string& path, std::string_view depth);
  Result<void> ListFolder(const std::string& folder, const Listener& listener);
  Result<void> ListShared(const std::string& folder, const Entry* newest, const Listener& listener);
  Result<void> ListEntry(const std::string& folder, const Entry& entry, const Listener& listener);

  Result<void> ProbeMoves();
  Result<void> ProbeRanges();

  const Options options_;
  const Random& random_;
  http::Client client_;
  std::mutex mutex_;
  std::set<std::string> known_folders_;  // guarded by mutex_; known to be there
};

}  // namespace cairn::webdav
