// What is in a folder, or one entry of it, exchanged for what was made ready beside it; and back.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/env/log.h"
#include "repo-format/base/result.h"

namespace cairn {

// The folder itself stays, with its inode, by which it may be mounted, bound into a container, or watched, and with its
// owner and mode; its entries are renamed, so that each is the former one or the new one, whole. In between the folder
// has neither, for as long as so many renames take.
//
// All lies in a folder ".cairn-replace-<run>" in it (of one entry: "-<entry>" behind that), for nobody else's eyes, and
// locked (flock) while its process lives:
//   new/     what will be there
//   taking/  what was there, while not all of it has been moved; then
//   former/  what was there
//   late/    what somebody put in the way meanwhile, or may have
//   kept/    what had been in its place, and was written to, when it was put back
//   carried  paths that went from former/ to the place, each with a zero byte behind it
// Whatever moment a process dies in, PutBack of a later one finds by these what to do. Everything is reached by
// descriptors from the folder on, and no link is followed: who may write to it cannot lead this elsewhere. One thread
// at a time.
class FolderExchange {
 public:
  struct Options {
    std::string folder;  // that is there; an absolute path without links
    std::string entry;   // this one alone; empty: all but folders of this kind
    std::string run;     // 8 hexadecimal digits
    bool exists = true;  // false: nothing is there yet, and what comes meanwhile is not replaced
  };
  // kBusy: another process is at it, or one that died has left what has to be put back, or looked at, first.
  static Result<std::unique_ptr<FolderExchange>> Make(Options options, Log& log);
  // What a process that died has put aside in this run; nothing where there is nothing to put back.
  static Result<std::unique_ptr<FolderExchange>> Find(Options options);
  // What an exchange would end with: another file system is mounted in what is to be moved.
  static Result<void> RefuseMounts(const Options& options);
  // ".cairn-replace-0123abcd", or with "-" and something behind it.
  static bool IsWorkName(std::string_view name);
  ~FolderExchange();
  FolderExchange(const FolderExchange&) = delete;
  FolderExchange& operator=(const FolderExchange&) = delete;

  const std::string& path() const { return work_; }
  // Paths of folders in it: for this process as long as this lives, and for people.
  std::string new_folder() const { return PathOf(new_); }
  std::string former_folder() const { return PathOf(former_); }
  std::string Shown(const char* inside) const;

  // An Error: all is as it was, or it says what is not. Durable on return.
  Result<void> Exchange();
  // After Exchange: of what is former, these paths are to be there still, in folders that are made where they are
  // missing. Gives those for which something else is in the way. PutBack minds them.
  Result<std::vector<std::string>> Carry(const std::vector<std::string>& paths);
  const std::vector<std::string>& carried() const { return carried_; }
  // What was there is there again; what had taken its place is in new_folder(), or, of what Find has found, in late/.
  // Success where nothing was exchanged.
  Result<void> PutBack();
  // new/ has what is somebody's: it becomes kept/, which nothing removes.
  Result<void> KeepNew();
  // Whether something in it is to be looked at by somebody: late/ or kept/.
  bool has_others() const { return has_late() || Has("kept"); }
  bool has_late() const { return Has("late"); }
  // With all that is in it; `former_too`: what was there is needed no more. kBusy, and nothing is removed, where there
  // is something else that nobody can make again. Not called, it stays.
  Result<void> Remove(bool former_too);

 private:
  class Fd {
   public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~Fd();
    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }

   private:
    int fd_ = -1;
  };

  explicit FolderExchange(Options options);
  static std::string PathOf(const Fd& folder);
  Result<void> OpenWork();
  Result<void> OpenParts();
  Result<Fd> OpenPart(const char* name, bool make);
  Result<void> RefuseOthersAtWork(Log& log) const;
  Result<std::vector<std::string>> Entries() const;
  Result<void> MoveAll(const std::vector<std::string>& names, const Fd& from, const Fd& to);
  Result<void> Move(const std::string& name, const Fd& from, const Fd& to);
  Result<bool> CarryOne(const std::string& path);
  Result<void> TakeNew();
  Result<void> Undo();
  bool Has(const char* name) const;
  bool IsInFolder(const std::string& name) const;
  Result<void> RenamePart(const char* from, const char* to) const;
  Result<void> Sync() const;

  const Options options_;
  const std::string name_, work_;
  Fd folder_, lock_;                                // of the folder; of work_
  Fd new_, former_;                                 // the latter also while it is called taking/
  std::optional<std::vector<std::string>> placed_;  // of new/, in this process
  std::vector<std::string> carried_;
  std::optional<struct stat> before_;  // of the folder, before anything was made in it
};

}  // namespace cairn
