// What a configuration file says: named repositories, and jobs that use them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/jobs/retention.h"

namespace cairn {

// Where something stands in the file, from 1.
struct TextPlace {
  uint32_t line = 0, column = 0;
};

// Values are those that the options of the same names take, checked, as they were written.
struct ConfiguredRepository {
  std::string name;
  TextPlace place;
  std::string address;
  std::vector<std::string> store_settings;  // NAME=VALUE
  // At most one of them is given.
  std::string password_file, password_command, password_variable;
  std::string cache_folder, limit_upload, limit_download;
};

struct ConfiguredRetention {
  RetentionPolicy policy;
  bool prune = true;  // where something was forgotten
  std::string max_unused, max_repack_size;
};

// A command: a line for the shell, or a program with its arguments.
struct ConfiguredHook {
  std::string shell;
  std::vector<std::string> program;
  uint32_t time_limit_s = 3600;
  bool is_given() const { return !shell.empty() || !program.empty(); }
};

struct ConfiguredHooks {
  ConfiguredHook before, after, on_success, on_failure;
};

struct ConfiguredCopy {
  std::string to;
  TextPlace place;
  std::optional<ConfiguredRetention> retention;
};

// What `cairn backup` is told by its options of the same names.
struct ConfiguredItems {
  std::vector<std::string> paths, excludes, exclude_files, exclude_if_present;
  std::string exclude_larger_than;
  bool exclude_caches = false, one_file_system = false;
  std::vector<std::string> sqlite;
  std::vector<std::string> postgres, databases, tables, excluded_tables;
  std::string order = "heap";
  uint32_t lock_wait_s = 60, sessions = 0;
  bool schema_only = false, data_only = false;
  std::vector<std::string> command;  // whose output is a stream
  std::string stdin_filename;
  std::vector<std::string> sets;  // NAME=WHAT
};

struct ConfiguredJob {
  std::string name;
  TextPlace place;
  ConfiguredItems items;
  std::vector<std::string> tags;
  std::string host, description, compression = "default";
  bool force = false;
  std::vector<std::string> schedules;  // schedule.h; kept for who runs jobs by them
  std::string time_zone;               // of the schedules; "" that of the machine
  std::string to;                      // the first repository
  std::vector<ConfiguredCopy> copies;
  std::optional<ConfiguredRetention> retention;  // in the first repository
  ConfiguredHooks hooks;
};

// Every name that is used is that of a repository or job here.
struct Configuration {
  std::string file;  // its absolute path
  std::vector<ConfiguredRepository> repositories;
  std::vector<ConfiguredJob> jobs;  // ascending by name

  // nullptr: there is none of this name.
  const ConfiguredRepository* FindRepository(std::string_view name) const;
  const ConfiguredJob* FindJob(std::string_view name) const;
  // "; there are a, b" or "; did you mean a?", for an error that names another.
  std::string OtherRepositories(const std::string& name) const;
  std::string OtherJobs(const std::string& name) const;
};

// Letters a to z, digits, "_" and "-"; 1 to 64 of them. No address of a repository with a "/" or ":" is one.
bool IsConfiguredName(std::string_view text);

}  // namespace cairn
