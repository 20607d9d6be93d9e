// What `cairn backup` is to read: the options that say so, and the sources that they ask for.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/source/source.h"
#include "frontends/cli/cli.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/config/configuration.h"
#include "frontends/config/named_set.h"
#include "frontends/files/file_source.h"

namespace cairn {

// What a backup leaves out, for it is no source of anybody's.
struct BackupPlaces {
  std::string repository;  // its folder
  std::vector<std::string> other_repositories;
  std::string cache_root;
};

// Filled by the command line, or with what a job says, and then only read. One thread.
class BackupSources {
 public:
  BackupSources() = default;
  BackupSources(const ConfiguredItems& items, BackupPlaces places);

  // The options, once; this outlives the parsing.
  void AddTo(CLI::App& command);

  // Each an item of one snapshot: the paths, the stream, the databases, then the sets in their order. kInvalidArgument
  // says which two would have one name, and the way out. What is asked for is looked at, and nothing read.
  Result<std::vector<std::unique_ptr<Source>>> Make(Cli& cli) const;
  // Sets the totals of the progress, where they can be known before (StartScan of source_scan.h).
  Result<std::unique_ptr<std::jthread>> StartScan(Cli& cli) const;

 private:
  using SourceOf = std::function<Result<std::unique_ptr<Source>>(std::string name)>;
  // An item to be.
  struct Wanted {
    std::string name;        // in a snapshot of several
    std::string name_alone;  // where it is the only one
    std::string what;        // for people
    std::string way_out;     // what gives it another name
    SourceOf make;
  };
  // A function a kind of source.
  Result<Wanted> Files(Cli& cli, const std::vector<std::string>& paths) const;
  Result<Wanted> Stream(Cli& cli) const;
  Result<Wanted> Database(Cli& cli, const std::string& file) const;
  Result<std::vector<Wanted>> Server(Cli& cli, const std::string& address) const;
  Result<Wanted> Set(Cli& cli, const NamedSet& set) const;
  Result<std::vector<Wanted>> All(Cli& cli) const;

  Result<FileSourceOptions> FileOptions(Cli& cli, const std::vector<std::string>& paths) const;
  bool has_stream() const { return from_stdin_ || from_command_ || !command_.empty(); }
  bool has_paths() const { return !from_command_ && !paths_.empty(); }
  const std::vector<std::string>& command() const { return from_command_ ? paths_ : command_; }

  std::optional<BackupPlaces> places_;  // else those of the command
  std::vector<std::string> command_;    // of a job; on a command line it stands where paths do
  std::vector<std::string> paths_, databases_, sets_, excludes_, exclude_files_, exclude_if_present_;
  std::string stdin_filename_, exclude_larger_than_;
  PostgresOptions postgres_;
  uint32_t lock_wait_ = 60;
  bool exclude_caches_ = false, one_file_system_ = false, from_stdin_ = false, from_command_ = false;
};

}  // namespace cairn
