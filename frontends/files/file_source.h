// Files of this machine as a Source.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/source/source.h"
#include "frontends/files/exclude_rules.h"

namespace cairn {

struct FileSourceOptions {
  std::string item = "files";      // its name in the snapshot
  std::vector<std::string> paths;  // absolute or relative; files or folders
  // None of what leaves out touches the given paths themselves and the folders above them.
  ExcludeRules excludes;
  // In a folder with an entry of one of these names, this entry alone is kept.
  std::vector<std::string> exclude_if_present;
  bool exclude_caches = false;  // the same for a CACHEDIR.TAG that begins with the signature of its standard
  std::optional<uint64_t> exclude_larger_than;  // files with more bytes
  bool one_file_system = false;  // that of each given path; folders on which others are mounted stay, empty
  // The repository where it is a folder, known by device and inode: it is left out, and a note says so. So is each of
  // the others.
  std::string repository;
  std::vector<std::string> other_repositories;
  // Where cairn has its caches: those of repositories are left out, and whatever else is in it stays.
  std::string cache_root;
  // The cache of this run alone, which is left out whole. Asked when the root is opened; empty, or no function: none.
  std::function<std::string()> temporary_cache;
  size_t open_folders_max = 128;  // descriptors that may be kept at once; more are opened when needed
};

// One item with one tree from "/" down: the given paths whole, and the folders above them with their own metadata.
//
// Everything is opened relative to its folder and follows no link, so that nobody who writes to the source while it is
// read can lead the reading elsewhere; links above the given paths are resolved once, at the beginning. Access times
// are left alone where the system allows it. Sockets, and what is left out because it is the repository, are told as
// notes; what vanished or cannot be read as warnings, and the rest goes on. kNotFound where none of the paths is there.
class FileSource : public Source {
 public:
  // kInvalidArgument where a given path is the repository or in it; kNotFound as above, also when the root is opened.
  static Result<std::unique_ptr<FileSource>> Make(FileSourceOptions options);
  ~FileSource() override;

  ItemKind kind() const override { return ItemKind::kFiles; }
  SourceKind chunking() const override { return SourceKind::kFiles; }
  std::string name() const override;
  // Absolute, ascending, each once: the same folders have the same names from wherever the program is started.
  std::vector<Bytes> paths() const override;
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override;
  std::optional<Bytes> parameters() const override;

 private:
  struct Shared;
  class Folder;
  explicit FileSource(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;  // with the folders: they may outlive this
};

}  // namespace cairn
