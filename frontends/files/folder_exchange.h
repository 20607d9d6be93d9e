// What is in a folder, or one entry of it, exchanged for what was made ready beside it; and back.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/log.h"
#include "repo-format/base/result.h"

namespace cairn {

// The folder itself stays, with its inode, by which it may be mounted, bound into a container, or watched, and with its
// owner, mode and times; its entries are renamed, so that each is the former one or the new one, whole. In between the
// folder has neither, for as long as so many renames take.
//
// All lies in a folder ".cairn-replace-<run>" in it (of one entry: "-<entry>" behind that), for nobody else's eyes, and
// locked (flock) while its process lives:
//   new/     what will be there
//   taking/  what was there, while not all of it has been moved; then
//   former/  what was there
//   late/    what somebody put in the way meanwhile, or may have
// Whatever moment a process dies in, PutBack of a later one finds by these what to do. One thread at a time.
class FolderExchange {
 public:
  struct Options {
    std::string folder;  // that is there; an absolute path without links
    std::string entry;   // this one alone; empty: all but folders of this kind
    std::string run;     // 8 hexadecimal digits
  };
  // kBusy: another process is at it, or one that died has left what has to be put back first (both named).
  static Result<std::unique_ptr<FolderExchange>> Make(Options options, Log& log);
  // What a process that died has left of this run; nothing where there is none.
  static Result<std::unique_ptr<FolderExchange>> Find(Options options);
  // What an exchange would end with.
  static Result<void> RefuseMounts(const Options& options);
  ~FolderExchange();
  FolderExchange(const FolderExchange&) = delete;
  FolderExchange& operator=(const FolderExchange&) = delete;

  std::string path() const { return work_; }
  std::string new_folder() const { return work_ + "/new"; }
  std::string former_folder() const { return work_ + "/former"; }

  // An Error: all is as it was, or it says what is not. Durable on return.
  Result<void> Exchange();
  // After Exchange: of what is former, these paths (with the folders above them, where those are new ones) are to be
  // there still. PutBack of this process minds them.
  Result<void> Carry(const std::vector<std::string>& paths);
  // What was there is there again; what had taken its place is in new_folder(), or, of what Find has found, in late/.
  // Success where nothing was exchanged.
  Result<void> PutBack();
  // Names of what is in late/.
  const std::vector<std::string>& late() const { return late_; }
  // With all that is in it. Not called, it stays.
  Result<void> Remove();

 private:
  explicit FolderExchange(Options options);
  Result<void> OpenWork();
  Result<std::vector<std::string>> Entries() const;
  Result<void> MoveAll(const std::vector<std::string>& names, const std::string& from, const std::string& to);
  Result<void> Move(const std::string& name, const std::string& from, const std::string& to);
  bool Has(const char* name) const;
  Result<void> Sync() const;

  const Options options_;
  const std::string work_;
  int lock_ = -1;                                   // a descriptor of work_
  std::optional<std::vector<std::string>> placed_;  // of new/, in this process
  std::vector<std::string> carried_;
  std::optional<std::array<timespec, 2>> times_;  // of the folder, before anything was made in it
  std::vector<std::string> late_;
};

}  // namespace cairn
