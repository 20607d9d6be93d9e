#include "frontends/cli/export_target.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "engine/env/sync_file.h"
#include "frontends/cli/command.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

using exports::OutputFile;

bool IsFolder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// A line that `sha256sum -c` reads, which marks a name with odd characters by a backslash before all.
std::string SumLine(const Digest& digest, const std::string& name) {
  std::string shown;
  for (const char c : name) shown += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
  return (shown == name ? "" : "\\") + ToHex(digest.bytes()) + "  " + shown + "\n";
}

// A name of pg_dump's directory form: "toc.dat", "3041.dat.gz", "blob_16401.dat", "blobs.toc", "blobs_3042.toc".
bool IsPgdumpName(std::string_view name) {
  if (name == "toc.dat" || name == "blobs.toc") return true;
  const auto take = [&](std::string_view begin, std::initializer_list<std::string_view> endings) {
    if (!name.starts_with(begin)) return false;
    const std::string_view rest = name.substr(begin.size());
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    return digits > 0 && std::ranges::find(endings, rest.substr(digits)) != endings.end();
  };
  const auto data = {std::string_view(".dat"), std::string_view(".dat.gz"), std::string_view(".dat.lz4"),
                     std::string_view(".dat.zst")};
  return take("", data) || take("blob_", data) || take("blobs_", {".toc"});
}

Result<void> SyncFolder(const std::string& path) {
  const stream::OwnedFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return ErrnoError(errno, "opening the folder " + path);
  return SyncFile(folder.get(), path);
}

}  // namespace

Result<std::unique_ptr<ExportTarget>> ExportTarget::Make(Cli& cli, const std::string& output, const std::string& name,
                                                         bool is_folder, bool replaces) {
  std::string path, beside;
  if (output == "-") {
    const char* folder = std::getenv("TMPDIR");
    beside = std::string(folder != nullptr && *folder != 0 ? folder : "/var/tmp") + "/export";
  } else {
    path = output.empty() ? name : output;
    const bool is_dump = is_folder && ::access((output + "/toc.dat").c_str(), F_OK) == 0;
    if (output.ends_with('/') && !is_folder && !IsFolder(output)) {
      return MakeError(ErrorCode::kNotFound, "there is no folder {}: make it, or give the name of a file",
                       PathForPeople(AsBytes(output)));
    }
    if (!output.empty() && IsFolder(output) && !is_dump) path = output + (output.ends_with('/') ? "" : "/") + name;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    RETURN_IF_ERROR(RefuseInsideRepository(cli, path));
    beside = path;
  }
  auto scratch = std::make_shared<ScratchFolder>(exports::TemporaryName(beside));
  std::unique_ptr<ExportTarget> target(new ExportTarget(cli, path, replaces, scratch));
  if (!path.empty() && !replaces) {
    RETURN_IF_ERROR(exports::RefuseTaken(path));
    RETURN_IF_ERROR(exports::RefuseTaken(target->SumPath()));
  }
  if (!path.empty()) RETURN_IF_ERROR(target->RefuseIrreplaceable(is_folder));
  return target;
}

// A link is not followed and not replaced either: what it stands for, its owner knows. Behind the name of a device are
// no bytes to be had back.
Result<void> ExportTarget::RefuseIrreplaceable(bool is_folder) const {
  for (const std::string& path : {path_, SumPath()}) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) {
      if (errno == ENOENT) continue;
      return ErrnoError(errno, "looking at " + PathForPeople(AsBytes(path)));
    }
    const bool takes_folder = is_folder && path == path_;
    if (takes_folder && S_ISDIR(info.st_mode)) {
      RETURN_IF_ERROR(RefuseOtherFolder());
    } else if (takes_folder || !S_ISREG(info.st_mode)) {
      return MakeError(ErrorCode::kAlreadyExists,
                       "{} is there, and is no {} of an export: give another name by --output",
                       PathForPeople(AsBytes(path)), takes_folder ? "folder" : "file");
    }
  }
  return {};
}

Result<void> ExportTarget::MakeScratch() {
  if (has_scratch_) return {};
  cli_.RemoveWhenForced(scratch_);
  RETURN_IF_ERROR(scratch_->Make());
  has_scratch_ = true;
  return {};
}

ExportTarget::~ExportTarget() {
  const auto removed = scratch_->Remove();
  if (!removed) cli_.context().log.Warning("{}", removed.error().message());
}

