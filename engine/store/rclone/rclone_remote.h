// Files of one of rclone's remotes, as its remote control has them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/env/clock.h"
#include "engine/http/client.h"
#include "engine/store/rclone/rclone_child.h"

namespace cairn::rclone {

// What a listing tells of a file or a folder.
struct RemoteEntry {
  std::string path;  // below the remote's own
  bool is_folder = false;
  uint64_t size = 0;
  UnixNs modified = 0;  // 0: not said
};

// Each call is one request to the child. What the remote has failed at is told in rclone's own words, and is taken for
// what may pass where they do not say otherwise.
//
// Safe for concurrent use; borrows the child. Paths are below the remote's own, "" is that itself.
class Remote {
 public:
  Remote(const Child& child, const Options& options);

  // Whether a file can be moved there without being sent again. The first call: it opens the remote.
  Result<bool> CanMove();
  Result<void> MakeFolder(const std::string& path);
  // Makes the folder. When this was cut off, half a file may be there.
  Result<void> Upload(const std::string& folder, const std::string& name, ByteSpan bytes, std::string_view boundary);
  // Makes the folder. What was there is removed first, so that for a moment, or if it fails, there is nothing.
  Result<void> Move(const std::string& from, const std::string& to);
  Result<void> Remove(const std::string& path);        // a file; success where it is absent
  Result<void> RemoveFolder(const std::string& path);  // an empty one
  Result<Bytes> Get(const std::string& path, uint64_t size_max);
  // As the contract of stores has it.
  Result<Bytes> GetRange(const std::string& path, uint64_t offset, uint64_t size);
  struct FileStat {
    uint64_t size = 0;
    UnixNs modified = 0;
  };
  Result<FileStat> Stat(const std::string& path);
  // kNotFound where this folder, or one in it that went meanwhile, is not there.
  using Each = std::function<Result<void>(RemoteEntry entry)>;
  enum class Depth : uint8_t { kOne, kAll };  // kAll: files only
  Result<void> List(const std::string& folder, Depth depth, const Each& each);

 private:
  // `what` is told first.
  Result<http::Response> Send(http::Request request, const std::string& what);
  Result<http::Response> Post(std::string_view call, const std::string& json, const std::string& what,
                              const std::function<Result<void>(ByteSpan)>& sink = {});
  std::string UrlOf(const std::string& path) const;
  std::string Named(const std::string& path) const;

  const Child& child_;
  const std::string remote_;
  http::Client client_;
};

// What rclone's words mean: kNotFound never. Transient where nothing else is known.
Error ErrorOfWords(std::string_view words, const std::string& what);

}  // namespace cairn::rclone
