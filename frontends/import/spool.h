// A file of this run alone, for what has to be read in another order than it comes. Private to frontends/import.
#pragma once

#include <string>

#include "frontends/import/byte_stream.h"

namespace cairn::import {

// In the folder that TMPDIR names, else /var/tmp, where nobody else may read it. It has no name from the first on, so
// that nothing is left of it however the process ends, unless it is asked for one. One thread writes; then any may
// read.
class Spool {
 public:
  static Result<std::unique_ptr<Spool>> Make();
  static Result<std::unique_ptr<Spool>> MakeNamed();  // until RemoveName
  ~Spool() { RemoveName(); }

  Result<void> Append(ByteSpan bytes);
  Result<void> AppendHole(uint64_t bytes);  // reads as zeros
  Result<void> AppendAll(ByteStream& stream, const std::stop_token& stop);
  uint64_t size() const { return size_; }
  const SharedFd& file() const { return file_; }
  const std::string& name() const { return name_; }  // empty: it has none
  void RemoveName();

 private:
  Spool(int fd, std::string folder, std::string name)
      : file_(std::make_shared<stream::OwnedFd>(fd)), folder_(std::move(folder)), name_(std::move(name)) {}
  const SharedFd file_;
  const std::string folder_;
  std::string name_;
  uint64_t size_ = 0;
};

}  // namespace cairn::import
