// A file that another system left as a backup: read, and never written, nor anything beside it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "engine/env/clock.h"
#include "frontends/import/byte_stream.h"
#include "repo-format/ids.h"
#include "repo-format/wire_writer.h"

namespace cairn::import {

// Open from the beginning to the end, so that what is judged is what is stored. Any thread.
class Original {
 public:
  // kInvalidArgument: no file.
  static Result<std::shared_ptr<const Original>> Open(const std::string& path);

  // Of an object that is elsewhere: `fetch` gives all of its bytes, which are kept in a file of this run alone. `path`:
  // its address. kCorrupt where they are not `size`.
  using Take = std::function<Result<void>(ByteSpan piece)>;
  static Result<std::shared_ptr<const Original>> Fetch(const std::string& path, uint64_t size, const WireTime& modified,
                                                       const std::function<Result<void>(const Take& take)>& fetch);

  const std::string& path() const { return path_; }  // absolute, or an address
  const SharedFd& file() const { return file_; }
  uint64_t size() const { return size_; }
  const WireTime& modified() const { return modified_; }
  // The log that lies beside a database: its last changes may be in it alone.
  const SharedFd& log() const { return log_; }  // nullptr: there is none
  uint64_t log_size() const { return log_size_; }
  bool has_journal() const { return has_journal_; }  // a transaction that a crash left half done

  std::unique_ptr<ByteStream> Read() const;
  // SHA-256 of its bytes, and of those of the log behind them.
  Result<Digest> Hash(const std::stop_token& stop) const;
  // kBusy where it was written to since Open, or another file is in its place.
  Result<void> CheckUnchanged() const;
  // Whether a later write might leave size and time as they are.
  bool MayMissChange(const Clock& clock) const;

 private:
  Original() = default;
  std::string path_;
  SharedFd file_, log_;
  uint64_t size_ = 0, log_size_ = 0;
  WireTime modified_, log_modified_;
  bool has_journal_ = false;
  bool is_fetched_ = false;  // nobody else has the file
};

}  // namespace cairn::import
