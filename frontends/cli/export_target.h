// Where an export goes: a file or a folder that has its name when it is whole, with its SHA-256 beside it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/cli/cli.h"
#include "frontends/cli/scratch_store.h"
#include "frontends/export/output_file.h"

namespace cairn {

// What is not placed goes with this value, and where the user forces the end. One thread.
class ExportTarget {
 public:
  // `output`: a name, a folder that is there (then `name` in it), or "-". `is_folder`: what is made is a folder; one
  // that is there and holds a dump is then the name, and not what it is put into.
  // kAlreadyExists where the place, or that of its SHA-256, is taken and not to be replaced, or taken by what never is:
  // links, devices, other folders. kInvalidArgument inside the repository.
  static Result<std::unique_ptr<ExportTarget>> Make(Cli& cli, const std::string& output, const std::string& name,
                                                    bool is_folder, bool replaces);
  ~ExportTarget();
  ExportTarget(const ExportTarget&) = delete;
  ExportTarget& operator=(const ExportTarget&) = delete;

  bool is_stdout() const { return path_.empty(); }
  const std::string& path() const { return path_; }
  // A file in the scratch folder: beside the target, or where temporary files are for what goes to standard output.
  Result<std::unique_ptr<exports::OutputFile>> NewFile(const std::string& name);
  // The same in a folder there, which is then the target of PlaceFolder.
  Result<std::unique_ptr<exports::OutputFile>> NewFileOfFolder(const std::string& name);
  std::string folder() const;

  // Reads it again, syncs it, and gives it and its SHA-256 their names. The SHA-256, in hexadecimal.
  Result<std::string> PlaceFile(Cli& cli, exports::OutputFile& file);
  struct FileMade {
    std::string name;  // in the folder
    uint64_t bytes = 0;
    Digest written;
  };
  // The same of a folder of files, which are all of `made`.
  Result<void> PlaceFolder(Cli& cli, std::vector<FileMade> made);
  // That nothing of another database is beside the place of a SQLite database.
  Result<void> RefuseJournals() const;

 private:
  ExportTarget(Cli& cli, std::string path, bool replaces, std::shared_ptr<ScratchFolder> scratch)
      : cli_(cli), path_(std::move(path)), replaces_(replaces), scratch_(std::move(scratch)) {}
  Result<void> MakeScratch();
  std::string SumPath() const { return path_ + ".sha256"; }
  Result<std::unique_ptr<exports::OutputFile>> NewSum(const std::string& text);
  Result<void> RefuseIrreplaceable(bool is_folder) const;
  Result<void> RefuseOtherFolder() const;
  Result<void> SwapFolder();
  Result<void> SwapInSteps(const std::string& made);

  Cli& cli_;
  const std::string path_;  // empty: standard output
  const bool replaces_;
  const std::shared_ptr<ScratchFolder> scratch_;
  bool has_scratch_ = false, has_folder_ = false;
};

}  // namespace cairn
