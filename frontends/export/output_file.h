// A file of an export, which has its name only when it is whole; and standard output.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "engine/crypto/hash.h"
#include "frontends/export/byte_sink.h"
#include "frontends/stream/readable.h"
#include "repo-format/ids.h"

namespace cairn::exports {

// Written under one name, and placed under another when it is whole; without that it goes with this value. Mode 0600,
// for it holds what a backup holds. Memory: 256 KiB, and what was patched.
class OutputFile : public ByteSink {
 public:
  // A new file. `shown`: what errors call it; empty: its name.
  static Result<std::unique_ptr<OutputFile>> Make(const std::string& name, const std::string& shown = "");
  ~OutputFile() override;

  Result<void> Write(ByteSpan bytes) override;
  Result<void> Finish() override;  // what is held back is written
  // Over what was written; before Finish or after it. Two are of the same bytes, or have none in common.
  Result<void> Patch(uint64_t offset, ByteSpan bytes);
  // Takes part of its bytes: fewer where it ends before.
  Result<Bytes> Read(uint64_t offset, size_t size) const;

  const std::string& name() const { return name_; }  // until it is placed
  int descriptor() const { return file_.get(); }
  uint64_t bytes() const { return offset_ + buffer_.size(); }
  // SHA-256 of what was written in order, without what was patched. After Finish; this or ReadAgain, once.
  Digest Written() { return written_.Finish(); }
  // SHA-256 of what the file gives when it is read again, which must be what was written and patched. After Finish.
  // Once.
  Result<Digest> ReadAgain(const std::stop_token& stop);

  // On to the disk, without a name yet that is kept.
  Result<void> Sync();
  // Durable, and then at its place on the same disk; kAlreadyExists where something is there, unless it is to be
  // replaced.
  Result<void> Place(const std::string& path, bool replaces);
  // It stays under its name.
  void Keep() { is_kept_ = true; }

 private:
  OutputFile(std::string name, std::string shown, int fd)
      : name_(std::move(name)), shown_(std::move(shown)), file_(fd) {}
  struct Patched {
    Bytes before, now;
  };
  Result<void> Put(ByteSpan bytes);
  Result<void> Flush();
  bool TakePatchesBack(uint64_t offset, MutableByteSpan bytes) const;

  const std::string name_, shown_;
  const stream::OwnedFd file_;
  Bytes buffer_;
  uint64_t offset_ = 0;
  Sha256Stream written_;                 // of what was written in order
  std::map<uint64_t, Patched> patches_;  // by where they begin
  bool is_kept_ = false;
};

// A pipe, or whatever else a descriptor is that others gave. Waits where nobody reads, until stop is asked for. Borrows
// both.
class DescriptorSink : public ByteSink {
 public:
  DescriptorSink(int fd, const stream::Waiter& waiter, std::string name)
      : fd_(fd), waiter_(waiter), name_(std::move(name)) {}
  Result<void> Write(ByteSpan bytes) override;
  Result<void> Finish() override { return {}; }

 private:
  const int fd_;
  const stream::Waiter& waiter_;
  const std::string name_;
};

// SHA-256 of a file, which must be that of what was written to it.
Result<Digest> HashFile(const std::string& path, const Digest& written, const std::stop_token& stop);
// Beside `path`, for what is not there yet; nobody else has it.
std::string TemporaryName(const std::string& path);
// From one name to another: kAlreadyExists where that is taken and not to be replaced. Durable on return; after an
// Error it has the former name, unless something was replaced.
Result<void> MoveInto(const std::string& from, const std::string& to, bool replaces);
// kAlreadyExists where something is there.
Result<void> RefuseTaken(const std::string& path);

}  // namespace cairn::exports