// Of a folder only what is known to be a dump is replaced.
Result<void> ExportTarget::RefuseOtherFolder() const {
  std::error_code failed;
  bool is_dump = std::filesystem::is_regular_file(path_ + "/toc.dat", failed);
  for (std::filesystem::directory_iterator it(path_, failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(it->symlink_status(unknown))) is_dump = false;
    if (!IsPgdumpName(it->path().filename().string())) is_dump = false;
  }
  if (is_dump && !failed) return {};
  return MakeError(ErrorCode::kAlreadyExists,
                   "{} is a folder, and not just a dump of pg_dump's directory form: it is not replaced",
                   PathForPeople(AsBytes(path_)));
}

Result<void> ExportTarget::RefuseJournals() const {
  if (is_stdout()) return {};
  for (const char* ending : {"-wal", "-journal"}) {
    struct stat info{};
    if (::lstat((path_ + ending).c_str(), &info) != 0) continue;
    return MakeError(ErrorCode::kAlreadyExists,
                     "{}{} is there, which SQLite would take for this database's: give another name by --output",
                     PathForPeople(AsBytes(path_)), ending);
  }
  return {};
}

Result<std::unique_ptr<OutputFile>> ExportTarget::NewFile(const std::string& name) {
  RETURN_IF_ERROR(MakeScratch());
  return OutputFile::Make(scratch_->path() + "/" + name, path_);
}

std::string ExportTarget::folder() const { return scratch_->path() + "/dump"; }

Result<std::unique_ptr<OutputFile>> ExportTarget::NewFileOfFolder(const std::string& name) {
  RETURN_IF_ERROR(MakeScratch());
  if (!has_folder_ && ::mkdir(folder().c_str(), 0700) != 0) return ErrnoError(errno, "making the folder " + folder());
  has_folder_ = true;
  return OutputFile::Make(folder() + "/" + name, path_ + "/" + name);
}

Result<std::unique_ptr<OutputFile>> ExportTarget::NewSum(const std::string& text) {
  ASSIGN_OR_RETURN(auto sum, OutputFile::Make(scratch_->path() + "/sha256", SumPath()));
  RETURN_IF_ERROR(sum->Write(AsBytes(text)));
  RETURN_IF_ERROR(sum->Finish());
  return sum;
}

Result<std::string> ExportTarget::PlaceFile(Cli& cli, OutputFile& file) {
  cli.context().progress.SetPhase("reading it again");
  ASSIGN_OR_RETURN(const Digest digest, file.ReadAgain(cli.stop()));
  ASSIGN_OR_RETURN(const auto sum, NewSum(SumLine(digest, NameIn(path_))));
  RETURN_IF_ERROR(file.Place(path_, replaces_));
  auto placed = sum->Place(SumPath(), replaces_);
  if (!placed) {
    if (!replaces_) ::unlink(path_.c_str());
    return std::move(placed).error();
  }
  return ToHex(digest.bytes());
}

Result<void> ExportTarget::PlaceFolder(Cli& cli, std::vector<FileMade> made) {
  cli.context().progress.SetPhase("reading it again");
  std::string lines;
  std::ranges::sort(made, {}, &FileMade::name);
  for (const auto& [name, bytes, written] : made) {
    ASSIGN_OR_RETURN(const Digest digest, exports::HashFile(folder() + "/" + name, written, cli.stop()));
    lines += SumLine(digest, NameIn(path_) + "/" + name);
  }
  ASSIGN_OR_RETURN(const auto sum, NewSum(lines));
  RETURN_IF_ERROR(SyncFolder(folder()));
  RETURN_IF_ERROR(SwapFolder());
  auto placed = sum->Place(SumPath(), replaces_);
  // Back, to go with the scratch folder.
  if (!placed && !replaces_) {
    IgnoreError(exports::MoveInto(path_, folder(), false), "the first error is the one to tell");
  }
  return placed;
}

// A dump that was there changes places with this one, and goes with the scratch folder.
Result<void> ExportTarget::SwapFolder() {
  const std::string made = folder();
  if (replaces_ && IsFolder(path_)) {
    RETURN_IF_ERROR(RefuseOtherFolder());
    if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0) {
      return SyncFolder(scratch_->path());
    }
    if (errno != EINVAL) return ErrnoError(errno, "putting the dump in the place of " + path_);
    return SwapInSteps(made);
  }
  return exports::MoveInto(made, path_, false);
}

// Where two names cannot change places at once. What was there is beside until the new one has its name: in the scratch
// folder it would go with that.
Result<void> ExportTarget::SwapInSteps(const std::string& made) {
  const std::string before = exports::TemporaryName(path_);
  RETURN_IF_ERROR(exports::MoveInto(path_, before, false));
  auto placed = exports::MoveInto(made, path_, false);
  if (placed) return exports::MoveInto(before, scratch_->path() + "/before", false);
  if (exports::MoveInto(before, path_, false)) return placed;
  return std::move(placed).error().While("the dump that was there is now " + PathForPeople(AsBytes(before)));
}

}  // namespace cairn
